"""Weights as int8 with one scale per target population, as py-spinnaker2 makes them.

Its ``s2_nir`` scales all weights into a population together, so that the largest becomes 127, and
truncates towards zero. Biases stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from snn2chip.graph import Projection
from snn2chip.graph.operators import Array, weights_of, with_weights

_LARGEST = 127
_WHOLE = 1e-9
"""Relative: a weight that close to a whole multiple is one, so that truncating twice is once."""


def truncated(projections: Sequence[Projection]) -> list[Projection]:
    """The same projections with weights that are int8 multiples of one unit per target."""
    largest: dict[str, float] = {}
    for projection in projections:
        peak = float(np.abs(weights_of(projection.operator)).max(initial=0.0))
        largest[projection.target] = max(peak, largest.get(projection.target, 0.0))
    return [
        replace(
            p,
            operator=with_weights(
                p.operator, _truncate(weights_of(p.operator), largest[p.target] / _LARGEST)
            ),
        )
        for p in projections
    ]


def _truncate(weights: Array, unit: float) -> Array:
    if unit == 0.0:
        return weights
    scaled = weights.astype(np.float64) / unit
    near = np.rint(scaled)
    whole = np.where(np.abs(scaled - near) <= _WHOLE * np.maximum(np.abs(near), 1.0), near, scaled)
    result: Array = np.trunc(whole) * unit
    return result
