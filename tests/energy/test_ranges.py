"""Ranges of constants, terms within other prices, synapses that are visited in every step."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.energy import EnergyTotals, count, price
from snn2chip.mapping import map_program
from snn2chip.targets import Constant, CostTable, list_targets, load_target
from tests.energy.networks import random_activity, two_layers
from tests.energy.test_price import COUNTS, HIDDEN, priced, table, target


def ranged(costs: CostTable, **ends: tuple[float, float]) -> CostTable:
    constants = {
        name: replace(costs.constants[name], low=low, high=high, range_source="a test")
        for name, (low, high) in ends.items()
    }
    return replace(costs, constants={**costs.constants, **constants})


def test_ends_are_the_totals_of_tables_with_other_values() -> None:
    base = table(e_synop=2.0, t_neuron=4.0, t_synop=1.0, p_static_chip=3.0)
    report = priced(ranged(base, e_synop=(1.0, 7.0), t_synop=(0.5, 9.0), p_static_chip=(2.0, 5.0)))
    low = priced(table(e_synop=1.0, t_neuron=4.0, t_synop=0.5, p_static_chip=2.0))
    high = priced(table(e_synop=7.0, t_neuron=4.0, t_synop=9.0, p_static_chip=5.0))
    assert report.range is not None
    for end, other in ((report.range.low, low), (report.range.high, high)):
        assert end == EnergyTotals(
            other.dynamic_pj, other.static_pj, other.total_pj, other.latency_us
        )
    assert replace(report, range=None, assumptions=()) == replace(priced(base), assumptions=())
    assert any("low end" in line for line in report.assumptions)


def test_without_ranges_there_is_no_range() -> None:
    assert priced(table(e_synop=2.0)).range is None


def test_energies_alone_leave_the_time_alone() -> None:
    costs = ranged(table(e_synop=2.0, t_neuron=4.0, t_synop=1.0), e_synop=(1.0, 3.0))
    report = priced(costs)
    assert report.range is not None
    assert report.range.low.latency_us == report.latency_us == report.range.high.latency_us


ACTIVITY = random_activity(two_layers(), 4, 2, seed=3)


@pytest.mark.parametrize("name", list_targets())
def test_bundled_totals_lie_within_their_ranges(name: str) -> None:
    chip = load_target(name)
    counts = count(two_layers(), ACTIVITY, map_program(two_layers(), chip)[0])
    for costs in chip.costs:
        report = price(counts, chip, costs)
        assert (report.range is not None) == chip.costs[costs].has_ranges
        if report.range is None:
            continue
        for field in ("dynamic_pj", "static_pj", "total_pj", "latency_us"):
            low, middle, high = (
                getattr(each, field) for each in (report.range.low, report, report.range.high)
            )
            assert low is middle is high is None or low <= middle <= high, field


@settings(max_examples=40)
@given(st.lists(st.floats(0, 100), min_size=3, max_size=3), st.floats(0.1, 50))
def test_the_dynamic_range_is_linear(values: list[float], neuron: float) -> None:
    low, middle, high = sorted(values)
    costs = ranged(table(e_synop=middle, e_neuron=neuron), e_synop=(low, high))
    report = priced(costs)
    assert report.range is not None
    for end, synop in ((report.range.low, low), (report.range.high, high)):
        assert end.dynamic_pj == pytest.approx(100 * synop + 18 * neuron)


def test_what_another_price_includes_is_not_lacking() -> None:
    costs = replace(
        table(e_synop=2.0, unknown=("e_io",)),
        included=("e_neuron", "e_packet_out", "e_hop_ew", "e_hop_ns", "p_static_chip", "t_neuron"),
    )
    report = priced(costs)
    names = [line.split(":")[0] for line in report.unpriced]
    assert names == ["t_synop_dense", "t_synop_conv", "t_synop_sparse", "t_packet_out",
                     "t_packet_in", "t_barrier", "e_io"]  # fmt: skip
    energies = report.layers[1].energy_pj
    assert (energies.neuron, energies.packet, energies.hop) == (None, None, None)
    assert energies.total == energies.synapse == 200.0
    assert any(line.startswith("within other prices") for line in report.assumptions)


def test_a_lacking_term_has_the_name_that_the_table_gives_it() -> None:
    costs = table(e_neuron=1.0, unknown=("e_synop", "t_synop"))
    names = [line.split(":")[0] for line in priced(costs).unpriced]
    assert names.count("e_synop") == names.count("t_synop") == 1
    assert not {"e_synop_dense", "t_synop_dense"} & set(names)


def test_synapses_that_are_visited_in_every_step() -> None:
    """12 synapses, 6 steps of all samples: 72 visits, whatever fires."""
    quiet = replace(HIDDEN, events_by_operator={}, synaptic_events=0, spikes=0)
    for layer in (HIDDEN, quiet):
        report = priced(
            table(e_synapse_step=10.0), replace(COUNTS, layers=(COUNTS.layers[0], layer))
        )
        assert report.layers[1].energy_pj.synapse == 720.0
        assert report.layers[0].energy_pj.synapse == 0.0
        assert not any("e_synop" in line for line in report.unpriced)


def test_an_all_in_price_has_neither_range_of_static_energy_nor_other_terms() -> None:
    costs = ranged(table("all_in", e_synop=2.0, t_tick=5.0), e_synop=(1.0, 3.0))
    report = priced(costs)
    assert report.range is not None
    assert (report.range.low.dynamic_pj, report.range.high.dynamic_pj) == (100.0, 300.0)
    assert report.range.low.static_pj is report.static_pj is None


def test_one_chip_target_keeps_its_constants() -> None:
    """Moving a table to an end changes nothing but values."""
    table_ = load_target("loihi2").costs["loihi2_from_loihi1"]
    moved = table_.at("low")
    assert set(moved.constants) == set(table_.constants)
    assert moved.constants["t_barrier"] == table_.constants["t_barrier"]
    assert isinstance(moved.constants["e_synop"], Constant)
    assert target(moved).costs["t"] is moved
