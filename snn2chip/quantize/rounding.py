"""Rounding to the number formats of chips: pure functions, integers out."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError

SignMode = Literal["excitatory", "inhibitory", "mixed"]

_MAGNITUDE = 256
_MOST_BITS = 8


class QuantizedWeights(NamedTuple):
    """Integer weights and how they are stored.

    Attributes:
        clipped: entries that the range cut by more than half a step.
    """

    weights: NDArray[np.int64]
    mode: SignMode
    clipped: int


def sign_mode(weights: NDArray[Any]) -> SignMode:
    """Excitatory where nothing is negative, else inhibitory where nothing is positive."""
    if weights.size == 0 or weights.min() >= 0:
        return "excitatory"
    return "inhibitory" if weights.max() <= 0 else "mixed"


def weight_range(mode: SignMode, bits: int) -> tuple[int, int, int]:
    """(lowest, highest, step) of Loihi weights of ``bits`` bits.

    The magnitude has 8 bits; a mixed sign costs one of them, and each bit fewer doubles the step.
    Source: Lava 0.10.0 ``lava.magma.core.model``/``proc.dense`` weight truncation.

    Raises:
        ConfigError: there are no weights of so many bits.
    """
    if not 1 <= bits <= _MOST_BITS:
        raise ConfigError(
            f"weights of {bits} bits",
            needs=f"1 to {_MOST_BITS} bits",
            has="Loihi's weights, as Lava 0.10.0 stores them",
            remedy="another weight_bits in the target's [formats]",
        )
    step = 1 << (_MOST_BITS - bits + (mode == "mixed"))
    top = (_MAGNITUDE - 1) // step * step
    match mode:
        case "excitatory":
            return 0, top, step
        case "inhibitory":
            return -top, 0, step
        case _:
            return -_MAGNITUDE, top, step


def round_weights(scaled: NDArray[np.float64], bits: int) -> QuantizedWeights:
    """The nearest storable weights to ``scaled``, which counts in the chip's smallest unit.

    Where rounding leaves one sign only, the weights are stored in that sign's mode, because Lava
    and the chip tell the mode from the stored weights: its step is finer, and -256 is no part of
    it. One bit of mixed signs holds no positive weight, so that the negative ones are stored.
    """
    mode = sign_mode(scaled)
    if mode == "mixed" and weight_range(mode, bits)[1] == 0:
        return _rounded(scaled, "inhibitory", bits)
    made = _rounded(scaled, mode, bits)
    left = sign_mode(made.weights)
    return made if left == mode or not made.weights.any() else _rounded(scaled, left, bits)


def _rounded(scaled: NDArray[np.float64], mode: SignMode, bits: int) -> QuantizedWeights:
    low, high, step = weight_range(mode, bits)
    rounded = step * np.rint(scaled / step)
    weights = np.clip(rounded, low, high)
    return QuantizedWeights(
        weights.astype(np.int64), mode, int(np.count_nonzero(weights != rounded))
    )


def mantissa_exponent(
    values: NDArray[np.float64], mantissa_bits: int, exponent_max: int, exponent: int = 0
) -> tuple[NDArray[np.int64], int, int]:
    """Signed mantissas and one shared exponent: values ~ mantissa << exponent.

    Args:
        exponent: the least one that is tried.

    Returns:
        mantissas, the smallest exponent that holds them all, and how many were clipped.
    """
    limit = 2 ** (mantissa_bits - 1) - 1
    peak = float(np.abs(values).max(initial=0.0))
    while exponent < exponent_max and np.rint(peak / 2**exponent) > limit:
        exponent += 1
    mantissas = np.rint(values / 2**exponent)
    clipped = np.clip(mantissas, -limit, limit)
    return clipped.astype(np.int64), exponent, int(np.count_nonzero(clipped != mantissas))
