"""Filling cores with neurons in a given order, each as full as every limit allows.

A limit that a neuron breaks alone is no reason to give each neuron a core: it is left out there,
and the limits report the neuron.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from snn2chip.mapping.partition.needs import Need, Neurons

Parts = NDArray[np.int32]
"""Part of each neuron, numbered from 0: neurons of one part share a core, int32 [neuron]."""


def fill(
    order: Neurons,
    needs: Sequence[Need],
    works: Sequence[NDArray[np.float64]] = (),
    most_work: float = np.inf,
    pieces: Parts | None = None,
) -> Parts:
    """Parts of neurons that follow each other in an order.

    Args:
        order: every neuron once.
        works: kinds of work of each neuron, each [neuron]; a part holds at most ``most_work`` of
            each kind, or one neuron.
        pieces: parts that are cut further but never joined, [neuron]; the order has the neurons of
            each together.
    """
    parts = np.empty(order.size, np.int32)
    needs = [need for need in needs if need.amount(order) > need.most]
    totals = [np.concatenate([[0.0], np.cumsum(work[order])]) for work in works]
    ends = _ends(order, pieces)
    first, part = 0, 0
    while first < order.size:
        last = int(ends[np.searchsorted(ends, first, side="right")])
        for total in totals:
            reached = int(np.searchsorted(total, total[first] + most_work, side="right")) - 1
            last = min(last, max(first + 1, reached))
        last = _longest(order, first, last, needs)
        parts[order[first:last]] = part
        first, part = last, part + 1
    return parts


def _ends(order: Neurons, pieces: Parts | None) -> NDArray[np.intp]:
    """Where a part must end at the latest, ascending."""
    if pieces is None:
        return np.array([order.size])
    return np.append(np.flatnonzero(np.diff(pieces[order])) + 1, order.size)


def _longest(order: Neurons, first: int, last: int, needs: Sequence[Need]) -> int:
    """Largest ``last`` with which ``order[first:last]`` keeps all needs that its first keeps."""
    alone = order[first : first + 1]
    kept = [need for need in needs if need.amount(alone) <= need.most]
    for need in sorted(kept, key=lambda need: not need.by_number):
        if need.amount(order[first:last]) <= need.most:
            continue
        low, high = first + 1, last
        while low < high - 1:
            middle = (low + high) // 2
            if need.amount(order[first:middle]) <= need.most:
                low = middle
            else:
                high = middle
        last = low
    return last
