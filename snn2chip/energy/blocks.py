"""Rasters block by block, so that memory stays bounded whatever the run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Raster

BLOCK = 1 << 24
"""Flags that are unpacked at once."""


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
