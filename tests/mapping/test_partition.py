"""Sequential fill: every neuron once, no limit broken that can be kept, one population per core."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Mapping, Place, Program, Slice
from snn2chip.errors import InputFileError
from snn2chip.graph import Conv, Identity, Sparse
from snn2chip.mapping import assumptions, map_program
from snn2chip.mapping.place import place
from snn2chip.mapping.reach import destinations, reach
from snn2chip.targets import Constant, Mesh, Target, load_target
from tests.energy.networks import (
    Draw,
    convolutions,
    dense,
    mappings,
    population,
    program,
    programs,
    project,
    sparse,
    two_layers,
)
from tests.energy.oracle import core_of, synapse_list

LOIHI1, LOIHI2 = load_target("loihi1"), load_target("loihi2")


def limited(target: Target, **limits: int) -> Target:
    new = {name: Constant(value, "derived", "a test") for name, value in limits.items()}
    return replace(target, resources={**target.resources, **new})


@st.composite
def limits(draw: Draw) -> Target:
    return limited(
        draw(st.sampled_from([LOIHI1, LOIHI2])),
        neurons_per_core=draw(st.integers(1, 12)),
        synaptic_words_per_core=draw(st.integers(1, 60)),
    )


@settings(max_examples=60, deadline=None)
@given(programs(), limits())
def test_every_neuron_sits_on_one_core_and_no_core_holds_two_populations(
    network: Program, target: Target
) -> None:
    mapping, violations = map_program(network, target)
    used: list[int] = []
    for p in network.populations:
        slices = mapping.cores[p.name]
        neurons = [n for part in slices for n in range(part.first, part.last + 1)]
        assert neurons == list(range(p.size))
        used += [part.core for part in slices]
        most = target.limit("neurons_per_core") or 0
        assert all(part.last - part.first < most for part in slices)
    assert used == list(range(len(used)))
    assert set(mapping.places) == set(used)
    broken = {v.rule.partition(".")[2] for v in violations}
    assert "neurons-per-core" not in broken
    if "single-neuron" not in broken:
        assert "synaptic-words-per-core" not in broken


def test_cores_are_numbered_in_program_order() -> None:
    mapping, violations = map_program(two_layers(784, 256, 10), LOIHI2)
    assert violations == ()
    assert mapping.target == "loihi2"
    assert mapping.cores["input"] == (Slice(0, 783, 0),)
    assert [part.core for part in mapping.cores["hidden"]] == [1, 2, 3, 4, 5, 6]
    assert [part.core for part in mapping.cores["out"]] == [7]
    assert mapping.cores_used == len(mapping.places)


def test_memory_splits_a_population() -> None:
    """784 axons x ceil((16 + 48 * 20) / 64) = 784 x 16 > 12000 >= 784 x 15 (n <= 47)."""
    mapping, _ = map_program(two_layers(784, 256, 10), LOIHI2)
    sizes = [part.last - part.first + 1 for part in mapping.cores["hidden"]]
    assert sizes == [47, 47, 47, 47, 47, 21]


def test_a_chip_without_limits_takes_a_core_per_population_in_one_tile() -> None:
    mapping, violations = map_program(two_layers(), load_target("reference"))
    assert violations == ()
    assert [parts[0].core for parts in mapping.cores.values()] == [0, 1, 2]
    assert set(mapping.places.values()) == {Place(0, 0, 0)}


def test_tiles_fill_the_mesh_column_by_column() -> None:
    mesh = Mesh(columns=8, rows=4, cores_per_tile=4)
    assert [place(core, mesh) for core in (0, 3, 4, 15, 16, 127)] == [
        Place(0, 0, 0),
        Place(0, 0, 0),
        Place(1, 0, 1),
        Place(3, 0, 3),
        Place(4, 1, 0),
        Place(31, 7, 3),
    ]
    assert place(128, mesh) == Place(32, 8, 0), "beyond the chip, in a further column"


def test_a_network_beyond_the_chip_is_mapped_and_reported() -> None:
    target = limited(LOIHI2, cores=2, neurons_per_core=4)
    mapping, violations = map_program(two_layers(6, 5, 3), target)
    assert mapping.cores_used == 2 + 2 + 1
    (violation,) = violations
    assert violation.rule == "loihi2.cores"
    assert (violation.needs, violation.has) == ("5 cores", "2 cores")
    assert violation.source == "a test"
    assert violation.remedy


def test_all_violations_come_at_once() -> None:
    target = limited(
        LOIHI1, cores=1, synaptic_words_per_core=3, axons_in_per_core=2, axons_out_per_core=1
    )
    _, violations = map_program(two_layers(), target)
    found = {v.rule.partition(".")[2] for v in violations}
    assert {"cores", "single-neuron", "synaptic-words-per-core", "axons-in-per-core"} <= found
    for violation in violations:
        assert all((violation.object, violation.needs, violation.has, violation.source))


def test_a_neuron_too_large_for_a_core_does_not_take_a_core_each() -> None:
    network = two_layers(50, 40, 3)
    mapping, violations = map_program(network, limited(LOIHI2, synaptic_words_per_core=45))
    assert len(mapping.cores["hidden"]) == 1
    objects = {v.object for v in violations if v.rule == "loihi2.single-neuron"}
    assert objects == {"population 'hidden'"}
    assert [part.last - part.first + 1 for part in mapping.cores["out"]] == [2, 1], (
        "40 axons of one word fit, of two words they do not"
    )


def test_output_axons_split_the_sender() -> None:
    network = two_layers(6, 8, 1)
    mapping, violations = map_program(
        network, limited(LOIHI1, axons_out_per_core=8, neurons_per_core=6)
    )
    assert len(mapping.cores["hidden"]) == 2
    assert len(mapping.cores["input"]) == 2, "6 neurons x 2 destination cores > 8"
    assert violations == ()


def test_output_axons_follow_the_split_of_their_targets() -> None:
    """Splitting `out` doubles hidden's routes, which splits hidden, which doubles input's."""
    target = limited(LOIHI1, neurons_per_core=4, axons_out_per_core=4)
    network = two_layers(4, 4, 5)
    mapping, violations = map_program(network, target)
    assert [len(parts) for parts in mapping.cores.values()] == [2, 2, 2]
    assert violations == ()


def test_input_axons_split_the_receiver() -> None:
    network = program(
        [population("input0", (3,)), population("input1", (10,)), population("a", (10,))],
        [
            project("input0", "a", dense((3,), (10,))),
            project("input1", "a", Identity(np.ones(10), (10,), (10,))),
        ],
    )
    mapping, violations = map_program(network, limited(LOIHI1, axons_in_per_core=7))
    assert [part.last - part.first + 1 for part in mapping.cores["a"]] == [4, 4, 2]
    assert violations == ()
    _, violations = map_program(network, limited(LOIHI1, axons_in_per_core=2))
    (violation,) = violations
    assert violation.rule == "loihi1.axons-in-per-core"
    assert violation.needs == "13 input axons on core 2"


def test_axons_of_convolutions_are_not_counted_and_that_is_said() -> None:
    conv = Conv(np.ones((1, 1, 3)), (1, 12), (1,), ((1, 1),), (1,))
    network = program(
        [population("input", (1, 12)), population("a", (1, 12))], [project("input", "a", conv)]
    )
    target = limited(LOIHI1, axons_in_per_core=6)
    mapping, violations = map_program(network, target)
    assert len(mapping.cores["a"]) == 1
    assert violations == ()
    assert any("population axons" in text for text in assumptions(network, target))


def test_a_pinned_mapping_is_taken_as_it_is_and_checked() -> None:
    network = two_layers(6, 5, 3)
    cores = {"input": (Slice(0, 5, 0),), "hidden": (Slice(0, 4, 0),), "out": (Slice(0, 2, 200),)}
    pinned = Mapping.from_slices("loihi2", cores, {0: Place(0, 0, 0), 200: Place(50, 12, 2)})
    target = limited(LOIHI2, neurons_per_core=10, synaptic_words_per_core=11)
    mapping, violations = map_program(network, target, pinned)
    assert mapping is pinned
    by_rule = {v.rule: v for v in violations}
    assert by_rule["loihi2.cores"].needs == "201 cores"
    assert by_rule["loihi2.neurons-per-core"].object == "populations 'input', 'hidden'"
    assert by_rule["loihi2.neurons-per-core"].needs == "11 neurons on core 0"
    assert by_rule["loihi2.synaptic-words-per-core"].needs.startswith("12 words")


def test_a_pinned_mapping_must_cover_the_network() -> None:
    network = two_layers(6, 5, 3)
    good, _ = map_program(network, LOIHI2)
    kept = {k: good.assignment[k] for k in ("input", "hidden")}
    with pytest.raises(InputFileError, match="'out' is missing"):
        map_program(network, LOIHI2, replace(good, assignment=kept))
    with pytest.raises(InputFileError, match="core 2 has no place"):
        map_program(network, LOIHI2, replace(good, places={0: Place(0, 0, 0), 1: Place(0, 0, 0)}))


def test_many_broken_cores_are_one_violation() -> None:
    network = two_layers(4, 6, 2)
    cores = {
        "input": (Slice(0, 3, 0),),
        "hidden": (Slice(0, 1, 1), Slice(2, 5, 2)),
        "out": (Slice(0, 1, 3),),
    }
    pinned = Mapping.from_slices("loihi2", cores, {core: Place(0, 0, 0) for core in range(4)})
    _, violations = map_program(network, limited(LOIHI2, neurons_per_core=1), pinned)
    (hidden,) = [v for v in violations if "hidden" in v.object]
    assert hidden.needs == "4 neurons on core 2 (and 1 more)"


@settings(max_examples=60, deadline=None)
@given(
    st.data(),
    st.one_of(
        convolutions(),
        sparse((7,), (2, 4)),
        st.just(dense((5,), (7,))),
        st.just(Identity(np.ones(6), (6,), (2, 3))),
    ),
)
def test_synapses_into_cores_equal_the_list(data: st.DataObject, operator: Conv) -> None:
    size = int(np.prod(operator.target_shape))
    cores = np.array(data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)), np.int32)
    expected = np.zeros((int(np.prod(operator.source_shape)), 4), np.int64)
    for source, target in synapse_list(operator):
        expected[source, cores[target]] += 1
    found = reach(operator, cores)
    np.testing.assert_array_equal(found.synapses.toarray()[found.row_of], expected[:, found.cores])
    np.testing.assert_array_equal(found.axons(), (expected > 0).sum(axis=0)[found.cores])
    np.testing.assert_array_equal(found.degrees, (expected > 0).sum(axis=1))


@settings(max_examples=40, deadline=None)
@given(st.data(), programs())
def test_destinations_equal_the_list(data: st.DataObject, network: Program) -> None:
    mapping = data.draw(mappings(network))
    for p in network.populations:
        reached = {
            (core_of(mapping, projection.target, target), source)
            for projection in network.outgoing(p.name)
            for source, target in synapse_list(projection.operator)
        }
        found = destinations(network, mapping, p.name)
        if found is None:
            assert not reached
            continue
        pairs = np.argwhere(found.synapses.toarray()[found.row_of] > 0).tolist()
        assert {(int(found.cores[core]), neuron) for neuron, core in pairs} == reached
        assert found.row_of.shape == (p.size,)


def test_assumptions_name_the_formula_and_what_is_unknown() -> None:
    text = " ".join(assumptions(two_layers(), LOIHI2))
    assert "inferred" in text
    assert "axons_in_per_core" in text
    assert "convolutions" not in text
    conv = Conv(np.ones((1, 1, 3)), (1, 12), (1,), ((1, 1),), (1,))
    network = program(
        [population("input", (1, 12)), population("a", (1, 12))], [project("input", "a", conv)]
    )
    assert "convolutions" in " ".join(assumptions(network, LOIHI2))
    assert assumptions(network, load_target("reference")) == ()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 9), st.integers(12, 40))
def test_random_synapses_keep_the_routes_of_a_core(seed: int, axons: int) -> None:
    """How many cores a neuron reaches depends on the fill that it decides."""
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.integers(0, 60, (60, 5)), axis=1)
    kept = np.diff(drawn, axis=1, prepend=-1) > 0
    first = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    targets = drawn[kept].astype(np.int32)
    operator = Sparse(np.ones(targets.size, np.int8), targets, first, (60,), (60,))
    network = program([population("a", (60,))], [project("a", "a", operator)])
    target = limited(LOIHI1, axons_out_per_core=axons, axons_in_per_core=40, neurons_per_core=16)
    assert map_program(network, target)[1] == ()
