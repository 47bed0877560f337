"""Filling cores with neurons in a given order, each as full as every limit allows.

A limit that a neuron breaks alone is no reason to give each neuron a core: it is left out there,
and the limits report the neuron.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from snn2chip.mapping.partition.needs import AxonsOut, Need, Neurons, Synapses

_FIRST_STEP = 32
"""The search for the end of a part begins with steps of such a share of the part before."""

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
    first, part, guess = 0, 0, order.size
    while first < order.size:
        last = int(ends[np.searchsorted(ends, first, side="right")])
        for total in totals:
            reached = int(np.searchsorted(total, total[first] + most_work, side="right")) - 1
            last = min(last, max(first + 1, reached))
        last = _longest(order, first, last, needs, guess)
        parts[order[first:last]] = part
        first, part, guess = last, part + 1, last - first
    return parts


def _ends(order: Neurons, pieces: Parts | None) -> NDArray[np.intp]:
    """Where a part must end at the latest, ascending."""
    if pieces is None:
        return np.array([order.size])
    return np.append(np.flatnonzero(np.diff(pieces[order])) + 1, order.size)


def _longest(order: Neurons, first: int, last: int, needs: Sequence[Need], guess: int) -> int:
    """Largest ``last`` with which ``order[first:last]`` keeps all needs that its first keeps.

    Args:
        guess: how many neurons the part before took; the search begins there.
    """
    alone = order[first : first + 1]
    kept = [need for need in needs if need.amount(alone) <= need.most]
    for need in sorted(kept, key=_price):
        last = _most(order, first, last, need, guess)
    return last


def _price(need: Need) -> int:
    """Needs that are quick to ask go first: they leave the others less to search."""
    return 0 if need.by_number else 1 if isinstance(need, AxonsOut | Synapses) else 2


def _most(order: Neurons, first: int, last: int, need: Need, guess: int) -> int:
    """The same for one need, which never falls: steps that double away from the guess, then
    halves.
    """

    def fits(end: int) -> bool:
        return need.amount(order[first:end]) <= need.most

    if last - first <= 2 * guess and fits(last):
        return last
    low, high = first + 1, last + 1
    step = max(1, guess // _FIRST_STEP)
    end = min(max(first + guess, low), last)
    while low < end < high:
        if fits(end):
            low, end = end, min(end + step, last)
        else:
            high, end = end, max(end - step, low)
        step *= 2
    while low < high - 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low
