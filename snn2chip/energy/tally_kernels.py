"""Compiled sums over packed flags. Loaded only through ``accelerate.kernels``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.kernels.accelerate import jit


@jit
def add_flags(
    bits: NDArray[np.uint8],
    row_of: NDArray[np.int64],
    first: NDArray[np.int64],
    cores: NDArray[np.int64],
    numbers: NDArray[np.int64],
    out: NDArray[Any],
) -> None:
    """Adds the rows of all neurons whose flag is set.

    Args:
        bits: [step, sample, byte], the first neuron in the highest bit; padding is zero.
        row_of, first, cores, numbers: as in ``tally.Weights``.
        out: [step, sample, core].
    """
    steps, samples, size = bits.shape
    for step in range(steps):
        for sample in range(samples):
            for byte in range(size):
                left = bits[step, sample, byte]
                if left == 0:
                    continue
                for bit in range(8):
                    if (left >> (7 - bit)) & 1:
                        row = row_of[8 * byte + bit]
                        for entry in range(first[row], first[row + 1]):
                            out[step, sample, cores[entry]] += numbers[entry]
