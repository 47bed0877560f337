"""Sums over rasters, block by block, so that memory stays bounded whatever the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Raster

BLOCK = 1 << 24
"""Flags that are unpacked at once."""

_EXACT_FLOAT32 = 1 << 24


def blocks(raster: Raster, size: int = BLOCK) -> Iterator[tuple[slice, slice, NDArray[np.bool_]]]:
    """(steps, samples, flags [step, sample, neuron]) of pieces that cover a raster once."""
    neurons = max(1, int(np.prod(raster.shape, dtype=np.int64)))
    samples = max(1, min(raster.samples, size // neurons))
    steps = max(1, size // (neurons * samples))
    for t in range(0, raster.steps, steps):
        for s in range(0, raster.samples, samples):
            where = slice(t, t + steps), slice(s, s + samples)
            part = Raster(raster.bits[where], raster.shape).unpack()
            yield *where, part.reshape(*part.shape[:2], -1)


def per_slice(raster: Raster, first_neurons: Sequence[int], size: int = BLOCK) -> NDArray[np.int64]:
    """Flags per slice of the neurons: [slice, step, sample].

    Args:
        first_neurons: where each slice begins, ascending from 0.
    """
    if len(first_neurons) == 1:
        return raster.per_step()[None]
    sums = np.zeros((len(first_neurons), raster.steps, raster.samples), np.int64)
    for steps, samples, flags in blocks(raster, size):
        parts = np.add.reduceat(flags, first_neurons, axis=-1, dtype=np.int64)
        sums[:, steps, samples] = np.moveaxis(parts, -1, 0)
    return sums


def weighted(raster: Raster, weights: NDArray[np.int64], size: int = BLOCK) -> NDArray[np.int64]:
    """Sums of weights over the neurons whose flag is set, exact: [row, step, sample].

    Args:
        weights: [row, neuron], not negative.
    """
    rows = len(weights)
    sums = np.zeros((rows, raster.steps, raster.samples), np.int64)
    if not rows:
        return sums
    largest = int(weights.sum(axis=1).max(initial=0))
    dtype = np.dtype(np.float32 if largest < _EXACT_FLOAT32 else np.float64)
    columns: NDArray[Any] = weights.T.astype(dtype)
    for steps, samples, flags in blocks(raster, size):
        products: NDArray[Any] = flags.reshape(-1, flags.shape[-1]).astype(dtype) @ columns
        parts = products.reshape(*flags.shape[:2], rows).astype(np.int64)
        sums[:, steps, samples] = np.moveaxis(parts, -1, 0)
    return sums
