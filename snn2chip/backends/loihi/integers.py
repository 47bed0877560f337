"""Shifts, wraps and bit widths that Loihi's neurons and synapses share.

Source: Lava 0.10.0 (``lava.proc``, fixed-point process models).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

STATE_LIMIT = 2**23
"""States have 24 bits, the sign included."""

WRAP = 2**24
INPUT_SHIFT = 6
"""Synaptic sums, thresholds: their unit is 64 of the state's."""

ONE_WRAP = WRAP >> INPUT_SHIFT
"""Largest magnitude of a synaptic sum after which one wrap of a current is enough."""

DECAY_BITS = 12
DECAY_ONE = 1 << DECAY_BITS


def toward_zero(x: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """rz(x, bits): shift right, rounding toward zero."""
    return (x + ((x >> 63) & ((1 << bits) - 1))) >> bits


def shift(sums: NDArray[np.int64], exponent: int) -> NDArray[np.int64]:
    """Synaptic sums times 2^exponent, rounded down where the exponent is negative."""
    return sums << exponent if exponent > 0 else sums >> -exponent


def scaled_bias(mantissa: NDArray[np.int64], exponent: NDArray[np.int64]) -> NDArray[np.int64]:
    """mantissa times 2^exponent, rounded down where the exponent is negative."""
    scaled: NDArray[np.int64] = (mantissa << np.maximum(exponent, 0)) >> np.maximum(-exponent, 0)
    return scaled


def wrap24(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """x modulo 2^24 as a signed number."""
    return ((x + STATE_LIMIT) & (WRAP - 1)) - STATE_LIMIT


def int32(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """x as 32-bit arithmetic leaves it, held in 64 bits."""
    return x.astype(np.int32).astype(np.int64)


def whole(values: NDArray[Any]) -> NDArray[np.int64]:
    """A parameter in 64 bits."""
    return values.astype(np.int64)
