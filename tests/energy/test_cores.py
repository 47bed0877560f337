"""Costs by core: they add up to those of the layers, and name what each step waits for."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Mapping, Place
from snn2chip.energy import core_costs, count, price
from snn2chip.energy.types import Counts
from snn2chip.mapping import map_program
from snn2chip.targets import Target, list_targets, load_target
from tests.energy import oracle
from tests.energy.networks import random_activity, two_layers
from tests.energy.test_count import Case, cases

ALL = [
    (target, table)
    for target in map(load_target, list_targets())
    for table in target.costs.values()
    if table.formula == "events"
]
TABLES = [(target.name, table.name) for target, table in ALL]
TIMED = [(target.name, table.name) for target, table in ALL if "t_barrier" in str(table.constants)]
TERMS = ("synapse", "neuron", "packet", "hop", "total")
SUMMED = (
    "synapses",
    "synaptic_events",
    "neuron_steps",
    "neuron_updates",
    "packets",
    "packets_within_tile",
    "hops_x",
    "hops_y",
)


@settings(max_examples=40, deadline=None)
@given(cases(), st.sampled_from(TABLES))
def test_cores_add_up_to_layers(case: Case, table: tuple[str, str]) -> None:
    network, activity, mapping = case
    counts, target = count(network, activity, mapping), load_target(table[0])
    report = price(counts, target, table[1])
    cores = core_costs(network, mapping, counts, target, table[1]).cores
    for name in SUMMED:
        whole = sum(getattr(layer.counts, name) for layer in report.layers)
        assert sum(getattr(core.counts, name) for core in cores) == whole
    for term in TERMS:
        whole_pj = sum(getattr(layer.energy_pj, term) or 0.0 for layer in report.layers)
        parts_pj = sum(getattr(core.energy_pj, term) or 0.0 for core in cores)
        assert parts_pj == pytest.approx(whole_pj, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(cases())
def test_counts_of_cores_equal_the_oracle(case: Case) -> None:
    network, activity, mapping = case
    counts = count(network, activity, mapping)
    costs = core_costs(network, mapping, counts, load_target("loihi1"), None)
    sums: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for event, series in oracle.tally(network, activity, mapping).series.items():
        for (core, _, _), number in series.items():
            sums[event][core] += number
    assert [core.core for core in costs.cores] == sorted(mapping.places)
    for core in costs.cores:
        assert core.counts.neuron_updates == sums["updates"][core.core]
        assert core.counts.spikes == sums["spikes"][core.core]
        assert core.counts.packets == sums["packets_out"][core.core]
        assert core.packets_in == sums["packets_in"][core.core]
        for kind, number in core.counts.events_by_operator.items():
            assert number == sums[f"events_{kind}"][core.core]
        held = {name: int((cores == core.core).sum()) for name, cores in mapping.assignment.items()}
        assert core.layers == {name: number for name, number in held.items() if number}


@settings(max_examples=40, deadline=None)
@given(cases(), st.sampled_from(TIMED))
def test_every_step_waits_for_its_slowest_core(case: Case, table: tuple[str, str]) -> None:
    network, activity, mapping = case
    target = load_target(table[0])
    counts = count(network, activity, mapping)
    report = price(counts, target, table[1])
    costs = core_costs(network, mapping, counts, target, table[1])
    assert costs.barrier_ns is not None
    assert len(costs.slowest) == len(report.step_ns) == counts.chip_steps
    busy = {core.core: core.busy_ns or 0.0 for core in costs.cores}
    waited = (np.array(report.step_ns) - costs.barrier_ns).sum() * counts.samples
    assert max(busy.values()) <= waited * (1 + 1e-12)
    assert sum(busy.values()) >= waited * (1 - 1e-12)
    if counts.samples == 1:
        least: dict[int, float] = defaultdict(float)
        for slowest, step_ns in zip(costs.slowest, report.step_ns, strict=True):
            least[slowest.core] += step_ns - costs.barrier_ns
            assert slowest.layer in next(c.layers for c in costs.cores if c.core == slowest.core)
        assert all(busy[core] >= time * (1 - 1e-12) for core, time in least.items())


def two_cores(target: Target) -> tuple[Counts, Mapping]:
    """Inputs on core 0 of one tile, both layers on core 4 of the next."""
    network = two_layers()
    mapping, _ = map_program(network, target)
    assignment = {name: np.full(n.size, 4, np.int32) for name, n in mapping.assignment.items()}
    assignment["input"][:] = 0
    placed = Mapping(target.name, assignment, {0: Place(0, 0, 0), 4: Place(1, 0, 1)})
    return count(network, random_activity(network, 4, 1, seed=2, rate=0.9), placed), placed


def test_the_bottleneck_is_named_by_core_layer_and_term() -> None:
    target = load_target("loihi1")
    counts, mapping = two_cores(target)
    costs = core_costs(two_layers(), mapping, counts, target, "davies2018")
    first, last = costs.slowest[0], costs.slowest[-1]
    # 6 inputs reach 5 neurons: up to 30 events of 3.5 ns, and 8 idle neurons of 5.3 ns
    assert (first.core, first.layer, first.term) == (4, "hidden", "t_synop")
    # the last chip step has only the outputs' updates left
    assert (last.core, last.layer) == (4, "hidden")
    assert last.term in ("t_neuron_active", "t_neuron_inactive")
    assert costs.cores[0].busy_ns == 0.0


def test_a_formula_of_layers_says_nothing_of_cores() -> None:
    target = load_target("asic45")
    counts, mapping = two_cores(load_target("loihi1"))
    costs = core_costs(two_layers(), mapping, counts, target, "lemaire2022")
    assert [core.energy_pj.total for core in costs.cores] == [None, None]
    assert costs.slowest == ()


def test_without_times_nothing_is_waited_for() -> None:
    target = load_target("asic45")
    counts, mapping = two_cores(load_target("loihi1"))
    costs = core_costs(two_layers(), mapping, counts, target, None)
    assert (costs.slowest, costs.barrier_ns) == ((), None)
    assert [core.busy_ns for core in costs.cores] == [None, None]
