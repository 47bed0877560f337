"""Fake quantization: what a target makes of float weights and biases, told in floats again.

The integers are those of ``rounding``, so that what a training sees is what a program holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from snn2chip.quantize.rounding import round_weights, weight_range

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grid:
    """How a projection's weights, and its target's bias and decay, became a program's integers.

    All arrays are [*shape of the target population].

    Attributes:
        weight_scale: of the weights into each neuron: the chip's smallest units per unit.
        weight_bits: bits of a stored weight, its sign included.
        weight_low, weight_high: the stored weights at which the target puts the largest ones of
            either sign when it chooses a scale by itself. Weights that reach one of them, and
            none beyond, keep their scale.
        bias_scale: the chip's smallest units per unit of bias, and ``bias_origin`` what a bias
            of 0 is in them (a leak to another value than the reset).
        bias_bits, bias_exponent: of the bias mantissas, sign included, and their shared shift.
        loss: share of the membrane lost per step.
    """

    weight_scale: FloatArray
    weight_bits: int
    weight_low: int
    weight_high: int
    bias_scale: FloatArray
    bias_origin: FloatArray
    bias_bits: int
    bias_exponent: int
    loss: FloatArray


class Fake(NamedTuple):
    """Values after rounding, in floats, with the integers that they stand for.

    Attributes:
        values: float64, each the integer in the units that came in.
        integers: as the program holds them.
        inside: where the range cut nothing, and the straight-through gradient is 1, else 0.
    """

    values: FloatArray
    integers: NDArray[np.int64]
    inside: NDArray[np.bool_]


def fake_weights(weights: FloatArray, scale: FloatArray, bits: int) -> Fake:
    """Weights as stored with ``bits`` bits.

    Args:
        scale: the chip's smallest units per unit of weight, broadcasting to ``weights``.
    """
    scaled = weights * scale
    stored, mode, _ = round_weights(scaled, bits)
    _, _, step = weight_range(mode, bits)
    return Fake(stored / scale, stored, step * np.rint(scaled / step) == stored)


def fake_biases(
    biases: FloatArray, scale: FloatArray, origin: FloatArray, bits: int, exponent: int
) -> Fake:
    """Biases as mantissas of ``bits`` bits, sign included, shifted left by ``exponent``.

    Args:
        scale, origin: the chip's smallest units per unit, and at a bias of 0.
    """
    nearest = np.rint((biases * scale + origin) / 2.0**exponent)
    limit = 2 ** (bits - 1) - 1
    mantissas = np.clip(nearest, -limit, limit)
    values = (mantissas * 2.0**exponent - origin) / scale
    return Fake(values, mantissas.astype(np.int64), mantissas == nearest)


def squared_error(weights: FloatArray, grid: Grid) -> float:
    """What rounding to a grid changes in weights [target, ...], once they are cut to its ends."""
    scale = per_target(grid.weight_scale, weights.ndim)
    cut = np.clip(weights, grid.weight_low / scale, grid.weight_high / scale)
    rounded = fake_weights(cut, scale, grid.weight_bits).values
    return float(((rounded - weights) ** 2).sum())


def per_target(values: FloatArray, axes: int) -> FloatArray:
    """[*shape of a population], one value per channel, as [target, 1, ...] of ``axes`` axes."""
    return values.reshape(len(values), -1)[:, 0].reshape(-1, *(1,) * (axes - 1))
