"""Accuracy, energy and latency against the number of steps, from one run.

The first k steps of a run are what a run of k steps does: spikes, updates and readout of every
population depend on no later step. Each point counts and prices that part as ``--steps k`` would.
What differs by nature is what a shorter run is given: where scales are picked on samples of its own
length (timed data), those of the curve are the whole run's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity
from snn2chip.drift import accuracy
from snn2chip.energy import EnergyReport

MOST_POINTS = 64
"""Points of a curve: each is counted and priced by itself."""

_PJ_PER_NJ = 1000.0


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What a run of so many steps gives, per inference.

    Attributes:
        accuracy: None without labels.
        drift: share of the predictions that differ from the float network's after as many steps;
            None without one.
        energy_nj: dynamic and static; None where nothing is priced.
    """

    steps: int
    accuracy: float | None
    drift: float | None
    energy_nj: float | None
    dynamic_nj: float | None
    static_nj: float | None
    latency_us: float | None


def steps_curve(
    activity: Activity,
    reference: Activity | None,
    labels: NDArray[np.int64] | None,
    price: Callable[[Activity], EnergyReport],
) -> tuple[CurvePoint, ...]:
    """Points from 1 step to all of them, every step where there are few.

    Args:
        activity: with the readout of every step.
        reference: the float network on the same samples, likewise.
        price: counts and prices an activity.
    """
    return tuple(
        _point(
            activity.first_steps(steps),
            None if reference is None else reference.first_steps(steps),
            labels,
            price,
        )
        for steps in _places(activity.steps)
    )


def settled(points: tuple[CurvePoint, ...], points_of_accuracy: float = 0.01) -> CurvePoint | None:
    """The first point from which on the accuracy stays that close to the last one's, or better."""
    last = points[-1].accuracy if points else None
    if last is None:
        return None
    found = points[-1]
    for point in reversed(points):
        if point.accuracy is None or point.accuracy < last - points_of_accuracy - 1e-12:
            break
        found = point
    return found


def _places(steps: int) -> Iterator[int]:
    count = min(steps, MOST_POINTS)
    yield from map(int, np.unique(np.linspace(1, steps, count).round().astype(np.int64)))


def _point(
    activity: Activity,
    reference: Activity | None,
    labels: NDArray[np.int64] | None,
    price: Callable[[Activity], EnergyReport],
) -> CurvePoint:
    energy = price(activity)

    def each(pj: float | None) -> float | None:
        return None if pj is None else pj / energy.samples / _PJ_PER_NJ

    drift = None
    if reference is not None:
        drift = float(np.mean(activity.predictions != reference.predictions))
    return CurvePoint(
        steps=activity.steps,
        accuracy=accuracy(activity, labels),
        drift=drift,
        energy_nj=each(energy.total_pj),
        dynamic_nj=each(energy.dynamic_pj),
        static_nj=each(energy.static_pj),
        latency_us=energy.latency_us,
    )
