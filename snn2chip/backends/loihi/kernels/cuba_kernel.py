"""The CUBA recurrence compiled: all steps of a block in one pass over the neurons.

Loaded only through ``engine.kernels.accelerate.kernels``. The numbers are those of ``arithmetic``:
int32 states, decay products in int64, one wrap of u, saturation of v. All arrays are contiguous,
with the neurons in any order that all of them share.

Parameters are keep_u = 4096 - (du + 1), keep_v = 4096 - dv, vth << 6 and the scaled bias: whole
numbers where the neurons share them, int32 [neuron] where they do not. keep_u is None where no
neuron keeps its current and no sum can wrap; then u is left alone. Each case is compiled.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba.core import types
from numba.extending import overload
from numpy.typing import NDArray

from snn2chip.engine.kernels.accelerate import inline, jit

Ints: TypeAlias = NDArray[np.int32]
Bytes: TypeAlias = NDArray[np.uint8]
Parameters: TypeAlias = tuple[Any, Any, Any, Any]

_LIMIT = np.int32(2**23)
_WRAP = np.int32(2**24)
_LARGEST = np.int32(2**23 - 1)
_LOWEST = np.int32(1 - 2**23)


def at(parameter: Any, n: int) -> Any:
    """A parameter of neuron n."""
    return parameter[n] if np.ndim(parameter) else parameter


@overload(at, strict=False)
def _at(parameter: Any, n: Any) -> Any:
    if isinstance(parameter, types.Array):
        return lambda parameter, n: parameter[n]
    return lambda parameter, n: np.int32(parameter)


def rows(parameter: Any, first: int, last: int) -> Any:
    """A parameter of neurons first..last."""
    return parameter[first:last] if np.ndim(parameter) else parameter


@overload(rows, strict=False)
def _rows(parameter: Any, first: Any, last: Any) -> Any:
    if isinstance(parameter, types.Array):
        return lambda parameter, first, last: parameter[first:last]
    return lambda parameter, first, last: parameter


@jit
def scan(
    current: Ints,
    arrived: Bytes,
    us: Ints,
    vs: Ints,
    parameters: Parameters,
    memory: bool,
    output: Bytes,
    membrane: Ints,
    updated: Bytes,
    kept_u: Ints,
    kept_v: Ints,
    counts: NDArray[np.int64],
) -> None:
    """All steps of all neurons.

    Args:
        current: int32 [step, sample, neuron], synaptic sums.
        arrived: uint8 [step, sample, flag]; each flag stands for as many neurons in a row.
        us, vs: int32 [sample, neuron], the states; advanced in place.
        memory: whether a non-zero u counts as an update.
        output: uint8 [step, sample, neuron], overwritten with the spikes.
        membrane: int32 of the same shape, overwritten with v after the reset, or of no steps.
        updated: uint8 of the same shape, overwritten.
        kept_u, kept_v: int32 of the same shape, overwritten with the states, or of no steps.
        counts: as ``scan_row`` takes them.
    """
    for sample in range(current.shape[1]):
        for step in range(current.shape[0]):
            flags = updated[step, sample]
            scan_row(
                current[step, sample], 0, us[sample], vs[sample],
                parameters[0], parameters[1], parameters[2], parameters[3], memory,
                output[step, sample], flags, counts,
            )  # fmt: skip
            mark(flags, arrived[step, sample])
            _keep(membrane, step, sample, vs[sample])
            _keep(kept_u, step, sample, us[sample])
            _keep(kept_v, step, sample, vs[sample])


@inline
def scan_row(
    sums: NDArray[Any],
    shift: int,
    us: Ints,
    vs: Ints,
    keep_u: Any,
    keep_v: Any,
    threshold: Any,
    bias: Any,
    memory: bool,
    sent: Bytes,
    flags: Bytes,
    counts: NDArray[np.int64],
) -> None:
    """One step of neurons in a row, as many as there are ``vs``.

    Args:
        sums: whole numbers [neuron or more]; times 2^shift, rounded down, they are a_in.
        sent: uint8 [neuron or more], overwritten with the spikes.
        flags: likewise, whether the state was not 0, there is a bias, or a spike.
        counts: int64 [5], added to: wraps of u, saturations of v, spikes; and largest |v| before
            the reset and largest |a_in|, in place of smaller ones.
    """
    up, down = np.int32(max(shift, 0)), np.int32(max(-shift, 0))
    wraps = saturations = fired = top = most = np.int32(0)
    for n in range(vs.shape[0]):
        v = vs[n]
        d = np.int32(np.int32(np.int32(sums[n]) << up) >> down)
        busy = np.uint8(v != 0)
        raw = u = np.int32(d << np.int32(6))
        if keep_u is not None:
            busy |= np.uint8(us[n] != 0) & np.uint8(memory)
            raw = np.int32(_decayed(us[n], at(keep_u, n)) + raw)
            low = np.int32(raw - _WRAP) if raw > _LIMIT else raw
            u = np.int32(low + _WRAP) if low <= -_LIMIT else low
            us[n] = u
        free = np.int32(_decayed(v, at(keep_v, n)) + u + at(bias, n))
        v = np.int32(min(max(free, _LOWEST), _LARGEST))
        spike = v > at(threshold, n)
        wraps = np.int32(wraps + np.int32(u != raw))
        saturations = np.int32(saturations + np.int32(v != free))
        fired = np.int32(fired + np.int32(spike))
        top = np.int32(max(top, abs(v)))
        most = np.int32(max(most, abs(d)))
        vs[n] = np.int32(0) if spike else v
        sent[n] = spike
        flags[n] = busy | np.uint8(at(bias, n) != 0) | np.uint8(spike)
    counts[0] += wraps
    counts[1] += saturations
    counts[2] += fired
    counts[3] = max(counts[3], np.int64(top))
    counts[4] = max(counts[4], np.int64(most))


@inline
def mark(flags: Bytes, arrived: Bytes) -> None:
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
        for n in range(row.shape[0]):
            kept[step, sample, n] = row[n]


@jit
def _decayed(x: np.int32, keep: np.int32) -> np.int32:
    """rz(x keep, 12) for a keep of 0 to 4096: |x| keep = (high keep) 2^12 + low keep."""
    sign = np.uint32(x >> np.int32(31))
    size = np.uint32((np.uint32(x) ^ sign) - sign)
    high, low = np.uint32(size >> np.uint32(12)), np.uint32(size & np.uint32(4095))
    kept = np.uint32(keep)
    scaled = np.uint32(np.uint32(high * kept) + np.uint32(np.uint32(low * kept) >> np.uint32(12)))
    return np.int32(np.uint32((scaled ^ sign) - sign))
