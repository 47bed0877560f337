"""Each limit of a chip at its exact value: what fills it fits, and one more is a violation."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.core import Mapping, Place, Program, Slice, Violation
from snn2chip.graph import Conv, Identity
from snn2chip.mapping import map_program
from snn2chip.mapping.memory import SynapseMemory, memory_of, slice_words
from snn2chip.mapping.partition.sequential import number_of_parts, sequential
from snn2chip.targets import Constant, Target, load_target
from tests.energy.networks import dense, population, program, programs, project, two_layers

LOIHI1, LOIHI2 = load_target("loihi1"), load_target("loihi2")


def limited(target: Target, **limits: int) -> Target:
    new = {name: Constant(value, "derived", f"why {name}") for name, value in limits.items()}
    return replace(target, resources={**target.resources, **new})


def on_one_core_each(network: Program) -> Mapping:
    cores = {p.name: (Slice(0, p.size - 1, k),) for k, p in enumerate(network.populations)}
    places = {k: Place(k, k, 0) for k in range(len(cores))}
    return Mapping.from_slices("pinned", cores, places)


def broken(network: Program, target: Target, pinned: bool = True) -> dict[str, Violation]:
    mapping = on_one_core_each(network) if pinned else None
    _, found = map_program(network, target, mapping)
    rules = [v.rule.partition(".")[2] for v in found]
    assert len(set(rules)) == len(rules)
    return dict(zip(rules, found, strict=True))


NETWORK = two_layers(6, 5, 3)

CASES = [
    ("neurons_per_core", 6, "neurons-per-core", "6 neurons on core 0", "population 'input'"),
    ("cores", 3, "cores", "3 cores", "network 'net'"),
    ("axons_in_per_core", 6, "axons-in-per-core", "6 input axons on core 1", "population 'hidden'"),
    ("axons_out_per_core", 6, "axons-out-per-core", "6 output axons on core 0",
     "population 'input'"),
    ("synaptic_words_per_core", 12, "synaptic-words-per-core",
     "12 words of synaptic memory on core 1", "population 'hidden'"),
]  # fmt: skip


@pytest.mark.parametrize(("limit", "used", "rule", "needs", "object_"), CASES)
def test_what_fills_a_limit_fits_and_one_less_is_a_violation_of_four_parts(
    limit: str, used: int, rule: str, needs: str, object_: str
) -> None:
    assert broken(NETWORK, limited(LOIHI2, **{limit: used})) == {}
    found = broken(NETWORK, limited(LOIHI2, **{limit: used - 1}))
    assert set(found) == {rule}
    violation = found[rule]
    assert violation.rule == f"loihi2.{rule}"
    assert (violation.object, violation.needs) == (object_, needs)
    assert violation.has.startswith(f"{used - 1} ")
    assert violation.source == f"why {limit}"
    assert violation.remedy


@pytest.mark.parametrize("neurons", [1023, 1024, 1025])
def test_loihi1_takes_1024_neurons_on_a_core(neurons: int) -> None:
    network = program([population("input", (neurons,))], [])
    target = limited(LOIHI1)
    assert number_of_parts(sequential(network, target)) == (1 if neurons <= 1024 else 2)
    assert ("neurons-per-core" in broken(network, target)) is (neurons > 1024)


@pytest.mark.parametrize("words", [39, 40, 41])
def test_the_words_of_a_single_neuron(words: int) -> None:
    """40 axons of one word."""
    network = two_layers(40, 1, 1)
    found = broken(network, limited(LOIHI2, synaptic_words_per_core=words), pinned=False)
    assert ("single-neuron" in found) is (words < 40)
    if found:
        assert found["single-neuron"].needs == "40 words of synaptic memory for a single neuron"
        assert "layer in between" in found["single-neuron"].remedy


@given(programs(), st.integers(1, 40), st.integers(1, 12), st.integers(1, 12), st.integers(1, 12))
def test_each_violation_is_of_a_neuron_that_breaks_its_limit_alone(
    network: Program, words: int, neurons: int, axons_in: int, axons_out: int
) -> None:
    """The fill keeps every limit that single neurons keep; only routes back may not settle."""
    target = limited(
        LOIHI1,
        synaptic_words_per_core=words,
        neurons_per_core=neurons,
        axons_in_per_core=axons_in,
        axons_out_per_core=10**6,
    )
    mapping, found = map_program(network, target)
    rules = {v.rule.partition(".")[2] for v in found}
    assert "neurons-per-core" not in rules
    alone = Mapping.from_slices(
        "loihi1",
        {
            p.name: tuple(
                Slice(n, n, 1000 * k + n) for n in range(p.size)
            )
            for k, p in enumerate(network.populations)
        },
        {1000 * k + n: Place(0, 0, 0) for k, p in enumerate(network.populations)
         for n in range(p.size)},
    )  # fmt: skip
    _, least = map_program(network, target, alone)
    assert rules - {"cores"} <= {v.rule.partition(".")[2] for v in least}
    tighter = limited(target, axons_out_per_core=axons_out)
    assert len(sequential(network, tighter)) == len(mapping.cores)


@given(programs(), st.integers(1, 30), st.integers(1, 30))
def test_a_larger_limit_never_needs_more_cores(network: Program, one: int, other: int) -> None:
    """Of neurons, which split a population evenly; the slices nest for no other limit."""
    low, high = sorted((one, other))
    needed = [
        number_of_parts(sequential(network, limited(LOIHI2, neurons_per_core=n)))
        for n in (low, high)
    ]
    assert needed[1] <= needed[0]


@pytest.mark.parametrize("depth", [2, 17, 40])
def test_a_split_at_the_end_of_a_deep_chain_passes_back_to_its_start(depth: int) -> None:
    """Splitting a population doubles the routes of the one before it, all the way to the input."""
    sizes = [4] * depth + [5]
    names = ["input", *(f"layer{k}" for k in range(1, depth + 1))]
    network = program(
        [population(name, (size,)) for name, size in zip(names, sizes, strict=True)],
        [
            project(a, b, dense((4,), (sizes[k + 1],)))
            for k, (a, b) in enumerate(itertools.pairwise(names))
        ],
    )
    mapping, found = map_program(network, limited(LOIHI1, neurons_per_core=4, axons_out_per_core=4))
    assert [len(slices) for slices in mapping.cores.values()] == [2] * (depth + 1)
    assert found == ()


@given(programs(), st.integers(1, 9), st.integers(5, 50))
def test_names_do_not_matter(network: Program, neurons: int, words: int) -> None:
    target = limited(LOIHI1, neurons_per_core=neurons, synaptic_words_per_core=words)
    new = {p.name: f"deep/{k}->'{p.name}'" for k, p in enumerate(network.populations)}
    renamed = replace(
        network,
        populations=tuple(replace(p, name=new[p.name]) for p in network.populations),
        projections=tuple(
            replace(p, source=new[p.source], target=new[p.target]) for p in network.projections
        ),
    )
    (one, found), (other, again) = (map_program(net, target) for net in (network, renamed))
    assert list(one.cores.values()) == list(other.cores.values())
    assert one.places == other.places
    assert [(v.rule, v.needs, v.has) for v in found] == [(v.rule, v.needs, v.has) for v in again]


@given(programs(), st.integers(1, 9))
def test_mapping_twice_gives_the_same_and_pinning_it_changes_nothing(
    network: Program, neurons: int
) -> None:
    target = limited(LOIHI1, neurons_per_core=neurons, cores=4)
    mapping, found = map_program(network, target)
    for again in (map_program(network, target), map_program(network, target, mapping)):
        assert (again[0].cores, again[0].places, again[1]) == (
            mapping.cores,
            mapping.places,
            found,
        )


@given(st.integers(0, 300), st.sampled_from([1, 4, 7, 8]))
def test_words_of_an_axon_are_those_of_its_headers(synapses: int, bits: int) -> None:
    """One header after another, as NengoLoihi stores them: whole words for up to 64 synapses."""
    memory = memory_of(LOIHI1)
    assert memory is not None
    stored = {1: 1, 4: 4, 7: 8, 8: 8}[bits]
    words = 0
    for first in range(0, synapses, 64):
        used = 10 + stored * min(64, synapses - first)
        words += used // 64 + (used % 64 > 0)
    assert memory.axon_words(synapses, bits) == words


@pytest.mark.parametrize("synapses", range(1, 9))
def test_a_word_holds_what_its_bits_say(synapses: int) -> None:
    """16 bits of header and 12 per synapse: four in a word of 64, nine in two, by the formula."""
    memory = SynapseMemory(word=64, header=16, index=4, per_header=None, stored={})
    assert memory.axon_words(synapses, 8) == (1 if synapses <= 4 else 2)


@given(st.data())
def test_words_of_a_shared_core_add_up(data: st.DataObject) -> None:
    memory = memory_of(LOIHI2)
    assert memory is not None
    size = data.draw(st.integers(2, 20))
    cut = data.draw(st.integers(0, size - 2))
    identity = project("a", "b", Identity(np.ones(size), (size,), (size,)))
    conv = project("a", "b", Conv(np.ones((size, 2, 3)), (2, 3), (1,), ((0, 0),), (1,)), bits=64)
    for one in (identity, conv):
        parts = [slice_words(memory, one, 0, cut), slice_words(memory, one, cut + 1, size - 1)]
        assert sum(parts) == slice_words(memory, one, 0, size - 1)


@pytest.mark.parametrize(("limit", "broken_rules"), [(3, []), (2, ["thresholds-per-core"])])
def test_distinct_thresholds_of_a_core_are_counted(limit: int, broken_rules: list[str]) -> None:
    """Of a neuron each, of a channel each, or one for all; in the slices that a core holds."""
    given = np.array([5, 7, 5, 9, 7])
    hidden = replace(NETWORK.population("hidden"), parameters={"vth": given})
    out = replace(NETWORK.population("out"), parameters={"vth": np.array(4)})
    network = replace(NETWORK, populations=(NETWORK.populations[0], hidden, out))
    target = limited(LOIHI2, thresholds_per_core=limit)
    found = broken(network, target)
    assert list(found) == broken_rules
    if broken_rules:
        violation = found["thresholds-per-core"]
        assert violation.needs == "3 distinct thresholds on core 1"
        assert violation.has == f"{limit} per core"
        assert "--granularity layer" in violation.remedy
    split = Mapping.from_slices(
        "pinned",
        {
            "input": (Slice(0, 5, 0),),
            "hidden": (Slice(0, 2, 1), Slice(3, 4, 2)),
            "out": (Slice(0, 2, 3),),
        },
        {k: Place(k, k, 0) for k in range(4)},
    )
    assert map_program(network, target, split)[1] == ()


def test_a_threshold_per_channel_counts_once_per_channel() -> None:
    network = two_layers(6, 4, 3)
    hidden = network.population("hidden")
    image = replace(hidden, shape=(2, 2, 1), parameters={"vth": np.array([5, 9]).reshape(2, 1, 1)})
    others = (network.populations[0], image, network.populations[2])
    found = broken(replace(network, populations=others), limited(LOIHI2, thresholds_per_core=1))
    assert found["thresholds-per-core"].needs == "2 distinct thresholds on core 1"
