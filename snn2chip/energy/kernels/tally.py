"""Compiled sums over packed flags. Loaded only through ``accelerate.kernels``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.kernels.accelerate import inline, jit


@inline
def _flags_in(byte: np.uint8) -> int:
    """Sums of pairs, of fours, of all eight."""
    pairs = byte - ((byte >> 1) & 0x55)
    fours = (pairs & 0x33) + ((pairs >> 2) & 0x33)
    return int((fours + (fours >> 4)) & 0x0F)


@jit
def count_rows(
    bits: NDArray[np.uint8],
    row_of: NDArray[np.int64],
    shared: NDArray[np.int64],
    counts: NDArray[Any],
) -> None:
    """Adds to each row how many of its neurons' flags are set.

    Args:
        bits, row_of: as in ``add_flags``.
        shared: row of all eight neurons of a byte, or -1 where they differ, [byte].
        counts: [step, sample, row].
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
                    counts[step, sample, row] += _flags_in(left)
                    continue
                # Adding 0 is quicker than asking; only the last byte may have no neurons.
                for bit in range(min(8, row_of.size - 8 * byte)):
                    counts[step, sample, row_of[8 * byte + bit]] += (left >> (7 - bit)) & 1


@jit
def add_counts(
    counts: NDArray[Any],
    first: NDArray[Any],
    cores: NDArray[Any],
    numbers: NDArray[Any],
    out: NDArray[Any],
    entries: NDArray[Any],
) -> None:
    """Adds each row as often as its count says; the arguments are those of the others."""
    steps, samples, rows = counts.shape
    for step in range(steps):
        for sample in range(samples):
            for row in range(rows):
                flags = counts[step, sample, row]
                if flags == 0:
                    continue
                for entry in range(first[row], first[row + 1]):
                    out[step, sample, cores[entry]] += flags * numbers[entry]
                if entries.size:
                    for entry in range(first[row], first[row + 1]):
                        entries[step, sample, cores[entry]] += flags


@jit
def add_flags(
    bits: NDArray[np.uint8],
    row_of: NDArray[np.int64],
    first: NDArray[Any],
    cores: NDArray[Any],
    numbers: NDArray[Any],
    out: NDArray[Any],
    entries: NDArray[Any],
) -> None:
    """Adds the rows of all neurons whose flag is set.

    Args:
        bits: [step, sample, byte], the first neuron in the highest bit; padding is zero.
        row_of, first, cores, numbers: as in ``tally.Weights``.
        out: [step, sample, core].
        entries: [step, sample, core], to which the number of entries of the rows is added; empty
            where nobody wants it.
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
                        if entries.size:
                            for entry in range(first[row], first[row + 1]):
                                entries[step, sample, cores[entry]] += 1


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
