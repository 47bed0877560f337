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
from snn2chip.engine.vectors import add_rows

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Words = NDArray[np.uint64]
Weights = NDArray[Any]


_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_PLACES = np.zeros(64, np.int32)
for _place in range(64):
    _PLACES[((1 << _place) * int(_DE_BRUIJN) & (2**64 - 1)) >> 58] = _place
"""Place of a number's only bit, by the number times a de Bruijn sequence."""


@jit
def list_events(words: Words, events: Ints) -> int:
    """Writes the places of set bits to ``events``, in order, and returns how many there are.

    Args:
        words: 64 flags each, the first in the lowest bit.
        events: int32, as many as there may be.
    """
    found = 0
    for k in range(words.shape[0]):
        word = words[k]
        while word != 0:
            lowest = word & (~word + np.uint64(1))
            events[found] = 64 * k + _PLACES[(lowest * _DE_BRUIJN) >> np.uint64(58)]
            found += 1
            word ^= lowest
    return found


@jit
def dense_sums(spikes: Words, weights: Weights, up: int, sums: Ints, arrived: Bytes) -> None:
    """Sums of the weights of the neurons that fire.

    Args:
        spikes: uint64 [n, ceil(source / 64)], the first neuron in the lowest bit.
        weights: [source, target], without their common factor 2^up; targets padded with zeros to
            32 bytes.
        sums: int32 [n, target], overwritten.
        arrived: uint8 [n], overwritten: whether any neuron fires.
    """
    events = np.empty(weights.shape[0], np.int32)
    total = np.empty(weights.shape[1], weights.dtype)
    for n in range(spikes.shape[0]):
        count = list_events(spikes[n], events)
        arrived[n] = count > 0
        total[:] = 0
        add_rows(total, 0, weights, events, 0, count, 0)
        for j in range(sums.shape[1]):
            sums[n, j] = np.int32(total[j]) << np.int32(up)


@jit
def conv_sums(
    spikes: Words,
    channels_last: bool,
    merged: bool,
    weights: Weights,
    taps: tuple[int, int, int, int, int, int],
    sizes: tuple[int, int, int, int, int, int],
    up: int,
    sums: Ints,
    arrived: Bytes,
) -> None:
    """Convolution of spikes: a target adds the weights of the spikes in its window.

    In the order row, column, channel the spikes of a window are one piece of the list of all
    spikes for each row of the kernel, and their weights' rows follow from their places. Where such
    a piece would hold few spikes, those of all rows of the kernel are first ``merged`` by column.

    Args:
        spikes: uint64 [n * group, words], the flags of a group's channels in the order channel,
            position, or where ``channels_last`` in the order position, channel.
        weights: [group * kernel row * kernel column * source channel, target channel], or where
            ``merged`` [group * kernel column * kernel row * source channel, target channel],
            without their common factor 2^up; target channels padded with zeros to 32 bytes.
        taps: stride, dilation and padding before, of rows, then of columns.
        sizes: rows and columns of the source, of the kernel, and of the target.
        sums: int32 [n, rows, columns, group, target channel], overwritten.
        arrived: uint8 [n, rows, columns, group], overwritten: whether a spike reaches the targets.
    """
    height, width, kernel_rows, kernel_columns, high, wide = sizes
    groups, targets = sums.shape[3], sums.shape[4]
    area = height * width
    channels = weights.shape[0] // (groups * kernel_rows * kernel_columns)
    found = np.empty(channels * area, np.int32)
    ordered = np.empty(channels * area, np.int32)
    rows = np.empty(channels * area, np.int32)
    starts = np.empty(area + 2, np.int32)
    totals = np.empty(wide * targets + weights.shape[1], weights.dtype)
    hit = np.empty(wide, np.uint8)
    columns = np.empty(width + 2, np.int32)
    kernel = (kernel_rows, kernel_columns, channels)
    for n in range(spikes.shape[0]):
        sample, group = n // groups, n % groups
        count = list_events(spikes[n], found)
        if channels_last:
            _positions(found[:count], channels, starts)
        else:
            _by_position(found[:count], area, channels, starts, ordered)
        events = found if channels_last else ordered
        for y in range(high):
            totals[:] = 0
            hit[:] = 0
            top = y * taps[0] - taps[2]
            if merged:
                _merge_rows(events, starts, top, taps[1], kernel, columns, rows)
                _add_windows(
                    totals, targets, hit, weights, group, rows, columns, taps[3], taps[5], kernel
                )
            for k in range(0 if merged else kernel_rows):
                row = top + k * taps[1]
                if 0 <= row < height:
                    first = (group * kernel_rows + k) * kernel_columns * channels
                    _add_line(
                        totals, targets, hit, weights, first, events, starts, row * width,
                        (width, kernel_columns, channels), (taps[3], taps[4], taps[5]),
                    )  # fmt: skip
            arrived[sample, y, :, group] = hit
            if groups == 1:
                line = sums[sample, y].reshape(wide * targets)
                for j in range(wide * targets):
                    line[j] = np.int32(totals[j]) << np.int32(up)
                continue
            for x in range(wide):
                for c in range(targets):
                    sums[sample, y, x, group, c] = np.int32(totals[x * targets + c]) << np.int32(up)


@jit
def _add_line(
    totals: Weights,
    targets: int,
    hit: Bytes,
    weights: Weights,
    skipped: int,
    events: Ints,
    starts: Ints,
    line: int,
    sizes: tuple[int, int, int],
    taps: tuple[int, int, int],
) -> None:
    """Adds one row of the kernel, laid over one row of the source, to a row of targets.

    Args:
        totals: [target column * target channel], added to; the zeros that fill up a row of the
            weights are added to the next target, which changes nothing, or to room at the end.
        targets: target channels.
        hit: uint8 [target column], set where there are events.
        skipped: rows of ``weights`` before this row of the kernel.
        starts: where the events of each position start.
        line: position of the source row's first column.
        sizes: columns of the source and of the kernel, and source channels.
        taps: stride, dilation and padding before, of columns.
    """
    width, columns, channels = sizes
    stride, dilation, before = taps
    for x in range(hit.shape[0]):
        column = x * stride - before
        if dilation == 1:
            first = starts[line + min(max(column, 0), width)]
            last = starts[line + max(0, min(column + columns, width))]
            if last > first:
                base = (line + column) * channels - skipped
                add_rows(totals, x * targets, weights, events, first, last, base)
                hit[x] = 1
            continue
        for j in range(columns):
            place = column + j * dilation
            if 0 <= place < width:
                first, last = starts[line + place], starts[line + place + 1]
                base = (line + place - j) * channels - skipped
                add_rows(totals, x * targets, weights, events, first, last, base)
                hit[x] |= np.uint8(last > first)


@jit
def _merge_rows(
    events: Ints,
    starts: Ints,
    top: int,
    dilation: int,
    kernel: tuple[int, int, int],
    columns: Ints,
    rows: Ints,
) -> None:
    """Orders the spikes under all rows of the kernel by column.

    Args:
        top: row of the source under the kernel's first.
        kernel: rows, columns and source channels.
        columns: int32 [width + 2], overwritten: where the spikes of each column start.
        rows: overwritten: column * kernel rows * channels + their weights' row in a column.
    """
    width, channels = columns.shape[0] - 2, np.uint32(kernel[2])
    height = (starts.shape[0] - 2) // width
    step = kernel[0] * kernel[2]
    columns[:] = 0
    for k in range(kernel[0]):
        row = top + k * dilation
        if 0 <= row < height:
            line = row * width
            for event in range(starts[line], starts[line + width]):
                columns[np.uint32(events[event]) // channels - np.uint32(line) + 2] += 1
    for k in range(2, width + 2):
        columns[k] += columns[k - 1]
    for k in range(kernel[0]):
        row = top + k * dilation
        if 0 <= row < height:
            line = row * width
            for event in range(starts[line], starts[line + width]):
                place = np.uint32(events[event]) // channels
                channel = np.uint32(events[event]) - place * channels
                x = place - np.uint32(line)
                at = columns[x + np.uint32(1)]
                columns[x + np.uint32(1)] = at + 1
                rows[at] = x * step + k * kernel[2] + channel


@jit
def _add_windows(
    totals: Weights,
    targets: int,
    hit: Bytes,
    weights: Weights,
    group: int,
    rows: Ints,
    columns: Ints,
    stride: int,
    before: int,
    kernel: tuple[int, int, int],
) -> None:
    """Adds merged spikes to a row of targets; arguments as of ``_add_line`` and ``_merge_rows``."""
    width, step = columns.shape[0] - 2, kernel[0] * kernel[2]
    for x in range(hit.shape[0]):
        column = x * stride - before
        first = columns[min(max(column, 0), width)]
        last = columns[max(0, min(column + kernel[1], width))]
        if last > first:
            base = (column - group * kernel[1]) * step
            add_rows(totals, x * targets, weights, rows, first, last, base)
            hit[x] = 1


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
        position = np.uint32(events[k]) - channel * np.uint32(area)
        at = starts[position + np.uint32(1)]
        starts[position + np.uint32(1)] = at + 1
        ordered[at] = position * np.uint32(channels) + channel


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
