"""Synaptic memory of a slice of a population, in words.

Dense operators, per axon (source neuron) and core that holds n target neurons::

    words = ceil((h + n (b + i)) / w)

with header h, stored weight b, index i and word w in bits. Where a header serves at most m
synapses, further synapses start another header and a new word. An identity stores one synapse per
axon. All four numbers come from the target's file: for Loihi 2 they are inferred from a log of
Intel's compiler, which this formula fits.

Convolutions share their kernel within a core, so it is counted once per core, for the output
channels that the core holds: ``taps x input channels of the group x ceil(channels b / w)`` words.
This reproduces the words that the same log prints for five convolutions. See ``SHARED_KERNELS``
for what it leaves out.
"""

from __future__ import annotations

import collections.abc as abc
from dataclasses import dataclass
from math import prod

from snn2chip.core import Mapping, Program, ProgramProjection
from snn2chip.graph.operators import Conv, Dense, Identity
from snn2chip.targets.types import Target

SHARED_KERNELS = (
    "synaptic memory of convolutions: the kernel counts once per core, for the output channels "
    "that the core holds; axon tables that point into it are not counted"
)


@dataclass(frozen=True, slots=True)
class SynapseMemory:
    """How synapses are stored; see the module docstring.

    Attributes:
        per_header: synapses that share a header, or None without such a limit.
        stored: bits of a weight -> bits it occupies, where they differ.
    """

    word: int
    header: int
    index: int
    per_header: int | None
    stored: abc.Mapping[int, int]

    def stored_bits(self, weight_bits: int) -> int:
        """Bits that a weight of so many bits occupies."""
        return self.stored.get(weight_bits, weight_bits)

    def axon_words(self, synapses: int, weight_bits: int) -> int:
        """Words of one axon with so many synapses on one core."""
        per_synapse = self.stored_bits(weight_bits) + self.index
        group = self.per_header or synapses
        full, rest = divmod(synapses, group) if group else (0, 0)
        words = full * _ceil(self.header + group * per_synapse, self.word)
        return words + (_ceil(self.header + rest * per_synapse, self.word) if rest else 0)


def memory_of(target: Target) -> SynapseMemory | None:
    """The format of a target's synaptic memory, or None where none is known."""
    word, header = target.limit("word_bits"), target.limit("axon_header_bits")
    index = target.limit("synapse_index_bits")
    if word is None or header is None or index is None:
        return None
    stored = target.resources.get("stored_weight_bits")
    per_header = target.limit("synapses_per_header")
    return SynapseMemory(word, header, index, per_header, stored.value if stored else {})


def slice_words(memory: SynapseMemory, projection: ProgramProjection, first: int, last: int) -> int:
    """Words that a projection takes on a core with its target neurons ``first`` to ``last``."""
    neurons, bits = last - first + 1, projection.weight_bits
    match projection.operator:
        case Dense() as dense:
            return prod(dense.source_shape) * memory.axon_words(neurons, bits)
        case Identity():
            return neurons * memory.axon_words(1, bits)
        case Conv() as conv:
            return _kernel_words(memory, conv, bits, first, last)


def total_words(program: Program, target: Target, mapping: Mapping) -> int | None:
    """Words of synaptic memory of all cores, or None where the target's format is not known."""
    memory = memory_of(target)
    if memory is None:
        return None
    return sum(
        slice_words(memory, projection, part.first, part.last)
        for projection in program.projections
        for part in mapping.cores[projection.target]
    )


def _kernel_words(memory: SynapseMemory, conv: Conv, bits: int, first: int, last: int) -> int:
    area = prod(conv.target_shape[1:])
    low, high = first // area, last // area
    per_group = conv.weight.shape[0] // conv.groups
    rows = prod(conv.weight.shape[1:])
    stored = memory.stored_bits(bits)
    words = 0
    for group in range(low // per_group, high // per_group + 1):
        channels = min(high, (group + 1) * per_group - 1) - max(low, group * per_group) + 1
        words += rows * _ceil(channels * stored, memory.word)
    return words


def _ceil(bits: int, word: int) -> int:
    return -(-bits // word)
