"""What the energy benchmark makes of its figures; the networks are those of the claim."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import energy
from benchmarks.energy import BEGIN, BENCHES, END, Figures, differences, keep
from benchmarks.energy_networks import dense_case, gesture_case, large_chip, shuffled
from snn2chip.energy import count
from snn2chip.graph.linear import synapses
from tests.energy.sanafe.figures import run_here

OURS = {
    "seconds": {"count": 0.006, "price": 0.004, "detailed": 0.09},
    "spikes": 10, "events": 20, "packets": 30, "dynamic_j": 1e-6, "simple_s": 1e-3,
    "cores": 18, "peak_mb": 200.0,
}  # fmt: skip
THEIRS = {"simple": 1.0, "detailed": 2.0, "setup": 3.0, "peak_mb": 1000.0}
TOTALS = {
    "neurons_fired": 10, "spikes": 20, "packets_sent": 30, "energy": {"total": 1e-6},
    "sim_time": 1e-3,
}  # fmt: skip
GESTURE = next(bench for bench in BENCHES if bench.name == "gesture")


def figures(**more: float) -> Figures:
    return Figures(GESTURE, "a network", OURS, THEIRS | more, ())


def test_the_networks_are_those_of_the_claim() -> None:
    dense, gesture = dense_case(2), gesture_case(2)
    assert [p.size for p in dense.program.populations] == [784, 256, 10]
    assert sum(p.size for p in gesture.program.populations) == 18_678
    assert sum(synapses(p.operator) for p in gesture.program.projections) == 3_564_441
    assert (large_chip().mesh.columns * 16, large_chip().limit("cores")) == (1024, 1024)


@pytest.mark.parametrize("make", [dense_case, gesture_case])
def test_every_layer_fires_and_none_is_saturated(make) -> None:  # type: ignore[no-untyped-def]
    _, counts = run_here(make(60))
    rates = [layer.spike_rate for layer in counts.layers]
    assert min(rates) > 0
    assert max(rates) < 0.25


def test_the_other_mapping_is_another_one_of_the_same_cores() -> None:
    case = gesture_case(8)
    activity, counts = run_here(case)
    other = shuffled(case)
    again = count(case.program, activity, other)
    assert set(other.places) == set(case.mapping.places)
    assert any((other.assignment[n] != a).any() for n, a in case.mapping.assignment.items())
    assert [layer.spikes for layer in again.layers] == [layer.spikes for layer in counts.layers]


def test_ratios_and_shares_are_judged() -> None:
    assert [check.holds for check in figures().checks()] == [True, True]
    assert [check.holds for check in figures(simple=0.1).checks()] == [False, True]
    assert [check.holds for check in figures(peak_mb=500.0).checks()] == [True, False]
    assert "| 10.0 | 1,000 | 100.0 x |" in figures().table()


def test_figures_that_are_not_the_same_are_named() -> None:
    assert differences("net", OURS, TOTALS) == ()
    (said,) = differences("net", {**OURS, "packets": 31}, TOTALS)
    assert said == "net: packets: ours 31, SANA-FE's 30"
    assert differences("net", OURS, TOTALS | {"sim_time": 1.1e-3}) != ()


def test_what_is_not_the_same_ends_with_6_and_what_is_missed_with_7(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["energy"])
    monkeypatch.setattr(energy, "found_engine", lambda: object())
    monkeypatch.setattr(energy, "busy", lambda: "busy")
    monkeypatch.setattr(energy, "kept_activity", lambda: ("", []))
    wrong = replace(figures(), differences=("net: packets",))
    for found, code in ((figures(), 0), (figures(simple=0.1), 7), (wrong, 6)):
        monkeypatch.setattr(energy, "figures", lambda *_, found=found: found)
        assert energy.main() == code
    assert "MISSED" in capsys.readouterr().out
    monkeypatch.setattr(energy, "found_engine", lambda: None)
    assert energy.main() == 0
    assert "make sanafe" in capsys.readouterr().out


def test_the_page_keeps_its_text(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    keep(page, [figures().table()], figures().checks(), "busy")
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "**busy**" in text
    assert "old\n" not in text
    assert "| yes |" in text


def test_arrays_of_a_case_are_reproducible() -> None:
    one, other = dense_case(5), dense_case(5)
    np.testing.assert_array_equal(one.inputs["input"], other.inputs["input"])
