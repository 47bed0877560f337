"""Compiled sums over spikes: what each spike adds, and nothing for the neurons that are silent.

Loaded only through ``accelerate.kernels``. Arrays are contiguous; flags are uint8. Weights are
int8 or int16 where they fit; sums are int16 where none over any spikes can leave it, and int32
elsewhere (additions wrap, so that partial sums do not matter). A common power of two is left out of
the weights and shifted back in.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.kernels.accelerate import jit
from snn2chip.engine.kernels.bits import ROOM, list_events
from snn2chip.engine.kernels.vectors import add_rows

Bytes: TypeAlias = NDArray[np.uint8]
Ints: TypeAlias = NDArray[np.int32]
Weights: TypeAlias = NDArray[Any]
Taps: TypeAlias = tuple[int, int, int, int, int, int]
Sizes: TypeAlias = tuple[int, int, int, int, int, int, int]
Lists: TypeAlias = tuple[Ints, Ints, Ints, Ints, Ints]

MOST_DIVIDED, MOST_QUOTIENT = 2**40, 2**24
"""Numbers times divisors, and quotients, stay below; ``quotient`` is exact there."""

_MAGIC_BITS = 40


@jit
def magic_of(divisor: int) -> np.uint64:
    """A factor with which ``quotient`` divides by ``divisor``."""
    return np.uint64((1 << _MAGIC_BITS) // divisor + 1)


@jit
def quotient(number: np.int32, magic: np.uint64) -> np.int32:
    """number // divisor without a division, exact below 2^40 / divisor and 2^24 * divisor.

    magic = 2^40 / divisor + e with 0 < e <= 1, so that the product is too large by less than
    number, and number < 2^40 / divisor (T. Granlund and P. Montgomery, 1994). The product has 64
    bits, of which 24 are left for the quotient.
    """
    return np.int32((np.uint64(np.uint32(number)) * np.uint64(magic)) >> np.uint64(_MAGIC_BITS))


@jit
def dense_sums(spikes: Bytes, weights: Weights, shift: int, totals: Weights, sums: Ints) -> None:
    """Sums of the weights of the neurons that fire.

    Args:
        spikes: uint8 [n, ceil(source / 8)], bits of neurons.
        weights: [source, target], without their common factor 2^shift; targets padded with zeros.
        totals: [padded target], overwritten.
        sums: int32 [n, target], overwritten.
    """
    events = np.empty(weights.shape[0] + ROOM, np.int32)
    for n in range(spikes.shape[0]):
        count = list_events(spikes[n], events)
        totals[:] = 0
        add_rows(totals, 0, weights, events, 0, count, 0)
        for j in range(sums.shape[1]):
            sums[n, j] = np.int32(totals[j]) << np.int32(shift)


@jit
def conv_sums(
    spikes: Bytes,
    last: bool,
    merged: bool,
    weights: Weights,
    taps: Taps,
    sizes: Sizes,
    shift: int,
    totals: Weights,
    sums: Ints,
    arrived: Bytes,
) -> None:
    """Convolution of spikes: a target adds the weights of the spikes in its window.

    In the order row, column, channel the spikes of a window are one piece of the list of all
    spikes for each row of the kernel, and their weights' rows follow from their places. Where such
    a piece would hold few spikes, those of all rows of the kernel are first ``merged`` by column.

    Args:
        spikes: uint8 [n * group, bytes], bits of a group's channels in the order channel,
            position, or where ``last`` in the order position, channel.
        weights: [group * kernel row * kernel column * source channel, target channel], or where
            ``merged`` [group * kernel column * kernel row * source channel, target channel],
            without their common factor 2^shift; target channels padded with zeros.
        taps: stride, dilation and padding before, of rows, then of columns.
        sizes: groups, rows and columns of the source, of the kernel, and of the target.
        totals: [columns * target channel + padding], overwritten.
        sums: int32 [n, rows, columns, group, target channel], overwritten.
        arrived: uint8 [n, rows, columns, group], overwritten: whether a spike reaches the targets.
    """
    groups, targets = sums.shape[3], sums.shape[4]
    wide = sizes[6]
    channels = weights.shape[0] // (groups * sizes[3] * sizes[4])
    lists = lists_for(channels, sizes)
    hit = np.empty(wide, np.uint8)
    for n in range(spikes.shape[0]):
        sample, group = n // groups, n % groups
        list_positions(spikes[n], last, channels, lists)
        for y in range(sizes[5]):
            conv_row(lists, y, group, merged, weights, channels, taps, sizes, totals, targets, hit)
            for x in range(wide):
                arrived[sample, y, x, group] = hit[x]
                for c in range(targets):
                    sums[sample, y, x, group, c] = np.int32(totals[x * targets + c]) << np.int32(
                        shift
                    )


@jit
def lists_for(channels: int, sizes: Sizes) -> Lists:
    """Room for the events of one group of one sample and step.

    Returns:
        int32 arrays: events in the order position, channel; where those of each position start;
        the channel and the column of each event; a list as it is found; events merged by column,
        and where those of each column start.
    """
    area, width = sizes[1] * sizes[2], sizes[2]
    most = channels * area + ROOM
    return (
        np.empty(most, np.int32),
        np.empty(area + 2, np.int32),
        np.empty(most, np.int32),
        np.empty(most, np.int32),
        np.empty(width + 2, np.int32),
    )


@jit
def list_positions(spikes: Bytes, last: bool, channels: int, lists: Lists) -> None:
    """Lists the spikes of one group, and where those of each position start."""
    events, starts, found = lists[0], lists[1], lists[2]
    if last:
        count = list_events(spikes, events)
        _positions(events[:count], channels, starts)
    else:
        count = list_events(spikes, found)
        _by_position(found[:count], channels, starts, events)


@jit
def conv_row(
    lists: Lists,
    y: int,
    group: int,
    merged: bool,
    weights: Weights,
    channels: int,
    taps: Taps,
    sizes: Sizes,
    totals: Weights,
    targets: int,
    hit: Bytes,
) -> None:
    """One row of targets; arguments as of ``conv_sums``.

    Args:
        lists: as ``list_positions`` leaves them.
        totals: [columns * target channel + padding], overwritten.
        hit: uint8 [columns], overwritten.
    """
    _, height, width, kernel_rows, kernel_columns = sizes[:5]
    events, starts, rows, columns = lists[0], lists[1], lists[3], lists[4]
    kernel = (kernel_rows, kernel_columns, channels)
    totals[:] = 0
    hit[:] = 0
    top = y * taps[0] - taps[2]
    if merged:
        _merge_rows(events, starts, top, taps[1], kernel, height, columns, rows)
        _add_windows(totals, targets, hit, weights, group, rows, columns, taps[3], taps[5], kernel)
        return
    for k in range(kernel_rows):
        row = top + k * taps[1]
        if 0 <= row < height:
            first = (group * kernel_rows + k) * kernel_columns * channels
            _add_line(
                totals, targets, hit, weights, first, events, starts, row * width,
                (width, kernel_columns, channels), (taps[3], taps[4], taps[5]),
            )  # fmt: skip


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
    height: int,
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
    width, channels = columns.shape[0] - 2, kernel[2]
    step, magic = kernel[0] * kernel[2], magic_of(channels)
    columns[:] = 0
    for k in range(kernel[0]):
        row = top + k * dilation
        if 0 <= row < height:
            first = row * width * channels
            for event in range(starts[row * width], starts[row * width + width]):
                columns[quotient(np.int32(events[event] - first), magic) + 2] += 1
    for k in range(2, width + 2):
        columns[k] += columns[k - 1]
    for k in range(kernel[0]):
        row = top + k * dilation
        if 0 <= row < height:
            first = row * width * channels
            for event in range(starts[row * width], starts[row * width + width]):
                place = events[event] - first
                x = quotient(np.int32(place), magic)
                at = columns[x + 1]
                columns[x + 1] = at + 1
                rows[at] = place + x * (step - channels) + k * channels


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
    magic = magic_of(channels)
    starts[:] = 0
    for k in range(events.shape[0]):
        starts[quotient(events[k], magic) + 1] += 1
    for place in range(1, starts.shape[0]):
        starts[place] += starts[place - 1]


@jit
def _by_position(events: Ints, channels: int, starts: Ints, ordered: Ints) -> None:
    """Orders events [channel, position] as [position, channel], and tells where positions start."""
    area = starts.shape[0] - 2
    starts[:] = 0
    first = 0
    for k in range(events.shape[0]):
        while events[k] - first >= area:
            first += area
        starts[events[k] - first + 2] += 1
    for k in range(2, starts.shape[0]):
        starts[k] += starts[k - 1]
    first = channel = 0
    for k in range(events.shape[0]):
        while events[k] - first >= area:
            first += area
            channel += 1
        position = events[k] - first
        at = starts[position + 1]
        starts[position + 1] = at + 1
        ordered[at] = position * channels + channel
