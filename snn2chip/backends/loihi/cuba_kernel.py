"""The CUBA recurrence compiled: all steps of a block in one pass over the neurons.

Loaded only through ``engine.accelerate.kernels``. The numbers are those of ``arithmetic``: int32
states, decay products in int64, one wrap of u, saturation of v. All arrays are contiguous, with the
neurons in any order that all of them share.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.accelerate import jit

Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

_LIMIT = np.int32(2**23)
_WRAP = np.int32(2**24)
_LARGEST = np.int32(2**23 - 1)
_LOWEST = np.int32(1 - 2**23)


@jit
def _decayed(x: np.int32, keep: np.int32) -> np.int32:
    """rz(x keep, 12) for a keep of 0 to 4096: |x| keep = (high keep) 2^12 + low keep."""
    sign = np.uint32(x >> np.int32(31))
    size = np.uint32((np.uint32(x) ^ sign) - sign)
    high, low = np.uint32(size >> np.uint32(12)), np.uint32(size & np.uint32(4095))
    kept = np.uint32(keep)
    scaled = np.uint32(np.uint32(high * kept) + np.uint32(np.uint32(low * kept) >> np.uint32(12)))
    return np.int32(np.uint32((scaled ^ sign) - sign))


@jit
def uniform_scan(
    current: Ints,
    arrived: Bytes,
    us: Ints,
    vs: Ints,
    parameters: tuple[int, int, int, int],
    memory: bool,
    output: Bytes,
    membrane: Ints,
    updated: Bytes,
    kept_u: Ints,
    kept_v: Ints,
    counts: NDArray[np.int64],
) -> None:
    """Neurons that share their parameters.

    Args:
        current: int32 [step, sample, neuron], synaptic sums.
        arrived: uint8 [step, sample, flag]; each flag stands for as many neurons in a row.
        us, vs: int32 [sample, neuron], the states; advanced in place.
        parameters: 4096 - (du + 1), 4096 - dv, vth << 6, and the scaled bias.
        memory: whether a non-zero u counts as an update.
        output: uint8 [step, sample, neuron], overwritten with the spikes.
        membrane: int32 of the same shape, overwritten with v after the reset, or of no steps.
        updated: uint8 of the same shape, overwritten.
        kept_u, kept_v: int32 of the same shape, overwritten with the states, or of no steps.
        counts: int64 [5], added to: wraps of u, saturations of v, spikes; and largest |v| before
            the reset and largest |current|, in place of smaller ones.
    """
    keep_u, keep_v = np.int32(parameters[0]), np.int32(parameters[1])
    threshold, bias = np.int32(parameters[2]), np.int32(parameters[3])
    biased = np.uint8(bias != 0)
    for sample in range(current.shape[1]):
        u_row, v_row = us[sample], vs[sample]
        for step in range(current.shape[0]):
            drive, sent = current[step, sample], output[step, sample]
            flags = updated[step, sample]
            wraps = saturations = fired = top = most = np.int32(0)
            for n in range(drive.shape[0] if keep_u == 0 else 0):
                v, d = v_row[n], drive[n]
                busy = np.uint8(v != 0)
                raw = np.int32(d << np.int32(6))
                low = np.int32(raw - _WRAP) if raw > _LIMIT else raw
                u = np.int32(low + _WRAP) if low <= -_LIMIT else low
                free = np.int32(_decayed(v, keep_v) + u + bias)
                v = np.int32(min(max(free, _LOWEST), _LARGEST))
                spike = v > threshold
                wraps = np.int32(wraps + np.int32(u != raw))
                saturations = np.int32(saturations + np.int32(v != free))
                fired = np.int32(fired + np.int32(spike))
                top = np.int32(max(top, abs(v)))
                most = np.int32(max(most, abs(d)))
                u_row[n] = u
                v_row[n] = np.int32(0) if spike else v
                sent[n] = spike
                flags[n] = busy | biased | np.uint8(spike)
            for n in range(drive.shape[0] if keep_u != 0 else 0):
                u, v, d = u_row[n], v_row[n], drive[n]
                busy = np.uint8(v != 0) | (np.uint8(u != 0) & np.uint8(memory))
                raw = np.int32(_decayed(u, keep_u) + (d << np.int32(6)))
                low = np.int32(raw - _WRAP) if raw > _LIMIT else raw
                u = np.int32(low + _WRAP) if low <= -_LIMIT else low
                free = np.int32(_decayed(v, keep_v) + u + bias)
                v = np.int32(min(max(free, _LOWEST), _LARGEST))
                spike = v > threshold
                wraps = np.int32(wraps + np.int32(u != raw))
                saturations = np.int32(saturations + np.int32(v != free))
                fired = np.int32(fired + np.int32(spike))
                top = np.int32(max(top, abs(v)))
                most = np.int32(max(most, abs(d)))
                u_row[n] = u
                v_row[n] = np.int32(0) if spike else v
                sent[n] = spike
                flags[n] = busy | biased | np.uint8(spike)
            _add_arrivals(flags, arrived[step, sample])
            _count(counts, wraps, saturations, fired, top, most)
            _keep(membrane, step, sample, v_row)
            _keep(kept_u, step, sample, u_row)
            _keep(kept_v, step, sample, v_row)


@jit
def varied_scan(
    current: Ints,
    arrived: Bytes,
    us: Ints,
    vs: Ints,
    parameters: tuple[Ints, Ints, Ints, Ints],
    memory: bool,
    output: Bytes,
    membrane: Ints,
    updated: Bytes,
    kept_u: Ints,
    kept_v: Ints,
    counts: NDArray[np.int64],
) -> None:
    """``uniform_scan`` with parameters of each neuron, int32 [neuron]."""
    keep_u, keep_v, threshold, bias = parameters
    for sample in range(current.shape[1]):
        u_row, v_row = us[sample], vs[sample]
        for step in range(current.shape[0]):
            drive, sent = current[step, sample], output[step, sample]
            flags = updated[step, sample]
            wraps = saturations = fired = top = most = np.int32(0)
            for n in range(drive.shape[0]):
                u, v, d = u_row[n], v_row[n], drive[n]
                busy = np.uint8(v != 0) | (np.uint8(u != 0) & np.uint8(memory))
                raw = np.int32(_decayed(u, keep_u[n]) + (d << np.int32(6)))
                low = np.int32(raw - _WRAP) if raw > _LIMIT else raw
                u = np.int32(low + _WRAP) if low <= -_LIMIT else low
                free = np.int32(_decayed(v, keep_v[n]) + u + bias[n])
                v = np.int32(min(max(free, _LOWEST), _LARGEST))
                spike = v > threshold[n]
                wraps = np.int32(wraps + np.int32(u != raw))
                saturations = np.int32(saturations + np.int32(v != free))
                fired = np.int32(fired + np.int32(spike))
                top = np.int32(max(top, abs(v)))
                most = np.int32(max(most, abs(d)))
                u_row[n] = u
                v_row[n] = np.int32(0) if spike else v
                sent[n] = spike
                flags[n] = busy | np.uint8(bias[n] != 0) | np.uint8(spike)
            _add_arrivals(flags, arrived[step, sample])
            _count(counts, wraps, saturations, fired, top, most)
            _keep(membrane, step, sample, v_row)
            _keep(kept_u, step, sample, u_row)
            _keep(kept_v, step, sample, v_row)


@jit
def _add_arrivals(flags: Bytes, arrived: Bytes) -> None:
    """Marks the neurons that an event reaches; a flag stands for as many neurons in a row."""
    if arrived.shape[0] == flags.shape[0]:
        for n in range(flags.shape[0]):
            flags[n] |= arrived[n]
        return
    each = flags.shape[0] // arrived.shape[0]
    for k in range(arrived.shape[0]):
        if arrived[k] != 0:
            flags[k * each : (k + 1) * each] = 1


@jit
def _keep(kept: Ints, step: int, sample: int, row: Ints) -> None:
    """Records a row, where the record has steps."""
    if kept.shape[0] > 0:
        kept[step, sample] = row


@jit
def _count(
    counts: NDArray[np.int64],
    wraps: np.int32,
    saturations: np.int32,
    fired: np.int32,
    top: np.int32,
    most: np.int32,
) -> None:
    """Adds one row's counts and largest magnitudes."""
    counts[0] += wraps
    counts[1] += saturations
    counts[2] += fired
    counts[3] = max(counts[3], np.int64(top))
    counts[4] = max(counts[4], np.int64(most))
