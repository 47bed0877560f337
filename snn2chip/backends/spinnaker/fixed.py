"""Number formats of SpiNNaker's firmware in numpy: s16.15, u0.32, its division and exponential.

``accum`` is s16.15 in 32 bits: 1.0 is 32768. Decays are u0.32: 1.0 would be 2^32. The exponential
is that of the fixed-point library in SpiNNaker's ``spinn_common`` as its binaries compute it, found
by running them: ``e^x`` is a power of e by the whole part, times a factor by sixteenths out of a
table, times a short polynomial.
"""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]

BITS = 15
ONE = 1 << BITS
"""1.0 as s16.15."""

_LEAST = -340_695
"""Below, the exponential is 0."""
_POWERS = range(-11, 13)
_SIXTEENTHS = 17
_PLACES = 60

# t - t q(y) with q(y) = C0 + C1 y - C2 y^2 stands for t e^-y; all in u0.32.
_C0, _C1, _C2 = 5_294, 4_293_434_720, 2_081_624_032


def accum(values: ArrayLike) -> Integers:
    """The nearest s16.15 of floats, ties to even, as the host writes parameters."""
    return np.rint(np.asarray(values, np.float64) * ONE).astype(np.int64)


def divide(a: ArrayLike, b: ArrayLike) -> Integers:
    """a / b of s16.15 as s16.15, cut towards zero (``kdivk``)."""
    top, bottom = np.broadcast_arrays(np.asarray(a, np.int64), np.asarray(b, np.int64))
    quotient = (np.abs(top) << BITS) // np.abs(bottom)
    found: Integers = np.where((top < 0) ^ (bottom < 0), -quotient, quotient)
    return found


def exp_accum(x: ArrayLike) -> Integers:
    """e^x of s16.15, x <= 0, as s16.15, cut off (``expk``); e^0 is 1."""
    found: Integers = np.where(np.asarray(x) == 0, ONE, _exponential(x) >> 17)
    return found


def exp_fraction(x: ArrayLike) -> Integers:
    """e^x of s16.15, x < 0, as u0.32 (``expulr``)."""
    return _exponential(x)


def _exponential(x: ArrayLike) -> Integers:
    """2^32 e^x for x <= 0 as s16.15; 0 below the library's range."""
    given = np.asarray(x, np.int64)
    if (given > 0).any():
        raise ValueError("decays need x <= 0")
    inside = np.maximum(given, _LEAST)
    whole, part = inside >> BITS, inside & (ONE - 1)
    # Rounded up to a whole number, from which less than 1 is taken away again.
    whole, part = whole + (part > 0), np.where(part > 0, ONE - part, 0)
    t = _POWER_TABLE[whole - _POWERS.start]
    t = t - _scaled(t, _PART_TABLE[part >> 11])
    y = ((part & 0x7FF) << 17).astype(np.uint64)
    inner = np.uint64(_C1) - ((np.uint64(_C2) * y) >> np.uint64(32))
    t = t - _scaled(t, ((inner * y) >> np.uint64(32)) + np.uint64(_C0))
    found: Integers = np.where(given < _LEAST, 0, t.astype(np.int64))
    return found


def _scaled(x: NDArray[np.uint64], y: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """x times y of u0.32, rounded as the library does: up from 0x7fffffff on."""
    low = (x & np.uint64(0xFFFFFFFF)) * y
    up = (low & np.uint64(0xFFFFFFFF)) >= np.uint64(0x7FFFFFFF)
    found: NDArray[np.uint64] = (x >> np.uint64(32)) * y + (low >> np.uint64(32)) + up
    return found


def _nearest(value: Decimal) -> int:
    return int((value * 2**32).to_integral_value())


def _tables() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """round(2^32 e^z) by z, and round(2^32 (1 - e^(-k/16))) by k."""
    with localcontext() as context:
        context.prec = _PLACES
        powers = [_nearest(Decimal(z).exp()) for z in _POWERS]
        parts = [_nearest(1 - (Decimal(-k) / 16).exp()) for k in range(_SIXTEENTHS)]
    return np.array(powers, np.uint64), np.array(parts, np.uint64)


_POWER_TABLE, _PART_TABLE = _tables()
