"""Compiled loops over the steps of box cells; imported only where numba is there.

Arrays are float32 [step, neuron]; a kernel works on the neurons [low, high). Sums are taken in the
order in which Norse's functions take them, so spikes and membranes are equal to the last bit.
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
_TWO_OVER_ROOT_PI = np.float32(2.0 / np.sqrt(np.pi))


@jit
def spiking(
    drive: Any,
    v: Any,
    z: Any,
    low: int,
    high: int,
    leak: Any,
    threshold: Any,
    leaky: Any,
    soft: Any,
) -> None:
    """Membranes before the reset (v) and spikes (z) of a drive; all start at 0.

    leaky: v += leak (drive - v), else v += drive. soft: v -= threshold at a spike, else v = 0.
    """
    state = np.empty(BLOCK, np.float32)
    for start in range(low, high, BLOCK):
        count = min(BLOCK, high - start)
        state[:count] = _ZERO
        for step in range(drive.shape[0]):
            for k in range(count):
                old = state[k]
                x = drive[step, start + k]
                new = old + leak * (x - old) if leaky else old + x
                fired = new - threshold > _ZERO
                v[step, start + k] = new
                z[step, start + k] = _ONE if fired else _ZERO
                kept = new - threshold if soft else _ZERO
                state[k] = kept if fired else new


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
    y = abs(x) + _ONE  # super
    return _ONE / (y * y)


@jit
def spiking_backward(
    grad_z: Any,
    v: Any,
    grad_drive: Any,
    low: int,
    high: int,
    leak: Any,
    threshold: Any,
    leaky: Any,
    soft: Any,
    surrogate: Any,
    alpha: Any,
    through_reset: Any,
) -> None:
    """The gradient of the drive from that of the spikes, through membranes kept by `spiking`.

    through_reset: the reset is differentiated too, as Norse does; else it counts as a constant.
    """
    carried = np.empty(BLOCK, np.float32)
    for start in range(low, high, BLOCK):
        count = min(BLOCK, high - start)
        carried[:count] = _ZERO
        for step in range(v.shape[0] - 1, -1, -1):
            for k in range(count):
                membrane = v[step, start + k]
                x = membrane - threshold
                fired = x > _ZERO
                after = carried[k]
                spike = grad_z[step, start + k]
                if through_reset:
                    spike -= after * (threshold if soft else membrane)
                kept = after if soft or not fired else _ZERO
                before = spike * _slope(x, surrogate, alpha) + kept
                if leaky:
                    grad_drive[step, start + k] = leak * before
                    carried[k] = before - leak * before
                else:
                    grad_drive[step, start + k] = before
                    carried[k] = before


@jit
def encode(x: Any, z: Any, low: int, high: int, threshold: Any) -> None:
    """``if`` encoding of values x [neuron]: v += x, a spike where v > threshold, then v = 0."""
    state = np.empty(BLOCK, np.float32)
    for start in range(low, high, BLOCK):
        count = min(BLOCK, high - start)
        state[:count] = _ZERO
        for step in range(z.shape[0]):
            for k in range(count):
                new = state[k] + x[start + k]
                fired = new > threshold
                z[step, start + k] = _ONE if fired else _ZERO
                state[k] = _ZERO if fired else new
