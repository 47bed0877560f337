"""Sums over rasters: what each spike adds to which core, step by step.

Compiled where numba is installed; scipy's sparse products do the same without it, block by block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Raster
from snn2chip.energy.blocks import blocks
from snn2chip.engine.kernels.accelerate import kernels
from snn2chip.mapping.reach import Reach

_KERNELS = "snn2chip.energy.kernels.tally"
_SHARING = 2
"""Neurons that share a row, in the mean, from which flags are counted by row first."""

_FILLED = 1 / 16
"""Share of a table that is not 0 from which a product with all of it is quicker (measured)."""

_LARGEST = 1 << 24
"""Numbers of such a table, and counts by row that are held at once."""

_EXACT_FLOAT32 = 1 << 24


@dataclass(frozen=True, eq=False)
class Weights:
    """What one flag of a neuron adds: rows of (core, number) that neurons share.

    Attributes:
        row_of: row of each neuron, [neuron].
        first: where each row begins, [row + 1].
        cores: index of a core, [entry]; each once in a row.
        numbers: [entry].
    """

    row_of: NDArray[np.int64]
    first: NDArray[np.integer[Any]]
    cores: NDArray[np.integer[Any]]
    numbers: NDArray[np.integer[Any]]

    @classmethod
    def single(cls, cores: NDArray[np.int64], numbers: NDArray[np.int64]) -> Weights:
        """Each neuron adds a number of its own to one core."""
        kinds = int(numbers.max(initial=0)) + 1
        pairs, row_of = np.unique(cores * kinds + numbers, return_inverse=True)
        return cls(row_of, np.arange(pairs.size + 1), *np.divmod(pairs, kinds))

    @property
    def is_full(self) -> bool:
        """Whether a table of all numbers, [row, core that occurs], is small and well filled."""
        size = (self.first.size - 1) * np.unique(self.cores).size
        return size <= min(_LARGEST, self.cores.size / _FILLED)

    def table(self) -> tuple[NDArray[np.int64], NDArray[np.floating[Any]]]:
        """Cores that occur, and numbers [row, core] in floats that hold all sums exactly."""
        used, column = np.unique(self.cores, return_inverse=True)
        rows = self.first.size - 1
        table = np.zeros((rows, used.size))
        table[np.arange(rows).repeat(np.diff(self.first)), column] = self.numbers
        most = np.bincount(self.row_of, minlength=rows) @ table
        exact = most.max(initial=0) < _EXACT_FLOAT32
        return used, table.astype(np.float32) if exact else table

    def ones(self) -> Weights:
        """The same cores, each once."""
        return replace(self, numbers=np.broadcast_to(np.int64(1), self.numbers.shape))


def tally(
    raster: Raster, weights: Weights, out: NDArray[Any], entries: NDArray[Any] | None = None
) -> None:
    """Adds the weights of all flags that are set to ``out`` [step, sample, core].

    Args:
        entries: like ``out``, for the number of weights instead of their sum.
    """
    if weights.first.size == 2:
        each = raster.per_step()
        for core, number in zip(weights.cores.tolist(), weights.numbers.tolist(), strict=True):
            out[..., core] += (number * each).astype(out.dtype)
            if entries is not None:
                entries[..., core] += each.astype(entries.dtype)
        return
    module = kernels(_KERNELS)
    if module is None:
        _by_products(raster, weights, out)
        if entries is not None:
            _by_products(raster, weights.ones(), entries)
        return
    bits = np.ascontiguousarray(raster.bits)
    if weights.first.size <= weights.row_of.size // _SHARING:
        _by_rows(bits, weights, out, entries, module)
        return
    rows = weights.first, weights.cores, weights.numbers
    module.add_flags(bits, weights.row_of, *rows, out, _or_nothing(entries, out))


def _by_rows(
    bits: NDArray[np.uint8],
    weights: Weights,
    out: NDArray[Any],
    entries: NDArray[Any] | None,
    module: ModuleType,
) -> None:
    """Flags counted by row, then times the rows: as an exact product where their table is full."""
    samples, size = bits.shape[1:]
    rows = weights.first.size - 1
    cores, table = weights.table() if weights.is_full else (None, None)
    shared = _shared_rows(weights.row_of, size)
    together = max(1, _LARGEST // max(1, samples * rows))
    for first in range(0, len(bits), together):
        part = slice(first, first + together)
        kind = np.int32 if table is None else table.dtype
        counts = np.zeros((*bits[part].shape[:2], rows), kind)
        module.count_rows(bits[part], weights.row_of, shared, counts)
        if table is None:
            into = out[part], _or_nothing(None if entries is None else entries[part], out)
            module.add_counts(counts, weights.first, weights.cores, weights.numbers, *into)
            continue
        out[part][..., cores] += (counts @ table).astype(out.dtype)
        if entries is not None:
            entries[part][..., cores] += (counts @ (table > 0).astype(table.dtype)).astype(
                out.dtype
            )


def _or_nothing(entries: NDArray[Any] | None, like: NDArray[Any]) -> NDArray[Any]:
    """Numba wants an array of one type, wanted or not."""
    return np.zeros((0, 0, 0), like.dtype) if entries is None else entries


def _by_products(raster: Raster, weights: Weights, out: NDArray[Any]) -> None:
    """``out`` as sparse matrix products."""
    from scipy.sparse import csr_array

    shape = (weights.first.size - 1, out.shape[-1])
    table = csr_array((weights.numbers, weights.cores, weights.first), shape=shape)
    each = table[weights.row_of]
    for steps, samples, flags in blocks(raster):
        fired = csr_array(flags.reshape(-1, flags.shape[-1]).astype(np.int64))
        sums = (fired @ each).toarray().reshape(*flags.shape[:2], -1)
        out[steps, samples] += sums.astype(out.dtype)


def _shared_rows(row_of: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The row of the eight neurons of each byte where they have the same one, else -1."""
    padded = np.concatenate([row_of, row_of[-1:].repeat(8 * size - row_of.size)]).reshape(-1, 8)
    return np.where((padded == padded[:, :1]).all(axis=1), padded[:, 0], -1)


def pair_sums(
    numbers: NDArray[np.int64], home: NDArray[np.int64], found: Reach, homes: int
) -> NDArray[np.int64]:
    """What neurons send from core to core: int64 [home, core of ``found.cores``].

    Args:
        numbers: sent by each neuron to each core that it reaches, [neuron].
        home: index of each neuron's own core, below ``homes``, [neuron].
    """
    from scipy.sparse import coo_array

    sums = np.zeros((homes, found.cores.size), np.int64)
    matrix = found.synapses
    module = kernels(_KERNELS)
    if module is not None:
        module.add_pairs(numbers, home, found.row_of, matrix.indptr, matrix.indices, sums)
        return sums
    shape = (homes, matrix.shape[0])
    sent = coo_array((numbers, (home, found.row_of)), shape=shape).tocsr()
    reached = matrix.astype(np.int64)
    reached.data[:] = 1
    sums += (sent @ reached).toarray()
    return sums
