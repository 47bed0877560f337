"""Compiled sums over packed flags. Loaded only through ``accelerate.kernels``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.kernels.accelerate import inline, jit


@inline
def _flags_in(byte: np.uint8) -> int:
    flags = 0
    while byte:
        byte &= byte - np.uint8(1)
        flags += 1
    return flags


@jit
def add_flags(
    bits: NDArray[np.uint8],
    row_of: NDArray[np.int64],
    shared: NDArray[np.int64],
    first: NDArray[Any],
    cores: NDArray[Any],
    numbers: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Adds the rows of all neurons whose flag is set.

    Args:
        bits: [step, sample, byte], the first neuron in the highest bit; padding is zero.
        row_of, first, cores, numbers: as in ``tally.Weights``.
        shared: row of all eight neurons of a byte, or -1 where they differ, [byte].
        out: [step, sample, core].
    """
    steps, samples, size = bits.shape
    for step in range(steps):
        for sample in range(samples):
            for byte in range(size):
                left = bits[step, sample, byte]
                if left == 0:
                    continue
                row = shared[byte]
                if row >= 0:
                    flags = _flags_in(left)
                    for entry in range(first[row], first[row + 1]):
                        out[step, sample, cores[entry]] += flags * numbers[entry]
                    continue
                for bit in range(8):
                    if (left >> (7 - bit)) & 1:
                        row = row_of[8 * byte + bit]
                        for entry in range(first[row], first[row + 1]):
                            out[step, sample, cores[entry]] += numbers[entry]


@jit
def add_flags_and_entries(
    bits: NDArray[np.uint8],
    row_of: NDArray[np.int64],
    shared: NDArray[np.int64],
    first: NDArray[Any],
    cores: NDArray[Any],
    numbers: NDArray[Any],
    out: NDArray[Any],
    entries: NDArray[Any],
) -> None:
    """``add_flags``, with the number of entries of the rows beside their sums.

    Args:
        entries: [step, sample, core].
    """
    steps, samples, size = bits.shape
    for step in range(steps):
        for sample in range(samples):
            for byte in range(size):
                left = bits[step, sample, byte]
                if left == 0:
                    continue
                row = shared[byte]
                if row >= 0:
                    flags = _flags_in(left)
                    for entry in range(first[row], first[row + 1]):
                        core = cores[entry]
                        out[step, sample, core] += flags * numbers[entry]
                        entries[step, sample, core] += flags
                    continue
                for bit in range(8):
                    if (left >> (7 - bit)) & 1:
                        row = row_of[8 * byte + bit]
                        for entry in range(first[row], first[row + 1]):
                            core = cores[entry]
                            out[step, sample, core] += numbers[entry]
                            entries[step, sample, core] += 1


@jit
def add_pairs(
    numbers: NDArray[np.int64],
    home: NDArray[np.int64],
    row_of: NDArray[np.int64],
    first: NDArray[Any],
    cores: NDArray[Any],
    sums: NDArray[np.int64],
) -> None:
    """Adds what each neuron sends to each core of its row.

    Args:
        numbers, home: as in ``tally.pair_sums``.
        sums: [home, core].
    """
    for neuron in range(numbers.size):
        number = numbers[neuron]
        if number:
            row = row_of[neuron]
            for entry in range(first[row], first[row + 1]):
                sums[home[neuron], cores[entry]] += number
