"""How scales are picked from weights: by a percentile of them, or by the least squared error.

A multiplier is relative to the scale at which the largest weight fills its range. Above 1 the grid
of storable weights is finer, and what lies beyond its ends is cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.graph import Conv, Dense, Operator, Sparse
from snn2chip.graph.operators import weights_of

FloatArray: TypeAlias = NDArray[np.float64]

Multiplier: TypeAlias = float | FloatArray
"""Of a population's scale: one for all neurons, or [group]."""

METHODS = ("spikes", "accuracy", "mse", "percentile", "max")
"""Ways to pick scales, by the name that users give."""

GRANULARITIES = ("layer", "neuron")
"""What has a scale of its own: a population, or each of its neurons (of a convolution, each of its
channels, because their kernels are shared)."""

PERCENTILE = 99.9
"""Per cent of the weights that a range holds, unless the user says otherwise."""

ERROR_CANDIDATES: tuple[float, ...] = tuple(
    float(x) for x in sorted(2.0 ** (np.arange(-16, 49) / 16), key=lambda x: abs(np.log2(x)))
)
"""Multipliers whose squared error is compared: 1/2 to 8, 16 per octave, the nearest to 1 first."""


@dataclass(frozen=True, eq=False)
class StoredWeights:
    """Weights into one population through one projection, exact and as a chip would hold them.

    Attributes:
        source: name of the population that sends.
        operator: with the exact weights, in units of the receiving neurons' thresholds.
        stored: what the chip would hold, in the same unit and shape.
        groups: neurons or channels of the receiving population that have a scale of their own; the
            weights of each are in a row.
    """

    source: str
    operator: Operator
    stored: FloatArray
    groups: int

    @property
    def exact(self) -> FloatArray:
        return np.asarray(weights_of(self.operator), np.float64)


def percentile_multipliers(weights: Sequence[StoredWeights], percentile: float) -> FloatArray:
    """Multipliers [group] at which the percentile of |weight| fills the range, and no longer the
    largest; 1 for a group of which the percentile is 0.

    Args:
        weights: of all projections into one population.
        percentile: above 0, and at most 100, which is the largest weight.
    """
    rows = np.concatenate([np.abs(w.exact).reshape(w.groups, -1) for w in weights], axis=1)
    held = np.percentile(rows, percentile, axis=1)
    multipliers = np.ones(len(rows))
    np.divide(rows.max(axis=1), held, out=multipliers, where=held > 0)
    return multipliers


def squared_errors(
    weights: Sequence[StoredWeights], arriving: Mapping[str, NDArray[np.int64]]
) -> FloatArray:
    """Squared error of the weights of each group, [group], in squared thresholds.

    Each weight counts as often as a spike arrives through it, so that errors of silent inputs cost
    nothing; a kernel's weight counts as often as its input channel spikes. Weights whose source
    nobody saw, or that is silent altogether, count once each.

    Args:
        arriving: spikes of each neuron of the sources, [*shape].
    """
    total = np.zeros(weights[0].groups)
    for w in weights:
        error = _arrivals(w.operator, arriving.get(w.source)) * (w.exact - w.stored) ** 2
        total += error.reshape(w.groups, -1).sum(axis=1)
    return total


def least_errors(candidates: Sequence[float], errors: Sequence[FloatArray]) -> FloatArray:
    """Of each group the candidate with the smallest error, the first of equals.

    Args:
        errors: per candidate, [group].
    """
    chosen: FloatArray = np.asarray(candidates)[np.argmin(np.stack(errors), axis=0)]
    return chosen


def _arrivals(operator: Operator, spikes: NDArray[np.int64] | None) -> FloatArray:
    """Spikes through each weight, broadcasting to the array of weights."""
    if spikes is None or not spikes.any():
        return np.ones(())
    if isinstance(operator, Dense):
        return spikes.reshape(1, -1).astype(np.float64)
    if isinstance(operator, Sparse):
        return spikes.reshape(-1)[operator.sources].astype(np.float64)
    if not isinstance(operator, Conv):
        return spikes.reshape(operator.source_shape).astype(np.float64)
    channels = spikes.reshape(operator.groups, operator.weight.shape[1], -1).sum(axis=-1)
    per_output = np.repeat(channels, operator.weight.shape[0] // operator.groups, axis=0)
    return per_output.reshape(*per_output.shape, *(1,) * (operator.weight.ndim - 2)).astype(
        np.float64
    )
