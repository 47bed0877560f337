"""Layers compiled: sums of spikes, CUBA neurons and bits, without leaving the processor's cache.

Loaded only through ``engine.kernels.accelerate.kernels``. The sums are those of
``engine.kernels.sums``, the neurons those of ``cuba_kernel``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.kernels.cuba_kernel import (
    Bytes,
    Ints,
    Parameters,
    mark,
    rows,
    scan_row,
)
from snn2chip.engine.kernels.accelerate import jit
from snn2chip.engine.kernels.bits import (
    FLAGS,
    ROOM,
    copy,
    list_events,
    pack_channels_last,
    pack_row,
    planes_for,
)
from snn2chip.engine.kernels.sums import Sizes, Taps, conv_row, list_positions, lists_for
from snn2chip.engine.kernels.vectors import add_rows

_BORDER = 16
"""Positions, or bytes, after the last that ``pack_channels_last`` may touch."""


@jit
def dense_layer(
    spikes: Bytes,
    weights: NDArray[Any],
    shift: int,
    totals: NDArray[Any],
    us: Ints,
    vs: Ints,
    parameters: Parameters,
    memory: bool,
    sent: Bytes,
    updated: Bytes,
    counts: NDArray[np.int64],
) -> None:
    """Fully connected neurons.

    Args:
        spikes: uint8 [step, sample, ceil(source / 8)], bits.
        weights, totals: as ``engine.kernels.sums.dense_sums`` takes them.
        shift: what the totals are multiplied by, as a power of two.
        us, vs, parameters, memory, counts: as ``cuba_kernel.scan`` takes them.
        sent, updated: uint8 [step, sample, ceil(neuron / 8)], overwritten with bits.
    """
    size = vs.shape[1]
    events = np.empty(weights.shape[0] + ROOM, np.int32)
    fired, flags = np.zeros(size + FLAGS, np.uint8), np.zeros(size + FLAGS, np.uint8)
    scratch = np.empty(size + FLAGS, np.uint8)
    everyone = np.ones(size + FLAGS, np.uint8)
    everyone[size:] = 0
    for sample in range(spikes.shape[1]):
        for step in range(spikes.shape[0]):
            count = list_events(spikes[step, sample], events)
            totals[:] = 0
            add_rows(totals, 0, weights, events, 0, count, 0)
            scan_row(
                totals, shift, us[sample], vs[sample],
                parameters[0], parameters[1], parameters[2], parameters[3], memory,
                fired, flags, counts,
            )  # fmt: skip
            pack_row(fired, scratch, sent[step, sample])
            pack_row(everyone if count > 0 else flags, scratch, updated[step, sample])


@jit
def summed_layer(
    sums: Ints,
    arrived: Bytes,
    shift: int,
    us: Ints,
    vs: Ints,
    parameters: Parameters,
    memory: bool,
    sent: Bytes,
    updated: Bytes,
    counts: NDArray[np.int64],
) -> None:
    """Fully connected neurons whose sums are there already.

    Args:
        sums: int32 [step, sample, neuron].
        arrived: uint8 [step, sample], whether any event arrives.
        shift: what the sums are multiplied by, as a power of two.
        us, vs, parameters, memory, counts: as ``cuba_kernel.scan`` takes them.
        sent, updated: uint8 [step, sample, ceil(neuron / 8)], overwritten with bits.
    """
    size = vs.shape[1]
    fired, flags = np.zeros(size + FLAGS, np.uint8), np.zeros(size + FLAGS, np.uint8)
    scratch = np.empty(size + FLAGS, np.uint8)
    everyone = np.ones(size + FLAGS, np.uint8)
    everyone[size:] = 0
    for sample in range(sums.shape[1]):
        for step in range(sums.shape[0]):
            scan_row(
                sums[step, sample], shift, us[sample], vs[sample],
                parameters[0], parameters[1], parameters[2], parameters[3], memory,
                fired, flags, counts,
            )  # fmt: skip
            any_event = arrived[step, sample] != 0
            pack_row(fired, scratch, sent[step, sample])
            pack_row(everyone if any_event else flags, scratch, updated[step, sample])


@jit
def conv_layer(
    spikes: Bytes,
    last: bool,
    merged: bool,
    weights: NDArray[Any],
    taps: Taps,
    sizes: Sizes,
    shift: int,
    totals: NDArray[Any],
    us: Ints,
    vs: Ints,
    parameters: Parameters,
    memory: bool,
    sent: Bytes,
    sent_last: Bytes,
    updated: Bytes,
    counts: NDArray[np.int64],
) -> None:
    """Neurons behind a convolution of one group; their channels lie last.

    Args:
        spikes, last, merged, weights, taps, sizes, totals: as ``engine.kernels.sums.conv_sums``
            takes them, but for spikes uint8 [step, sample, bytes].
        shift: what the totals are multiplied by, as a power of two.
        us, vs, parameters, memory, counts: as ``cuba_kernel.scan`` takes them.
        sent, updated: uint8 [step, sample, ceil(neuron / 8)], overwritten with bits.
        sent_last: of the same shape, overwritten with the bits in the order position, channel.
    """
    high, wide = sizes[5], sizes[6]
    size = vs.shape[1]
    targets = size // (high * wide)
    channels = weights.shape[0] // (sizes[3] * sizes[4])
    lists = lists_for(channels, sizes)
    hit = np.empty(wide, np.uint8)
    room = size + max(_BORDER * targets, FLAGS)
    fired, flags = np.zeros(room, np.uint8), np.zeros(room, np.uint8)
    scratch = np.empty(room, np.uint8)
    planes = planes_for(targets, high * wide)
    line = wide * targets
    for sample in range(spikes.shape[1]):
        for step in range(spikes.shape[0]):
            list_positions(spikes[step, sample], last, channels, lists)
            for y in range(high):
                conv_row(lists, y, 0, merged, weights, channels, taps, sizes, totals, targets, hit)
                a, b = y * line, (y + 1) * line
                scan_row(
                    totals, shift, us[sample, a:b], vs[sample, a:b],
                    rows(parameters[0], a, b), rows(parameters[1], a, b),
                    rows(parameters[2], a, b), rows(parameters[3], a, b), memory,
                    fired[a:b], flags[a:b], counts,
                )  # fmt: skip
                mark(flags[a:b], hit)
            pack_row(fired, scratch, sent_last[step, sample])
            pack_channels_last(fired, high * wide, planes, scratch)
            copy(scratch, sent[step, sample])
            pack_channels_last(flags, high * wide, planes, scratch)
            copy(scratch, updated[step, sample])
