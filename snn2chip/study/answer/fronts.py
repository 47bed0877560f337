"""Pareto fronts, and the volume that they dominate. Costs only: a gain is a cost with its sign."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from snn2chip.errors import ConfigError

DIMENSIONS = (2, 3)
"""In which volumes are computed, exactly."""

_COMPARED = 1 << 22
"""Most pairs compared together."""


def front(costs: ArrayLike) -> NDArray[np.bool_]:
    """Which points no other one dominates.

    A point dominates another where it is nowhere dearer and somewhere cheaper; of equal points
    none dominates, so that all of them are on the front or none is.

    Args:
        costs: [point, objective], each the less the better; an accuracy enters as its negative.

    Returns:
        bool [point].

    Raises:
        ConfigError: not two axes, or values that are not finite.
    """
    points = _points(costs)
    on_front = np.ones(len(points), np.bool_)
    together = max(1, _COMPARED // max(1, points.size))
    for first in range(0, len(points), together):
        part = points[first : first + together, None]
        no_dearer = np.all(points[None] <= part, axis=2)
        cheaper = np.any(points[None] < part, axis=2)
        on_front[first : first + together] = ~np.any(no_dearer & cheaper, axis=1)
    return on_front


def hypervolume(costs: ArrayLike, reference: ArrayLike) -> float:
    """The volume between the points' front and a reference point: the larger the better.

    It is that of all places which some point dominates and which dominate the reference; points
    that are not below the reference in every objective add nothing. Two objectives are swept
    once; three are cut into slices at the points' last objective (Fonseca, Paquete and
    Lopez-Ibanez 2006). Both are exact but for the rounding of floats.

    Args:
        costs: [point, objective] of 2 or 3 objectives; no points have no volume.
        reference: [objective].

    Raises:
        ConfigError: another number of objectives, or values that are not finite.
    """
    points, corner = _points(costs), np.asarray(reference, np.float64)
    if corner.shape != (points.shape[1],) or len(corner) not in DIMENSIONS:
        raise ConfigError(
            f"points of {points.shape[1]} objectives and a reference of shape {corner.shape}",
            needs="2 or 3 objectives, and as many in the reference",
        )
    if not np.isfinite(corner).all():
        raise ConfigError("a reference point that is not finite", needs="a number per objective")
    inside = points[(points < corner).all(axis=1)]
    if len(inside) == 0:
        return 0.0
    return _area(inside, corner) if len(corner) == 2 else _volume(inside, corner)


def _area(points: NDArray[np.float64], corner: NDArray[np.float64]) -> float:
    """Strips of the staircase, from the cheapest point in the first objective on."""
    order = np.lexsort((points[:, 1], points[:, 0]))
    x, y = points[order].T
    lowest = np.minimum.accumulate(y)
    ends = np.append(x[1:], corner[0])
    return float(((ends - x) * (corner[1] - lowest)).sum())


def _volume(points: NDArray[np.float64], corner: NDArray[np.float64]) -> float:
    """Slices between neighbouring heights, each as large as the area of all points below it."""
    points = points[np.argsort(points[:, 2], kind="stable")]
    heights = points[:, 2]
    ends = np.append(heights[1:], corner[2])
    slices = (
        (end - height) * _area(points[: index + 1, :2], corner[:2])
        for index, (height, end) in enumerate(zip(heights, ends, strict=True))
        if end > height
    )
    return float(sum(slices))


def _points(costs: ArrayLike) -> NDArray[np.float64]:
    points = np.asarray(costs, np.float64)
    if points.ndim != 2 or points.shape[1] == 0:
        raise ConfigError(f"points of shape {points.shape}", needs="[point, objective]")
    if not np.isfinite(points).all():
        raise ConfigError("points that are not finite", needs="a number per objective")
    return points
