"""Synaptic words: the formula by hand, and against Intel's published map of PilotNet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.graph import Conv, Identity
from snn2chip.mapping import map_program, total_words
from snn2chip.mapping.memory import SynapseMemory, memory_of, slice_words
from snn2chip.targets import load_target
from tests.energy.networks import convolutions, dense, project, two_layers


def memory(target: str) -> SynapseMemory:
    found = memory_of(load_target(target))
    assert found is not None
    return found


def test_dense_words_by_hand() -> None:
    words = slice_words(memory("loihi2"), project("a", "b", dense((100,), (50,)), bits=8), 0, 49)
    assert words == 100 * 16, "ceil((16 + 50 * (8 + 12)) / 64) = 16 words per axon"


@pytest.mark.parametrize(
    ("axons", "neurons", "bits", "logged"), [(100, 50, 4, 1300), (50, 10, 4, 150), (10, 1, 8, 10)]
)
def test_dense_words_of_the_compiler_log(axons: int, neurons: int, bits: int, logged: int) -> None:
    """fc50, fc10 and out of PilotNet; the log does not print the weight bits."""
    projection = project("a", "b", dense((axons,), (neurons,)), bits=bits)
    assert slice_words(memory("loihi2"), projection, 0, neurons - 1) == logged


@pytest.mark.parametrize(
    ("channels", "inputs", "bits", "logged"),
    [(24, 3, 8, 81), (36, 24, 7, 864), (48, 36, 6, 1620), (64, 48, 5, 2160), (64, 64, 5, 2880)],
)
def test_kernel_words_of_the_compiler_log(
    channels: int, inputs: int, bits: int, logged: int
) -> None:
    """conv1 to conv5 of PilotNet; 7 bits are packed as 7 there, so they are kept as they are."""
    conv = Conv(np.ones((channels, inputs, 3, 3)), (inputs, 9, 9), (1, 1), ((0, 0), (0, 0)), (1, 1))
    packed = replace(memory("loihi2"), stored={})
    last = channels * 49 - 1
    assert slice_words(packed, project("a", "b", conv, bits=bits), 0, last) == logged


def test_seven_bits_are_stored_as_eight() -> None:
    for name in ("loihi1", "loihi2"):
        assert [memory(name).stored_bits(bits) for bits in (6, 7, 8)] == [6, 8, 8]


def test_a_header_serves_64_synapses_on_loihi1() -> None:
    one = memory("loihi1")
    assert one.axon_words(64, 8) == 9, "ceil((10 + 64 * 8) / 64)"
    assert one.axon_words(65, 8) == 10
    assert one.axon_words(129, 8) == 2 * 9 + 1


def test_no_synapses_take_no_words() -> None:
    assert memory("loihi1").axon_words(0, 8) == memory("loihi2").axon_words(0, 8) == 0


def test_an_identity_stores_one_synapse_per_neuron() -> None:
    operator = Identity(np.ones(20), (20,), (20,))
    assert slice_words(memory("loihi2"), project("a", "b", operator), 5, 9) == 5


def test_a_slice_stores_the_kernels_of_its_channels() -> None:
    conv = Conv(np.ones((8, 2, 3)), (4, 10), (1,), ((1, 1),), (1,), groups=2)
    projection = project("a", "b", conv, bits=8)
    found = [
        slice_words(memory("loihi2"), projection, *ends) for ends in ((0, 9), (0, 39), (0, 79))
    ]
    assert found == [6, 6, 12], "2 x 3 rows of up to 8 weights per word, in 1, 1 and 2 groups"
    assert slice_words(memory("loihi2"), projection, 39, 40) == 12, "one channel of each group"


def test_a_slice_of_one_group_counts_its_own_channels_only() -> None:
    conv = Conv(np.ones((24, 1, 3)), (1, 10), (1,), ((1, 1),), (1,))
    projection = project("a", "b", conv, bits=8)
    ends = ((0, 9), (0, 79), (0, 80), (80, 239), (0, 239))
    words = [slice_words(memory("loihi2"), projection, *end) for end in ends]
    assert words == [3, 3, 6, 6, 9], "3 taps of 1, 8, 9, 16 and 24 channels, 8 per word"


@settings(max_examples=40, deadline=None)
@given(st.data(), convolutions())
def test_words_grow_with_the_slice(data: st.DataObject, conv: Conv) -> None:
    projection = project("a", "b", conv)
    size = int(np.prod(conv.target_shape))
    first = data.draw(st.integers(0, size - 1))
    words = [slice_words(memory("loihi2"), projection, first, last) for last in range(first, size)]
    assert words == sorted(words)
    assert words[0] > 0


def test_no_format_no_memory() -> None:
    assert memory_of(load_target("reference")) is None


def test_all_words_of_a_program_are_those_of_its_cores() -> None:
    network, target = two_layers(6, 5, 3), load_target("loihi2")
    mapping, _ = map_program(network, target)
    by_hand = 6 * -(-(16 + 5 * 20) // 64) + 5 * -(-(16 + 3 * 20) // 64)
    assert {p.weight_bits for p in network.projections} == {8}
    assert total_words(network, target, mapping) == by_hand


def test_without_a_format_of_the_memory_no_words_are_known() -> None:
    network, target = two_layers(6, 5, 3), load_target("loihi2")
    unknown = {k: v for k, v in target.resources.items() if k != "axon_header_bits"}
    bare = replace(target, resources=unknown)
    mapping, _ = map_program(network, bare)
    assert total_words(network, bare, mapping) is None
