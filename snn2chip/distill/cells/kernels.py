"""Compiled loops over the steps of box cells; imported only where numba is there.

Arrays are float32 [step, neuron]. One thread is enough: memory is what they wait for. Sums are
taken in the order in which Norse's functions take them, so spikes and membranes are equal to the
last bit.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from snn2chip.engine.kernels.accelerate import inline, jit

BLOCK = 1024
"""Neurons whose membranes stay in the fastest cache over all steps."""

_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_HALF_PI = np.float32(np.pi / 2)
_TWO_OVER_ROOT_PI = np.float32(2.0 / np.sqrt(np.pi))


@inline
def _steps(
    drive: Any,
    v: Any,
    z: Any,
    leak: Any,
    threshold: Any,
    leaky: bool,
    soft: bool,
) -> None:
    """`spiking` for constants ``leaky`` and ``soft``: loops without a branch, which vectorise."""
    state = np.empty(BLOCK, np.float32)
    for start in range(0, drive.shape[1], BLOCK):
        stop = min(start + BLOCK, drive.shape[1])
        state[:] = _ZERO
        for step in range(drive.shape[0]):
            x, membrane, spikes = drive[step, start:stop], v[step, start:stop], z[step, start:stop]
            for k in range(x.shape[0]):
                old = state[k]
                new = old + leak * (x[k] - old) if leaky else old + x[k]
                fired = new - threshold > _ZERO
                membrane[k] = new
                spikes[k] = _ONE if fired else _ZERO
                kept = new - threshold if soft else _ZERO
                state[k] = kept if fired else new


@jit
def spiking(
    drive: Any,
    v: Any,
    z: Any,
    leak: Any,
    threshold: Any,
    leaky: Any,
    soft: Any,
) -> None:
    """Membranes before the reset (v) and spikes (z) of a drive; all start at 0.

    leaky: v += leak (drive - v), else v += drive. soft: v -= threshold at a spike, else v = 0.
    """
    if leaky and soft:
        _steps(drive, v, z, leak, threshold, True, True)
    elif leaky:
        _steps(drive, v, z, leak, threshold, True, False)
    elif soft:
        _steps(drive, v, z, leak, threshold, False, True)
    else:
        _steps(drive, v, z, leak, threshold, False, False)


@inline
def _slope(x: Any, surrogate: int, alpha: Any) -> Any:
    """Surrogate derivatives of Norse's threshold functions at x = v - threshold."""
    if surrogate == 0:  # circ
        square = alpha * alpha + x * x
        return alpha * alpha * alpha / (square * np.float32(sqrt(square)))
    if surrogate == 1:  # tanh
        y = np.float32(np.tanh(alpha * x))
        return _ONE - y * y
    if surrogate == 2:  # triangle
        return alpha * max(_ZERO, _ONE - abs(x))
    if surrogate == 3:  # heavi_erfc
        return _TWO_OVER_ROOT_PI * np.float32(np.exp(-(alpha * x) * (alpha * x)))
    if surrogate == 5:  # atan
        y = _HALF_PI * alpha * x
        return _HALF * alpha / (_ONE + y * y)
    y = abs(x) + _ONE  # super
    return _ONE / (y * y)


@inline
def _steps_back(
    grad_z: Any,
    v: Any,
    grad_drive: Any,
    leak: Any,
    threshold: Any,
    reset: Any,
    soft: Any,
    surrogate: int,
    alpha: Any,
) -> None:
    """`spiking_backward` for one surrogate.

    Options are numbers and not branches, so that the loop vectorises.
    """
    carried = np.empty(BLOCK, np.float32)
    gain = leak if leak > _ZERO else _ONE
    forget = leak
    for start in range(0, v.shape[1], BLOCK):
        stop = min(start + BLOCK, v.shape[1])
        carried[:] = _ZERO
        for step in range(v.shape[0] - 1, -1, -1):
            g, membrane, out = (
                grad_z[step, start:stop],
                v[step, start:stop],
                grad_drive[step, start:stop],
            )
            for k in range(g.shape[0]):
                x = membrane[k] - threshold
                after = carried[k]
                fall = soft * threshold + (_ONE - soft) * membrane[k]
                spike = g[k] - reset * after * fall
                held = after * soft if x > _ZERO else after
                before = spike * _slope(x, surrogate, alpha) + held
                out[k] = gain * before
                carried[k] = before - forget * before


@jit
def spiking_backward(
    grad_z: Any,
    v: Any,
    grad_drive: Any,
    leak: Any,
    threshold: Any,
    soft: Any,
    surrogate: Any,
    alpha: Any,
    reset: Any,
) -> None:
    """The gradient of the drive from that of the spikes, through membranes kept by `spiking`.

    leak: 0 of cells that do not leak. soft: 1 where a spike subtracts the threshold, else 0. reset:
    1 where the reset is differentiated too, as Norse does; 0 where it counts as a constant.
    """
    if surrogate == 0:
        _steps_back(grad_z, v, grad_drive, leak, threshold, reset, soft, 0, alpha)
    elif surrogate == 1:
        _steps_back(grad_z, v, grad_drive, leak, threshold, reset, soft, 1, alpha)
    elif surrogate == 2:
        _steps_back(grad_z, v, grad_drive, leak, threshold, reset, soft, 2, alpha)
    elif surrogate == 3:
        _steps_back(grad_z, v, grad_drive, leak, threshold, reset, soft, 3, alpha)
    elif surrogate == 4:
        _steps_back(grad_z, v, grad_drive, leak, threshold, reset, soft, 4, alpha)
    else:
        _steps_back(grad_z, v, grad_drive, leak, threshold, reset, soft, 5, alpha)


@jit
def encode(x: Any, z: Any, gain: float, threshold: float) -> None:
    """``if`` encoding of values x [neuron]: v += gain x, a spike where v > threshold, then v = 0.

    Membranes are float64, as in `snn2chip.data.encode`, so that both give the same spikes.
    """
    state = np.empty(BLOCK, np.float64)
    for start in range(0, x.shape[0], BLOCK):
        stop = min(start + BLOCK, x.shape[0])
        state[:] = 0.0
        values = x[start:stop]
        for step in range(z.shape[0]):
            spikes = z[step, start:stop]
            for k in range(values.shape[0]):
                new = state[k] + np.float64(values[k]) * gain
                fired = new > threshold
                spikes[k] = _ONE if fired else _ZERO
                state[k] = 0.0 if fired else new
