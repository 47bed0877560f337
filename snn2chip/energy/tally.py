"""Sums over rasters: what each spike adds to which core, step by step.

Compiled where numba is installed; scipy's sparse products do the same without it, block by block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Raster
from snn2chip.energy.blocks import blocks
from snn2chip.engine.kernels.accelerate import kernels

_KERNELS = "snn2chip.energy.tally_kernels"


@dataclass(frozen=True, eq=False)
class Weights:
    """What one flag of a neuron adds: rows of (core, number) that neurons share.

    Attributes:
        row_of: row of each neuron, int64 [neuron].
        first: where each row begins, int64 [row + 1].
        cores: index of a core, int64 [entry]; each once in a row.
        numbers: int64 [entry].
    """

    row_of: NDArray[np.int64]
    first: NDArray[np.int64]
    cores: NDArray[np.int64]
    numbers: NDArray[np.int64]

    @classmethod
    def single(cls, cores: NDArray[np.int64], numbers: NDArray[np.int64]) -> Weights:
        """Each neuron adds a number of its own to one core."""
        if cores.size and (cores == cores[0]).all() and (numbers == numbers[0]).all():
            shared = np.zeros(cores.size, np.int64)
            return cls(shared, np.array([0, 1]), cores[:1], numbers[:1])
        return cls(np.arange(cores.size), np.arange(cores.size + 1), cores, numbers)

    def ones(self) -> Weights:
        """The same cores, each once."""
        return replace(self, numbers=np.ones_like(self.numbers))


def tally(raster: Raster, weights: Weights, out: NDArray[Any]) -> None:
    """Adds the weights of all flags that are set to ``out`` [step, sample, core]."""
    if weights.first.size == 2:
        each = raster.per_step()
        for core, number in zip(weights.cores.tolist(), weights.numbers.tolist(), strict=True):
            out[..., core] += (number * each).astype(out.dtype)
        return
    module = kernels(_KERNELS)
    if module is None:
        _by_products(raster, weights, out)
        return
    bits = np.ascontiguousarray(raster.bits)
    module.add_flags(bits, weights.row_of, weights.first, weights.cores, weights.numbers, out)


def _by_products(raster: Raster, weights: Weights, out: NDArray[Any]) -> None:
    """The same as sparse matrix products."""
    from scipy.sparse import csr_array

    shape = (weights.first.size - 1, out.shape[-1])
    table = csr_array((weights.numbers, weights.cores, weights.first), shape=shape)
    each = table[weights.row_of]
    for steps, samples, flags in blocks(raster):
        fired = csr_array(flags.reshape(-1, flags.shape[-1]).astype(np.int64))
        sums = (fired @ each).toarray().reshape(*flags.shape[:2], -1)
        out[steps, samples] += sums.astype(out.dtype)
