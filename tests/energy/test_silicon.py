"""Measured chips: what this tool makes of published runs, within stated tolerances.

The cases are built and priced by ``benchmarks/silicon.py``; ``make silicon`` prints them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import silicon
from snn2chip.targets import load_target


@pytest.mark.parametrize("inputs", [667, 750])
def test_v1_a_query_on_loihi_within_a_quarter(inputs: int) -> None:
    """Frady 2020, arXiv 2004.12691: 1.33 mJ per query in the neurocores."""
    report = silicon.frady(inputs, active=False)
    pattern = report.layers[1]
    assert pattern.counts.synaptic_events == inputs * 76_800
    assert pattern.counts.neuron_steps == 4_608_000
    assert report.dynamic_pj is not None
    assert report.dynamic_pj / silicon.PJ_PER_MJ == pytest.approx(1.33, rel=0.25)


def test_v1_counted_as_active_the_neurons_cost_29_pj_more_each_step() -> None:
    """The other reading of Davies' prices, which the page states too."""
    quiet, busy = (silicon.frady(667, active) for active in (False, True))
    assert busy.dynamic_pj is not None
    assert quiet.dynamic_pj is not None
    assert busy.dynamic_pj - quiet.dynamic_pj == pytest.approx(4_608_000 * (81.0 - 52.0))
    assert busy.dynamic_pj / silicon.PJ_PER_MJ == pytest.approx(1.33, rel=0.20)


def test_v2_the_held_out_point_of_truenorth_within_2_per_cent() -> None:
    case = silicon.truenorth_case()
    assert (case.measured, case.within) == (71.0, 0.02)
    assert case.holds


def test_v2_the_fit_is_the_line_through_the_other_two_points() -> None:
    """Akopyan 2015, Fig. 17: 68 mW at 11.58 Hz, 94 mW at 95.93 Hz, 128 synapses per neuron."""
    table = load_target("truenorth").costs["akopyan2015"]
    low, high = (2**20 * 128 * hertz for hertz in (11.58, 95.93))
    slope_pj = (94.0 - 68.0) * 1e9 / (high - low)
    assert table.value("e_synop") == pytest.approx(slope_pj, rel=1e-3)
    assert table.value("p_static_chip") == pytest.approx(68.0 - slope_pj * low / 1e9, rel=1e-3)


@pytest.mark.parametrize(("clock_mhz", "measured_uw"), [(75.0, 477.0), (1.313, 35.0)])
@pytest.mark.parametrize("table", ["frenkel2019", "per_synop"])
def test_v3_odin_within_1_per_cent(clock_mhz: float, measured_uw: float, table: str) -> None:
    """Frenkel 2019, Fig. 8b: leakage, idle clock and synaptic operations at 0.55 V."""
    report = silicon.odin(clock_mhz, table)
    assert report.cycles == pytest.approx(256 * (513 if table == "frenkel2019" else 512) + 512)
    assert 1e3 * silicon.power_mw(report) == pytest.approx(measured_uw, rel=0.01)


def test_v4_pilotnet_on_loihi2_lies_in_its_bracket() -> None:
    """lava-dl's PilotNet LIF notebook: 1.094 mJ of dynamic energy per frame of 16 steps."""
    case = silicon.pilotnet_case()
    assert case.within is None
    assert case.low is not None
    assert case.high is not None
    assert case.low < case.modelled < case.high
    assert case.holds
    events = silicon.pilotnet().layers
    total = sum(layer.counts.synaptic_events for layer in events)
    assert total / silicon.PILOTNET_STEPS == pytest.approx(silicon.PILOTNET_EVENTS, rel=0.02)


def test_the_printed_table_has_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    silicon.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    assert not any("DOES NOT HOLD" in line for line in lines)
    assert "bracket" in lines[-1]


def test_a_case_that_is_off_is_called_so() -> None:
    make: Callable[..., silicon.Case] = silicon.Case
    assert not make("x", "mJ", 1.0, 1.3, 0.25).holds
    assert not make("x", "mJ", 1.0, 1.3, None, 1.1, 2.0).holds
    assert make("x", "mJ", 1.0, 1.3, None, 0.9, 2.0).holds
