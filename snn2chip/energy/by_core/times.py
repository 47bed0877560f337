"""Times by core and by step: the model of ``snn2chip.energy.time``, kept apart for each core."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.energy.time import Times, TimeTerm, barrier_of, busy_of, shares, sides_of, time_terms
from snn2chip.energy.types import Counts
from snn2chip.targets.types import CostTable


@dataclass(frozen=True, eq=False)
class CoreTimes:
    """Modelled times by core.

    Attributes:
        busy_ns: summed over steps and samples, [core], without barrier.
        slowest: index of the core that most samples wait for, [chip step].
        terms: of each chip step, the largest term of that core.
        barrier_ns: in each step.
    """

    busy_ns: Times
    slowest: NDArray[np.intp]
    terms: tuple[str, ...]
    barrier_ns: float


def core_times(counts: Counts, table: CostTable) -> CoreTimes | None:
    """Times of all cores, None where the table does not allow it."""
    terms, _ = time_terms(counts.series, table)
    if not terms:
        return None
    busy = np.zeros(counts.series.cores.size)
    slowest = np.zeros(counts.chip_steps, np.intp)
    for part in shares(counts):
        times = busy_of(sides_of(counts.series, terms, part, counts.samples), table)
        busy += times.sum(axis=(0, 1))
        waited = np.zeros((times.shape[0], busy.size), np.int64)
        np.add.at(waited, (np.arange(times.shape[0])[:, None], times.argmax(axis=-1)), 1)
        slowest[part] = waited.argmax(axis=-1)
    barrier, _ = barrier_of(counts.tiles, table)
    return CoreTimes(busy, slowest, _largest_terms(counts, terms, slowest, table), barrier)


def _largest_terms(
    counts: Counts, terms: list[TimeTerm], slowest: NDArray[np.intp], table: CostTable
) -> tuple[str, ...]:
    """Per chip step, the largest term of that step's slowest core, on the side that it waits for.

    Where a core sends and receives at once, that is the longer side; otherwise both.
    """
    times = np.stack([_of_slowest(counts, term, slowest) for term in terms])
    if table.work == "overlapping":
        receiving = np.array([term.receiving for term in terms])
        sides = np.stack([times[receiving == side].sum(axis=0) for side in (False, True)])
        longer = sides.argmax(axis=0).astype(np.bool_)
        times = np.where(receiving[:, None] == longer, times, -1.0)
    largest = times.argmax(axis=0)
    return tuple(terms[index].name for index in largest.tolist())


def _of_slowest(counts: Counts, term: TimeTerm, slowest: NDArray[np.intp]) -> Times:
    """Time of one term on each step's slowest core, summed over samples, [chip step]."""
    series, steps = counts.series, np.arange(counts.chip_steps)
    if term.event in series.events:
        number = series.events[term.event][slowest, steps].sum(axis=-1)
    elif term.event in ("visits", "inactive"):
        number = series.visited[slowest] * counts.samples
        if term.event == "inactive" and "updates" in series.events:
            number = number - series.events["updates"][slowest, steps].sum(axis=-1)
    elif term.event == "steps":
        number = np.full(steps.size, counts.samples)
    else:
        number = np.zeros(steps.size, np.int64)
    times: Times = term.ns * number.astype(np.float64)
    return times
