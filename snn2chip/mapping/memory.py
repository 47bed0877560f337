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

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Mapping, Program, ProgramProjection
from snn2chip.graph.linear import fan_in
from snn2chip.graph.operators import Conv, Dense, Identity, Sparse
from snn2chip.mapping.reach import reach
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
    sources = None
    if isinstance(projection.operator, Sparse):
        inside = (projection.operator.targets >= first) & (projection.operator.targets <= last)
        sources = projection.operator.sources[inside]
    return words_on(memory, projection, np.arange(first, last + 1), sources)


def words_on(
    memory: SynapseMemory,
    projection: ProgramProjection,
    neurons: NDArray[np.intp],
    sources: NDArray[np.int64] | None = None,
) -> int:
    """Words that a projection takes on a core with these target neurons.

    Args:
        sources: source of each synapse into them, of a sparse operator; others need none.
    """
    bits = projection.weight_bits
    match projection.operator:
        case Dense() as dense:
            return prod(dense.source_shape) * memory.axon_words(int(neurons.size), bits)
        case Identity():
            return int(neurons.size) * memory.axon_words(1, bits)
        case Conv() as conv:
            return _kernel_words(memory, conv, bits, neurons)
        case Sparse():
            return 0 if sources is None else _axon_words(memory, repeats(sources), bits)


def core_words(
    memory: SynapseMemory, projection: ProgramProjection, assignment: NDArray[np.int32]
) -> dict[int, int]:
    """Core -> words that a projection takes on it.

    Args:
        assignment: core of each target neuron, [target size].
    """
    operator, bits = projection.operator, projection.weight_bits
    cores, column, neurons = np.unique(assignment, return_inverse=True, return_counts=True)
    match operator:
        case Dense():
            each = [memory.axon_words(int(n), bits) for n in neurons]
            words = prod(operator.source_shape) * np.array(each, np.int64)
        case Identity():
            words = neurons * memory.axon_words(1, bits)
        case Conv():
            channel = np.arange(column.size) // prod(operator.target_shape[1:])
            words = _kernels(memory, operator, bits, column, channel, cores.size)
        case Sparse():
            table = reach(operator, assignment).synapses.tocsc()
            parts = np.split(table.data, table.indptr[1:-1])
            words = np.array([_axon_words(memory, part, bits) for part in parts], np.int64)
    return dict(zip(cores.tolist(), words.tolist(), strict=True))


def words_of_a_neuron(memory: SynapseMemory, incoming: abc.Iterable[ProgramProjection]) -> int:
    """Most words that a single neuron's synapses take."""
    return sum(
        int(fan_in(p.operator).max(initial=0)) * memory.axon_words(1, p.weight_bits)
        if isinstance(p.operator, Sparse)
        else slice_words(memory, p, 0, 0)
        for p in incoming
    )


def total_words(program: Program, target: Target, mapping: Mapping) -> int | None:
    """Words of synaptic memory of all cores, or None where the target's format is not known."""
    memory = memory_of(target)
    if memory is None:
        return None
    return sum(
        sum(core_words(memory, projection, mapping.assignment[projection.target]).values())
        for projection in program.projections
    )


def _axon_words(memory: SynapseMemory, synapses: NDArray[np.int64], bits: int) -> int:
    """Words of axons with so many synapses each; those without take none."""
    number = np.bincount(synapses)
    sizes = np.flatnonzero(number[1:]) + 1
    return sum(memory.axon_words(int(size), bits) * int(number[size]) for size in sizes)


def repeats(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each distinct number stands there, by ascending number; quicker than a hash."""
    ordered = np.sort(numbers)
    ends = np.flatnonzero(np.diff(ordered, append=ordered[-1:] + 1))
    return np.diff(ends, prepend=-1)


def _kernels(
    memory: SynapseMemory,
    conv: Conv,
    bits: int,
    column: NDArray[np.intp],
    channel: NDArray[np.intp],
    cores: int,
) -> NDArray[np.int64]:
    """Words of the shared kernel on each core, for the channels that it holds of each group.

    Args:
        column, channel: core and channel of each neuron.
    """
    pairs = np.unique(column * conv.weight.shape[0] + channel)
    core, held = np.divmod(pairs, conv.weight.shape[0])
    group = held // (conv.weight.shape[0] // conv.groups)
    channels = np.bincount(core * conv.groups + group, minlength=cores * conv.groups)
    rows, stored = prod(conv.weight.shape[1:]), memory.stored_bits(bits)
    per_group = rows * -(-channels * stored // memory.word)
    words: NDArray[np.int64] = per_group.reshape(cores, conv.groups).sum(axis=1)
    return words


def _kernel_words(memory: SynapseMemory, conv: Conv, bits: int, neurons: NDArray[np.intp]) -> int:
    """Words of the shared kernel on a core that holds these target neurons."""
    column = np.zeros(neurons.size, np.intp)
    channel = neurons // prod(conv.target_shape[1:])
    return int(_kernels(memory, conv, bits, column, channel, 1)[0]) if neurons.size else 0


def _ceil(bits: int, word: int) -> int:
    return -(-bits // word)
