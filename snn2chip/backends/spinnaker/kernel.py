"""The loop of `neurons` compiled: all samples and steps of a block in one pass.

Loaded only through ``engine.kernels.accelerate.kernels``. Values are s16.15 and fractions u0.32,
all int64; the sums are those that `products` packs. Every array is [neuron] of all samples in a
row, or [step, neuron].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snn2chip.engine.kernels.accelerate import inline, jit

_BITS, _RECEPTOR_BITS, _HIGH = 15, 32, 16
_LOW = np.int64((1 << _HIGH) - 1)
_INHIBITORY = np.int64((1 << _RECEPTOR_BITS) - 1)
_MOST = np.int64(65535)
_LIMIT = np.int64(1 << 31)


@inline
def _scaled(value: Any, fraction: Any) -> Any:
    """floor(value x fraction / 2^32)."""
    high, low = fraction >> _HIGH, fraction & _LOW
    return (value * high + (value * low >> _HIGH)) >> (_RECEPTOR_BITS - _HIGH)


@jit
def together(packed: Any, width: int, out: Any) -> None:
    """Sums excitatory x 2^width + inhibitory, both cut behind a full slot, x 2^32 in ``out``.

    Args:
        packed: whole numbers [n], of any type; out: int64 [n].
    """
    low = np.int64((1 << width) - 1)
    full = _MOST + np.int64(1)
    for k in range(packed.shape[0]):
        whole = np.int64(packed[k])
        up, down = min(whole >> width, full), min(whole & low, full)
        out[k] = (up << _RECEPTOR_BITS) + down


@jit
def scan(
    current: Any,
    arrived: Any,
    cell: Any,
    filters: Any,
    always: Any,
    shifts: Any,
    state: Any,
    output: Any,
    updated: Any,
    membranes: Any,
    currents: Any,
    filtered: bool,
    driven: bool,
    spiking: bool,
    record: bool,
) -> Any:
    """Runs a block; ``state`` is changed in place.

    Args:
        current: packed sums [step, neuron], or where ``driven`` constant currents.
        arrived: bool [step, neuron].
        cell: [8, n]: R, TC, rest, reset, threshold, offset, hold, inputs per step, of the n neurons
            of a sample.
        filters: [4, n]: init and decay of both receptors.
        always: [2, n]: words that arrive at every step.
        state: [4, neuron]: v, refractory, both currents.
        output: bool [step, neuron], or int64 membranes of neurons that do not spike.
        membranes: [step, neuron], currents: [2, step, neuron], written where ``record``.

    Returns:
        Sums that a slot did not hold, alphas beyond s16.15, changed membranes, the largest
        membrane and the largest sum.
    """
    steps, count = current.shape
    size = cell.shape[1]
    full = beyond = changes = np.int64(0)
    peak = largest = np.int64(0)
    for step in range(steps):
        k = 0
        for j in range(count):
            packed, offset = current[step, j], cell[5, k]
            if driven:
                packed, offset = np.int64(0), offset + packed
            up = (packed >> _RECEPTOR_BITS) + always[0, k]
            down = (packed & _INHIBITORY) + always[1, k]
            full += np.int64(up > _MOST) + np.int64(down > _MOST)
            up = min(up, _MOST) << shifts[0]
            down = min(down, _MOST) << shifts[1]
            largest = max(largest, max(up, down))
            v, waiting = state[0, j], state[1, j]
            busy = v != 0
            if filtered:
                busy = busy or state[2, j] != 0 or state[3, j] != 0
                e = state[2, j] + _scaled(up, filters[0, k])
                i = state[3, j] + _scaled(down, filters[2, k])
                total = e - i
                state[2, j] = _scaled(e, filters[1, k])
                state[3, j] = _scaled(i, filters[3, k])
            else:
                total = (up * cell[7, k] >> _BITS) - (down * cell[7, k] >> _BITS)
            alpha = ((total + offset) * cell[0, k] >> _BITS) + cell[2, k]
            beyond += np.int64(alpha >= _LIMIT or alpha < -_LIMIT)
            free = waiting <= 0
            moved = alpha - (cell[1, k] * (alpha - v) >> _BITS) if free else v
            fired = spiking and free and moved >= cell[4, k]
            after = cell[3, k] if fired else moved
            changes += np.int64(after != v)
            state[0, j] = after
            state[1, j] = cell[6, k] if fired else (waiting if free else waiting - 1)
            output[step, j] = fired if spiking else after
            biased = offset != 0 or always[0, k] != always[1, k]
            updated[step, j] = busy or arrived[step, j] or biased or fired
            peak = max(peak, abs(after))
            if record:
                membranes[step, j] = after
                if filtered:
                    currents[0, step, j] = state[2, j]
                    currents[1, step, j] = state[3, j]
            k += 1
            if k == size:
                k = 0
    return full, beyond, changes, peak, largest
