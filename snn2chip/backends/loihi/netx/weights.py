"""How netx fits weights into Loihi's synapses, and what Lava's Dense process makes of them.

netx (lava-dl 0.6.0, ``netx.utils.optimize_weight_bits``), on a matrix or on [W | Wrec] together::

    max > 254 and min < 0, or min < -256 and max > 0:  clip to [-256, 254]
    mode    I where max < 0, E where min >= 0, else M
    scale   I -256/min;  E 255/max;  M the smaller of 127/max and -128/min
    sb      floor(log2 scale), plus 1 for M
    n       largest power of two, at most 8, that divides all weights, minus 1 for M
    W << sb, 8 - sb - n bits, exponent -sb

Lava (lava-nc 0.10.0, ``lava.utils.weightutils``), on each matrix by itself::

    mode    E where min >= 0, I where max <= 0, else M
    clip    M [-256, 255], E [0, 255], I [-255, 0]
    k       8 - bits, plus 1 for M;  W = (W >> k) << k, of I toward zero
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_BITS = 8
_INT32 = 32


@dataclass(frozen=True, eq=False)
class Fitted:
    """Weights as Lava's synapses hold them.

    Attributes:
        parts: int64, one for each matrix given.
        exponent: of the shift on their sums.
        bits: of a stored weight, as netx states it.
        changed: weights whose value times 2^exponent is not what was given.
    """

    parts: tuple[NDArray[np.int64], ...]
    exponent: int
    bits: int
    changed: int


def fit(parts: tuple[NDArray[np.int64], ...]) -> Fitted:
    """The matrices, [target, source] each, that share one scale."""
    given = np.concatenate(parts, axis=1)
    high, low = int(given.max()), int(given.min())
    weights = given
    if (high > 254 and low < 0) or (low < -256 and high > 0):
        weights = np.clip(given, -256, 254)
        high, low = int(weights.max()), int(weights.min())
    if high == 0 and low == 0:
        return Fitted(parts, 0, _MOST_BITS, 0)
    mixed = low < 0 <= high
    shift = _scale_bits(high, low, mixed)
    common = _common_factor(weights) - mixed
    bits = _MOST_BITS - shift - common
    shifted = weights << shift if shift >= 0 else np.zeros_like(weights)
    splits = np.cumsum([part.shape[1] for part in parts])[:-1]
    fitted = tuple(_truncate(part, bits) for part in np.split(shifted, splits, axis=1))
    whole = np.concatenate(fitted, axis=1)
    wanted = given << max(shift, 0)  # whatever is shifted out was not 0
    return Fitted(fitted, -shift, bits, int(np.count_nonzero(whole != wanted)))


def _scale_bits(high: int, low: int, mixed: bool) -> int:
    if mixed:
        scale = min(127 / high if high else np.inf, -128 / low)
    else:
        scale = -256 / low if high < 0 else 255 / high
    return int(np.floor(np.log2(scale))) + mixed


def _common_factor(weights: NDArray[np.int64]) -> int:
    """Exponent of the largest power of two, at most 2^8, that divides all weights."""
    return next(n for n in range(_MOST_BITS, -1, -1) if not (weights & ((1 << n) - 1)).any())


def _truncate(weights: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    if not weights.size or weights.min() >= 0:
        sign, low, high, spare = 1, 0, 255, _MOST_BITS - bits
    elif weights.max() <= 0:
        sign, low, high, spare = -1, -255, 0, _MOST_BITS - bits
    else:
        sign, low, high, spare = 1, -256, 255, _MOST_BITS - bits + 1
    clipped = sign * np.clip(weights, low, high)
    if not 0 <= spare < _INT32:  # numpy shifts everything out then
        return np.zeros_like(clipped)
    return sign * ((clipped >> spare) << spare)
