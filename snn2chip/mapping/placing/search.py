"""Which core goes where: fewer hops for the same packets.

The cost of a placement is the sum over pairs of cores of packets times the tiles between them. The
search starts from the mapping's own order and from that order along a Hilbert curve, and swaps
two cores as long as a swap lowers the cost; kicks of a few random swaps let it leave a valley. What
it returns is never worse than the order that it was given. All numbers are whole, and below 2^53,
so that sums are exact whatever their order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LARGEST = 2048
"""Cores beyond which the order is kept."""

_SWEEPS = 12
_SWAPS_OF_A_KICK = 3
_KICKS = 24
_WORK_OF_KICKS = 1 << 26


def arrange(packets: Floats, places: Ints, seed: int) -> NDArray[np.int64]:
    """Slot of each core, so that heavy traffic is short.

    Args:
        packets: from core to core, whole numbers, [n, n].
        places: column and row of each slot, [n, 2]; slot k is where core k would be.
        seed: of the kicks.

    Returns:
        A permutation, int64 [core].
    """
    size = len(places)
    order = np.arange(size)
    if size < 3 or size > LARGEST:
        return order
    traffic = packets + packets.T
    np.fill_diagonal(traffic, 0.0)
    apart = np.abs(places[:, None] - places[None]).sum(axis=2).astype(np.float64)
    starts = (order, np.argsort(np.argsort(_curve(places), kind="stable")))
    search = _Search(traffic, apart)
    best = min((search.descend(start) for start in starts), key=search.cost)
    best = search.kicked(best, np.random.default_rng(seed))
    return best if search.cost(best) < search.cost(order) else order


class _Search:
    """Swaps of cores between slots."""

    def __init__(self, traffic: Floats, apart: Floats) -> None:
        self._traffic, self._apart = traffic, apart

    def cost(self, slots: Ints) -> float:
        """Packets times tiles, each pair counted twice."""
        return float((self._traffic * self._apart[np.ix_(slots, slots)]).sum())

    def kicked(self, slots: Ints, rng: np.random.Generator) -> Ints:
        """The best of several searches that begin beside the best one so far."""
        best, lowest = slots, self.cost(slots)
        for _ in range(min(_KICKS, _WORK_OF_KICKS // len(slots) ** 3)):
            trial = best.copy()
            for a, b in rng.integers(0, len(slots), (_SWAPS_OF_A_KICK, 2)):
                trial[[a, b]] = trial[[b, a]]
            trial = self.descend(trial)
            if (cost := self.cost(trial)) < lowest:
                best, lowest = trial, cost
        return best

    def descend(self, slots: Ints) -> Ints:
        """Swaps that lower the cost, core after core, until a sweep finds none."""
        slots = slots.copy()
        near = self._apart[slots]
        own = (self._traffic * near[:, slots]).sum(axis=1)
        for _ in range(_SWEEPS):
            moved = False
            for core in range(len(slots)):
                moved |= self._swap(core, slots, near, own)
            if not moved:
                break
        return slots

    def _swap(self, core: int, slots: Ints, near: Floats, own: Floats) -> bool:
        """The best swap of one core with another, if it lowers the cost.

        With F the traffic, D the distances, p the slots and C[a, s] = sum_k F[a, k] D[p_k, s], a
        swap of a and b changes half the cost by C[a, p_b] - C[a, p_a] + C[b, p_a] - C[b, p_b] +
        2 F[a, b] D[p_a, p_b].

        Args:
            near: D[p], kept up to date.
            own: C[a, p_a] of each core, kept up to date.
        """
        traffic, here = self._traffic, slots[core]
        if not traffic[core].any():
            return False
        there = (traffic[core] @ near)[slots]
        others_here = traffic @ near[:, here]
        both = 2.0 * traffic[core] * self._apart[here, slots]
        change = there - there[core] + others_here - own + both
        other = int(np.argmin(change))
        if change[other] >= 0.0:
            return False
        gone = traffic[core] - traffic[other]
        own += gone * (self._apart[slots[other], slots] - self._apart[here, slots])
        slots[[core, other]] = slots[[other, core]]
        near[[core, other]] = near[[other, core]]
        for moved in (core, other):
            own[moved] = traffic[moved] @ near[:, slots[moved]]
        return True


def _curve(places: Ints) -> Ints:
    """Position of each tile on a Hilbert curve over the smallest square that holds all of them."""
    side = 1 << max(1, int(places.max(initial=1)).bit_length())
    x, y = places[:, 0].copy(), places[:, 1].copy()
    found = np.zeros(len(places), np.int64)
    scale = side // 2
    while scale:
        right, upper = ((x & scale) > 0).astype(np.int64), ((y & scale) > 0).astype(np.int64)
        found += scale * scale * ((3 * right) ^ upper)
        turned = upper == 0
        mirrored = turned & (right == 1)
        x[mirrored], y[mirrored] = side - 1 - x[mirrored], side - 1 - y[mirrored]
        x[turned], y[turned] = y[turned].copy(), x[turned].copy()
        scale //= 2
    return found
