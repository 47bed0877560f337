"""Mappings for an objective: every neuron once, no limit broken that can be kept, never worse."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Activity, Mapping, PopulationActivity, Program, Raster
from snn2chip.energy import count
from snn2chip.energy.work import work_of
from snn2chip.graph import Conv, Dense, Identity, Operator
from snn2chip.mapping import OBJECTIVES, Goal, Plan, Traffic, map_program
from snn2chip.mapping.partition.estimate import Estimator
from snn2chip.mapping.partition.strips import orders
from snn2chip.targets import load_target
from tests.energy.networks import (
    Draw,
    dense,
    population,
    program,
    programs,
    project,
    random_activity,
    two_layers,
)
from tests.examples import examples
from tests.mapping.test_partition import LOIHI1, limited

NAHUKU = work_of(LOIHI1.costs["sanafe_nahuku"])


def goal_of(network: Program, activity: Activity | None) -> Goal:
    assert NAHUKU is not None
    return Goal(Traffic.of(network, activity), NAHUKU)


def images(channels: int = 8, side: int = 16) -> Program:
    """Two convolutions of 3x3 on an image, and ten answers."""
    shapes = [(2, side, side), (channels, side, side), (channels, side, side)]
    populations = [
        population(name, shape) for name, shape in zip(("input", "a", "b"), shapes, strict=True)
    ]
    projections = []
    for k, (source, target) in enumerate((("input", "a"), ("a", "b"))):
        weight = np.ones((shapes[k + 1][0], shapes[k][0], 3, 3))
        conv = Conv(weight, shapes[k], (1, 1), ((1, 1), (1, 1)), (1, 1))
        projections.append(project(source, target, conv))
    projections.append(project("b", "c", dense(shapes[2], (10,))))
    return program([*populations, population("c", (10,))], projections)


@st.composite
def plans(draw: Draw) -> Plan:
    return Plan(
        draw(st.sampled_from(OBJECTIVES)),
        draw(st.sampled_from(("auto", "sequential", "tiles"))),
        seed=draw(st.integers(0, 3)),
    )


@settings(max_examples=examples(40), deadline=None)
@given(programs(), plans(), st.integers(1, 9), st.integers(4, 40), st.integers(1, 30))
def test_every_neuron_once_and_no_more_limits_broken_than_by_the_sequential_fill(
    network: Program, plan: Plan, neurons: int, words: int, axons: int
) -> None:
    target = limited(
        LOIHI1,
        neurons_per_core=neurons,
        synaptic_words_per_core=words,
        axons_in_per_core=axons,
        axons_out_per_core=10**6,
    )
    goal = goal_of(network, random_activity(network, 3, 2, 0))
    mapping, found = map_program(network, target, None, plan, goal)
    plain, broken = map_program(network, target)
    assert {name: cores.size for name, cores in mapping.assignment.items()} == {
        p.name: p.size for p in network.populations
    }
    used = np.unique(np.concatenate(list(mapping.assignment.values())))
    assert used.tolist() == list(mapping.places)
    assert {v.rule for v in found} <= {v.rule for v in broken}
    assert mapping.cores_used <= max(plain.cores_used, int(1.2 * plain.cores_used))
    again, _ = map_program(network, target, None, plan, goal)
    for name, cores in mapping.assignment.items():
        np.testing.assert_array_equal(cores, again.assignment[name])


@settings(max_examples=examples(25), deadline=None)
@given(programs(), st.integers(1, 9))
def test_an_objective_is_never_worse_than_the_sequential_fill(
    network: Program, neurons: int
) -> None:
    target = limited(LOIHI1, neurons_per_core=neurons)
    activity = random_activity(network, 3, 2, 0)
    goal = goal_of(network, activity)
    plain, _ = map_program(network, target)
    estimator = Estimator(network, goal)
    before = estimator.totals(plain.assignment)
    for objective, value in (("packets", 0), ("latency", 1)):
        mapping, _ = map_program(network, target, None, Plan(objective), goal)
        assert estimator.totals(mapping.assignment)[value] <= before[value]
    fewest, _ = map_program(network, target, None, Plan("cores"), goal)
    assert fewest.cores_used <= plain.cores_used


@settings(max_examples=examples(25), deadline=None)
@given(programs(), st.integers(1, 9))
def test_the_estimate_is_what_is_counted(network: Program, neurons: int) -> None:
    """Packets, and the busiest core of the sums over a run, from the counts per core and step."""
    assert NAHUKU is not None
    activity = random_activity(network, 3, 2, 0)
    mapping, _ = map_program(network, limited(LOIHI1, neurons_per_core=neurons))
    packets, busiest = Estimator(network, goal_of(network, activity)).totals(mapping.assignment)
    counts = count(network, activity, mapping)
    assert packets == sum(layer.packets for layer in counts.layers)
    series = counts.series
    sums = {event: array.sum(axis=(1, 2)) for event, array in series.events.items()}

    def of(event: str) -> object:
        return sums.get(event, 0)

    sending = (
        NAHUKU.visit * series.visited * counts.chip_steps * counts.samples
        + NAHUKU.update * of("updates")
        + NAHUKU.spike * of("spikes")
        + NAHUKU.packet_out * of("packets_out")
    )
    receiving = NAHUKU.packet_in * of("packets_in") + sum(
        NAHUKU.synop[kind] * of(f"events_{kind}") for kind in NAHUKU.synop
    )
    assert busiest == pytest.approx(np.maximum(sending, receiving).max())


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_fewer_packets_on_images(objective: str) -> None:
    network = images()
    target = limited(LOIHI1, neurons_per_core=256)
    activity = random_activity(network, 4, 2, 0, 0.1)
    plain, _ = map_program(network, target)
    goal = goal_of(network, activity)
    mapping, found = map_program(network, target, None, Plan(objective), goal)
    assert found == ()
    before, after = count(network, activity, plain), count(network, activity, mapping)
    packets = [sum(layer.packets for layer in counts.layers) for counts in (before, after)]
    hops = [counts.links.traversals for counts in (before, after)]
    assert mapping.cores_used <= 1.2 * plain.cores_used
    if objective == "packets":
        assert packets[0] > 3 * packets[1]
        assert hops[0] > 4 * hops[1]


@given(st.sampled_from([(3, 5, 4), (2, 7), (6,), (1, 1), (4, 3, 2, 2)]))
def test_orders_hold_every_neuron_once_and_begin_with_its_own(shape: tuple[int, ...]) -> None:
    found = [order.tolist() for order in orders(shape)]
    assert found[0] == list(range(prod(shape)))
    assert all(sorted(order) == found[0] for order in found)
    assert len({tuple(order) for order in found}) == len(found)


def _permuted(operator: Operator, source: np.ndarray | None, target: np.ndarray | None) -> Dense:
    assert isinstance(operator, Dense)
    weight = operator.weight
    weight = weight if target is None else weight[target]
    weight = weight if source is None else weight[:, source]
    return replace(operator, weight=weight)


@settings(max_examples=examples(20), deadline=None)
@given(st.permutations(range(9)), st.integers(1, 9))
def test_permuting_neurons_of_a_layer_permutes_its_counts(order: list[int], neurons: int) -> None:
    """Spikes and synaptic events go with the neurons; on cores that go with them, so do packets."""
    network = two_layers(6, 9, 3)
    numbers = np.array(order)
    first, second = network.projections
    shuffled = replace(
        network,
        projections=(
            replace(first, operator=_permuted(first.operator, None, numbers)),
            replace(second, operator=_permuted(second.operator, numbers, None)),
        ),
    )
    activity = random_activity(network, 4, 3, 5)
    hidden = activity.populations["hidden"]
    moved = PopulationActivity(
        Raster.pack(hidden.spikes.unpack()[..., numbers], (9,)),
        Raster.pack(hidden.updated.unpack()[..., numbers], (9,)),
    )
    other = replace(activity, populations={**activity.populations, "hidden": moved})
    mapping, _ = map_program(network, limited(LOIHI1, neurons_per_core=neurons))
    follows = replace(
        mapping,
        assignment={**mapping.assignment, "hidden": mapping.assignment["hidden"][numbers]},
    )
    before = count(network, activity, mapping)
    after = count(shuffled, other, follows)
    assert before.layers == after.layers
    np.testing.assert_array_equal(
        before.neurons["hidden"].packets[numbers], after.neurons["hidden"].packets
    )
    for event, array in before.series.events.items():
        np.testing.assert_array_equal(array, after.series.events[event])
    stays = count(shuffled, other, mapping)
    for one, two in zip(before.layers, stays.layers, strict=True):
        assert (one.spikes, one.synaptic_events, one.neuron_updates) == (
            two.spikes,
            two.synaptic_events,
            two.neuron_updates,
        )


@settings(max_examples=examples(20), deadline=None)
@given(programs(), st.integers(1, 6), st.integers(1, 12))
def test_splitting_layers_changes_routing_alone(network: Program, few: int, many: int) -> None:
    activity = random_activity(network, 3, 2, 3)
    found = [
        count(network, activity, map_program(network, limited(LOIHI1, neurons_per_core=n))[0])
        for n in (few + many, few)
    ]
    for one, two in zip(found[0].layers, found[1].layers, strict=True):
        assert one.packets <= two.packets
        same = ("spikes", "synaptic_events", "neuron_updates", "neuron_steps", "synapses")
        assert [getattr(one, name) for name in same] == [getattr(two, name) for name in same]


@settings(max_examples=examples(20), deadline=None)
@given(programs(), st.integers(2, 9), plans())
def test_weights_and_names_do_not_matter(network: Program, neurons: int, plan: Plan) -> None:
    """Doubled weights and thresholds give the same spikes, and so the same mapping."""
    target = limited(LOIHI1, neurons_per_core=neurons)
    activity = random_activity(network, 3, 2, 0)
    new = {p.name: f"layer/{k}" for k, p in enumerate(network.populations)}
    other = replace(
        network,
        populations=tuple(replace(p, name=new[p.name]) for p in network.populations),
        projections=tuple(
            replace(p, source=new[p.source], target=new[p.target], operator=_doubled(p.operator))
            for p in network.projections
        ),
        outputs=tuple(new[name] for name in network.outputs),
    )
    renamed = replace(
        activity, populations={new[name]: run for name, run in activity.populations.items()}
    )
    one, _ = map_program(network, target, None, plan, goal_of(network, activity))
    two, _ = map_program(other, target, None, plan, goal_of(other, renamed))
    for name, cores in one.assignment.items():
        np.testing.assert_array_equal(cores, two.assignment[new[name]])


def _doubled(operator: Operator) -> Operator:
    if isinstance(operator, Identity):
        return replace(operator, scale=2 * operator.scale)
    return replace(operator, weight=2 * operator.weight)


def test_several_chips_hold_what_one_cannot() -> None:
    network = two_layers(6, 8, 3)
    target = limited(LOIHI1, cores=3, neurons_per_core=3)
    _, (violation,) = map_program(network, target)
    assert (violation.rule, violation.needs, violation.has) == (
        "loihi1.cores",
        "6 cores",
        "3 cores",
    )
    assert "--chips 2" in violation.remedy
    mapping, found = map_program(network, target, None, Plan(chips=2))
    assert found == ()
    assert [place.chip for place in mapping.places.values()] == [0, 0, 0, 1, 1, 1]
    assert mapping.places[3][:3] == (8 * 4, 8, 0), "the first tile of the second chip"
    activity = random_activity(network, 4, 2, 1)
    one, two = (count(network, activity, m) for m in (map_program(network, target)[0], mapping))
    assert [layer.packets for layer in one.layers] == [layer.packets for layer in two.layers]
    hidden = two.layers[1]
    fired = int(two.neurons["hidden"].spikes.reshape(-1)[:3].sum())
    assert hidden.packets_between_chips == hidden.chip_hops == fired
    assert one.layers[1].packets_between_chips == 0
    assert two.links.traversals == sum(layer.hops + layer.chip_hops for layer in two.layers)


def test_chips_without_a_mesh_are_tiles() -> None:
    network = two_layers(6, 8, 3)
    bare = replace(
        limited(load_target("loihi2"), cores=3, neurons_per_core=3),
        mesh=replace(LOIHI1.mesh, columns=1, rows=1, cores_per_tile=0),
    )
    mapping, found = map_program(network, bare, None, Plan("packets", chips=2))
    assert found == ()
    assert {tuple(place) for place in mapping.places.values()} <= {(0, 0, 0, 0), (1, 1, 0, 1)}


def test_a_mapping_on_several_chips_is_written_and_read(tmp_path) -> None:
    from snn2chip.mapping import read_mapping, write_mapping

    network, target = two_layers(6, 8, 3), limited(LOIHI1, cores=3, neurons_per_core=3)
    mapping, _ = map_program(network, target, None, Plan("packets", chips=2))
    write_mapping(mapping, tmp_path / "mapping.json")
    read = read_mapping(tmp_path / "mapping.json", network, target)
    assert (read.cores, read.places) == (mapping.cores, mapping.places)
    assert map_program(network, target, read)[1] == ()
    assert isinstance(read, Mapping)
