"""Compiled sums over spikes: what each spike adds, and nothing for the neurons that are silent.

Loaded only through ``accelerate.kernels``. Arrays are contiguous; flags are uint8. Weights are
int16 where a target's sum of magnitudes stays below 2^15, so that no partial sum leaves the type,
and int32 elsewhere; a common power of two is left out of them and shifted back in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.accelerate import jit

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Weights = NDArray[Any]


@jit
def list_events(row: Bytes, words: NDArray[np.uint64], events: Ints) -> int:
    """Writes the places of a row's non-zero bytes to ``events`` and returns how many there are.

    Args:
        row: uint8 [n].
        words: the first eights of the row as whole numbers.
        events: int32 [n + 1].
    """
    found = 0
    for k in range(words.shape[0]):
        if words[k] != 0:
            for place in range(8 * k, 8 * k + 8):
                events[found] = place
                found += row[place] != 0
    for place in range(8 * words.shape[0], row.shape[0]):
        events[found] = place
        found += row[place] != 0
    return found


@jit
def add_rows(
    total: Weights, weights: Weights, rows: Ints, first: int, last: int, base: int
) -> None:
    """Adds the weights [row, target] of ``rows[first:last] - base`` to total [target]."""
    k = first
    while k + 4 <= last:
        a = weights[np.uint32(rows[k] - base)]
        b = weights[np.uint32(rows[k + 1] - base)]
        c = weights[np.uint32(rows[k + 2] - base)]
        d = weights[np.uint32(rows[k + 3] - base)]
        for j in range(total.shape[0]):
            total[j] += a[j] + b[j] + c[j] + d[j]
        k += 4
    while k < last:
        a = weights[np.uint32(rows[k] - base)]
        for j in range(total.shape[0]):
            total[j] += a[j]
        k += 1


@jit
def dense_sums(spikes: Bytes, weights: Weights, up: int, sums: Ints, arrived: Bytes) -> None:
    """Sums of the weights of the neurons that fire.

    Args:
        spikes: uint8 [n, source].
        weights: [source, target], without their common factor 2^up.
        sums: int32 [n, target], overwritten.
        arrived: uint8 [n], overwritten: whether any neuron fires.
    """
    sources, targets = weights.shape
    events = np.empty(sources + 1, np.int32)
    total = np.empty(targets, weights.dtype)
    whole = sources if sources % 8 == 0 else 0
    for n in range(spikes.shape[0]):
        count = list_events(spikes[n], spikes[n, :whole].view(np.uint64), events)
        arrived[n] = count > 0
        total[:] = 0
        add_rows(total, weights, events, 0, count, 0)
        for j in range(targets):
            sums[n, j] = np.int32(total[j]) << np.int32(up)


@jit
def conv_sums(
    spikes: Bytes,
    channels_last: bool,
    weights: Weights,
    taps: tuple[int, int, int, int, int, int],
    sizes: tuple[int, int, int, int, int, int],
    up: int,
    sums: Ints,
    arrived: Bytes,
) -> None:
    """Convolution of spikes: a target adds the weights of the spikes in its window.

    In the order row, column, channel the spikes of a window are one piece of the list of all
    spikes for each row of the kernel, and their weights' rows follow from their places.

    Args:
        spikes: uint8 [n, group, channel, height * width], or with one group [n, 1, height * width,
            channel] where ``channels_last``.
        weights: [group * kernel row * kernel column * source channel, target channel], without
            their common factor 2^up.
        taps: stride, dilation and padding before, of rows, then of columns.
        sizes: rows and columns of the source, of the kernel, and of the target.
        sums: int32 [n, rows, columns, group, target channel], overwritten.
        arrived: uint8 of the shape of sums, overwritten: whether a spike reaches the target.
    """
    height, width, kernel_rows, kernel_columns, high, wide = sizes
    groups, targets = sums.shape[3], sums.shape[4]
    area = height * width
    channels = weights.shape[0] // (groups * kernel_rows * kernel_columns)
    inside = channels * area
    found = np.empty(inside + 1, np.int32)
    ordered = np.empty(inside + 1, np.int32)
    starts = np.empty(area + 2, np.int32)
    total = np.empty(weights.shape[1], weights.dtype)
    whole = inside if inside % 8 == 0 else 0
    flat = spikes.reshape(spikes.shape[0] * groups, inside)
    for n in range(flat.shape[0]):
        sample, group = n // groups, n % groups
        count = list_events(flat[n], flat[n, :whole].view(np.uint64), found)
        events = found
        if channels_last:
            _positions(found[:count], channels, starts)
        else:
            _by_position(found[:count], area, channels, starts, ordered)
            events = ordered
        for y in range(high):
            for x in range(wide):
                total[:] = 0
                hit = _window(total, weights, group, events, starts, y, x, taps, sizes, channels)
                for c in range(targets):
                    sums[sample, y, x, group, c] = np.int32(total[c]) << np.int32(up)
                arrived[sample, y, x, group] = hit


@jit
def _positions(events: Ints, channels: int, starts: Ints) -> None:
    """Where the events of each position start, of events in the order of positions."""
    starts[:] = 0
    for k in range(events.shape[0]):
        starts[np.uint32(events[k]) // np.uint32(channels) + np.uint32(1)] += 1
    for place in range(1, starts.shape[0]):
        starts[place] += starts[place - 1]


@jit
def _by_position(events: Ints, area: int, channels: int, starts: Ints, ordered: Ints) -> None:
    """Orders events [channel, position] as [position, channel], and tells where positions start."""
    starts[:] = 0
    for k in range(events.shape[0]):
        starts[np.uint32(events[k]) % np.uint32(area) + np.uint32(2)] += 1
    for k in range(2, starts.shape[0]):
        starts[k] += starts[k - 1]
    for k in range(events.shape[0]):
        channel = np.uint32(events[k]) // np.uint32(area)
        place = np.uint32(events[k]) - channel * np.uint32(area)
        at = starts[place + np.uint32(1)]
        starts[place + np.uint32(1)] = at + 1
        ordered[at] = place * np.uint32(channels) + channel


@jit
def _window(
    total: Weights,
    weights: Weights,
    group: int,
    events: Ints,
    starts: Ints,
    y: int,
    x: int,
    taps: tuple[int, int, int, int, int, int],
    sizes: tuple[int, int, int, int, int, int],
    channels: int,
) -> bool:
    """Adds to ``total`` the weights of the events in a target's window; whether there are any."""
    height, width, kernel_rows, kernel_columns = sizes[0], sizes[1], sizes[2], sizes[3]
    column = x * taps[3] - taps[5]
    left, right = min(max(column, 0), width), max(0, min(column + kernel_columns, width))
    per_row = kernel_columns * channels
    found = False
    for k in range(kernel_rows):
        row = y * taps[0] - taps[2] + k * taps[1]
        if row < 0 or row >= height:
            continue
        line, skipped = row * width, (group * kernel_rows + k) * per_row
        if taps[4] == 1:
            first, last = starts[line + left], starts[line + right]
            base = (line + column) * channels - skipped
            if last > first:
                add_rows(total, weights, events, first, last, base)
                found = True
            continue
        for j in range(kernel_columns):
            place = column + j * taps[4]
            if 0 <= place < width:
                first, last = starts[line + place], starts[line + place + 1]
                base = (line + place - j) * channels - skipped
                add_rows(total, weights, events, first, last, base)
                found = found or last > first
    return found


@jit
def pack_channels_last(flags: Bytes, bits: Bytes) -> None:
    """Packs flags in the order of channels first.

    Args:
        flags: uint8 [n, position, channel] of 0 and 1.
        bits: uint8 [n, ceil(positions * channels / 8)], overwritten; the first of channel,
            position in the highest bit.
    """
    positions, channels = flags.shape[1], flags.shape[2]
    blocks = (positions + 7) // 8
    planes = np.empty((channels, blocks), np.uint8)
    eight = np.empty(channels, np.uint8)
    for n in range(flags.shape[0]):
        for block in range(blocks):
            p = 8 * block
            if p + 8 <= positions:
                a, b, c, d = flags[n, p], flags[n, p + 1], flags[n, p + 2], flags[n, p + 3]
                e, f, g, h = flags[n, p + 4], flags[n, p + 5], flags[n, p + 6], flags[n, p + 7]
                for k in range(channels):
                    eight[k] = (
                        (a[k] << 7) | (b[k] << 6) | (c[k] << 5) | (d[k] << 4)
                        | (e[k] << 3) | (f[k] << 2) | (g[k] << 1) | h[k]
                    )  # fmt: skip
            else:
                eight[:] = 0
                for q in range(p, positions):
                    for k in range(channels):
                        eight[k] |= flags[n, q, k] << (7 - (q - p))
            for k in range(channels):
                planes[k, block] = eight[k]
        bits[n] = 0
        for c in range(channels):
            for block in range(blocks):
                place = c * positions + 8 * block
                byte, off = place >> 3, np.uint8(place & 7)
                bits[n, byte] |= planes[c, block] >> off
                if off > 0 and byte + 1 < bits.shape[1]:
                    bits[n, byte + 1] |= planes[c, block] << (np.uint8(8) - off)
