"""Which cores a neuron's spike reaches, and through how many synapses.

The synapses of a core's neurons, seen from the sources, are the transposed structure of the
operator applied to the core's indicator: a convolution is never unrolled. Source neurons that reach
the same cores alike (all of a dense layer, all channels at one position of a convolution) share one
row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Mapping, Program
from snn2chip.engine.kernels.accelerate import kernels
from snn2chip.graph.operators import Conv, Dense, Identity, Operator, Sparse

if TYPE_CHECKING:
    from scipy.sparse import csr_array

OWN_AXONS = (Dense, Identity, Sparse)
"""Operators whose axons are counted one by one.

The neurons of all channels at one position of a convolution may share a population axon; no
public formula says how many remain.
"""

_KERNELS = "snn2chip.mapping.reach_kernels"

_TAPS = 1 << 22
"""Taps of a convolution that are listed at once."""


@dataclass(frozen=True, eq=False)
class Reach:
    """Synapses of source neurons into cores.

    Attributes:
        cores: numbers of the cores that are reached, ascending, int64 [core].
        row_of: row of each source neuron, int64 [source size].
        synapses: int64 [row, core], sparse; an absent entry is no synapse.
    """

    cores: NDArray[np.int64]
    row_of: NDArray[np.int64]
    synapses: csr_array

    @property
    def degrees(self) -> NDArray[np.int64]:
        """Cores that each source neuron reaches, int64 [source size]."""
        found: NDArray[np.int64] = np.diff(self.synapses.indptr).astype(np.int64)[self.row_of]
        return found

    def axons(self) -> NDArray[np.int64]:
        """Distinct source neurons that reach each core, int64 [core]."""
        neurons = np.bincount(self.row_of, minlength=self.synapses.shape[0])
        found: NDArray[np.int64] = np.bincount(
            self.synapses.indices,
            np.repeat(neurons, np.diff(self.synapses.indptr)),
            self.cores.size,
        ).astype(np.int64)
        return found


def reach(operator: Operator, assignment: NDArray[np.int32]) -> Reach:
    """Where an operator's synapses lie.

    Args:
        assignment: core of each target neuron, [target size].
    """
    cores, column = np.unique(assignment.astype(np.int64), return_inverse=True)
    sources = prod(operator.source_shape)
    match operator:
        case Dense():
            row_of, table = np.zeros(sources, np.int64), np.bincount(column)[None]
            return Reach(cores, row_of, _matrix(table))
        case Identity():
            return Reach(cores, column.astype(np.int64), _matrix(np.eye(cores.size)))
        case Conv():
            return Reach(cores, *_convolution(operator, column, cores.size))
        case Sparse():
            return Reach(cores, np.arange(sources), _single(operator, column, cores.size))


def destinations(
    program: Program,
    mapping: Mapping,
    source: str,
    kinds: tuple[type, ...] = (Dense, Conv, Identity, Sparse),
) -> Reach | None:
    """Cores that spikes of a population may reach; None where it reaches none.

    Two projections into one core share its packet.

    Args:
        kinds: operators that count.
    """
    return union(
        [
            reach(projection.operator, mapping.assignment[projection.target])
            for projection in program.outgoing(source)
            if isinstance(projection.operator, kinds)
        ]
    )


def union(reaches: Sequence[Reach]) -> Reach | None:
    """What several projections of one population reach together; None without any."""
    if not reaches:
        return None
    first, *others = reaches
    for other in others:
        first = _both(first, other)
    return first


def _both(a: Reach, b: Reach) -> Reach:
    cores = np.union1d(a.cores, b.cores)
    pairs = a.row_of * b.synapses.shape[0] + b.row_of
    kept, row_of = np.unique(pairs, return_inverse=True)
    rows = np.divmod(kept, b.synapses.shape[0])
    parts = (_widened(r, cores)[k] for r, k in zip((a, b), rows, strict=True))
    total = next(parts)
    for part in parts:
        total = total + part
    return Reach(cores, row_of.astype(np.int64), total)


def _widened(reach: Reach, cores: NDArray[np.int64]) -> csr_array:
    """Its synapses with the columns of more cores."""
    from scipy.sparse import csr_array

    columns = np.searchsorted(cores, reach.cores)[reach.synapses.indices]
    shape = (reach.synapses.shape[0], cores.size)
    return csr_array((reach.synapses.data, columns, reach.synapses.indptr), shape=shape)


def _matrix(table: NDArray[np.generic]) -> csr_array:
    from scipy.sparse import csr_array

    return csr_array(table.astype(np.int64))


def _convolution(
    conv: Conv, column: NDArray[np.intp], cores: int
) -> tuple[NDArray[np.int64], csr_array]:
    """Row of each source neuron, and synapses per (group, position) and core.

    Positions reach positions through the taps of one channel; how many channels of each group lie
    on which core at a position stands in a second matrix.
    """
    from scipy.sparse import coo_array

    sources, targets = prod(conv.source_shape[1:]), prod(conv.target_shape[1:])
    channels, inner = conv.weight.shape[0] // conv.groups, conv.weight.shape[1]
    neuron = np.arange(column.size)
    group, position = neuron // (channels * targets), neuron % targets
    ones = np.ones(column.size, np.int64)
    shape = (targets, conv.groups * cores)
    held = coo_array((ones, (position, group * cores + column)), shape=shape).tocsr()
    together = max(1, _TAPS // prod(conv.weight.shape[2:]))
    parts = []
    for first in range(0, targets, together):
        chosen = range(first, min(first + together, targets))
        found = (_taps(conv, chosen) @ held[chosen.start : chosen.stop]).tocoo()
        parts.append((found.row, found.col, found.data))
    row, entry, number = (np.concatenate(part) for part in zip(*parts, strict=True))
    owner, core = np.divmod(entry.astype(np.int64), cores)
    places = owner * sources + row
    shape = (conv.groups * sources, cores)
    table = coo_array((number, (places, core)), shape=shape).tocsr()
    of_channel = np.arange(conv.source_shape[0]) // inner * sources
    return (of_channel[:, None] + np.arange(sources)).reshape(-1), table


def _taps(conv: Conv, chosen: range) -> csr_array:
    """Taps of one channel between source positions and some target positions: [source, chosen]."""
    from scipy.sparse import coo_array

    space = conv.source_shape[1:]
    where = np.unravel_index(np.arange(chosen.start, chosen.stop), conv.target_shape[1:])
    sources, targets = [], []
    for tap in np.ndindex(*conv.weight.shape[2:]):
        at = [
            q * stride - before + k * dilation
            for q, stride, (before, _), k, dilation in zip(
                where, conv.stride, conv.padding, tap, conv.dilation, strict=True
            )
        ]
        inside = np.logical_and.reduce([(a >= 0) & (a < n) for a, n in zip(at, space, strict=True)])
        sources.append(np.ravel_multi_index([a[inside] for a in at], space))
        targets.append(np.flatnonzero(inside))
    ends = np.concatenate(sources), np.concatenate(targets)
    ones = np.ones(ends[0].size, np.int64)
    return coo_array((ones, ends), shape=(prod(space), len(chosen))).tocsr()


def _single(operator: Sparse, column: NDArray[np.intp], cores: int) -> csr_array:
    """Synapses per source neuron and core."""
    from scipy.sparse import csr_array

    sizes = prod(operator.source_shape), prod(operator.target_shape)
    module = kernels(_KERNELS)
    if module is not None:
        size = operator.targets.size
        starts = np.empty(sizes[0] + 1, np.int64)
        columns, numbers = np.empty(size, np.int32), np.empty(size, np.int32)
        place = column.astype(np.int32)
        end = module.cores_of_sources(
            operator.first, operator.targets, place, starts, columns, numbers
        )
        if size < 2**31:
            starts = starts.astype(np.int32)
        return csr_array((numbers[:end], columns[:end], starts), shape=(sizes[0], cores))
    ones = np.ones(operator.targets.size, np.int64)
    links = csr_array((ones, operator.targets, operator.first), shape=sizes)
    offsets, one = np.arange(column.size + 1), np.ones(column.size, np.int64)
    table = links @ csr_array((one, column, offsets), shape=(column.size, cores))
    table.sort_indices()
    return table
