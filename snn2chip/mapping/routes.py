"""Routes over the mesh: first along the row to the column of the target, then along the column.

A packet to a core in the same tile crosses no link. Unicast sends one packet to each destination
core; multicast sends one packet into the tree of all routes of a spike, so that each link of the
tree is crossed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from snn2chip.core.mapping import Place

_Ints = NDArray[np.int64]

_LARGEST_SIDE = 4096


@dataclass(frozen=True, eq=False)
class LinkLoads:
    """Packets over each directed link between neighbouring tiles, over all steps and samples.

    Attributes:
        x, y: column and row of the tile that a link leaves, int64 [link].
        to_x, to_y: of the tile that it enters.
        packets: int64 [link], above 0; each link once, ordered by x, y, to_x, to_y.
    """

    x: _Ints
    y: _Ints
    to_x: _Ints
    to_y: _Ints
    packets: _Ints

    def __eq__(self, other: object) -> bool:
        """Whether all links carry the same."""
        return isinstance(other, LinkLoads) and all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name))
            for field in fields(self)
        )

    def __hash__(self) -> int:
        return hash(self.packets.tobytes())

    @property
    def traversals(self) -> int:
        """Packets times the links that each crosses: with unicast, all hops."""
        return int(self.packets.sum())

    @property
    def largest(self) -> int:
        """Packets of the busiest link."""
        return int(self.packets.max(initial=0))


NO_LINKS = LinkLoads(*(np.zeros(0, np.int64) for _ in range(5)))
"""Where nothing crosses a link."""


def positions(places: Mapping[int, Place], cores: _Ints) -> _Ints:
    """Places of cores, int64 [core, 4]: tile, column, row, chip."""
    known = np.fromiter(places, np.int64, len(places))
    table = np.array(list(places.values()), np.int64).reshape(-1, 4)
    found: _Ints = table[_index(known, cores)]
    return found


def _index(known: _Ints, cores: _Ints) -> _Ints:
    """Where each core stands in ``known``; by a table where numbers are small, which is quicker."""
    if known.max(initial=0) < _LARGEST_SIDE**2 // 16:
        index = np.zeros(int(known.max(initial=0)) + 1, np.int64)
        index[known] = np.arange(known.size)
        return index[cores]
    order = np.argsort(known)
    found: _Ints = order[np.searchsorted(known, cores, sorter=order)]
    return found


def link_loads(
    flows: Iterable[tuple[_Ints, _Ints, _Ints]], places: Mapping[int, Place]
) -> LinkLoads:
    """Loads of unicast packets.

    Args:
        flows: (source cores, target cores, packets), each [pair].

    Returns:
        The loads, nothing where the places span more than 4,096 columns or rows, which is the case
        only where a network lies far beyond its chip.
    """
    parts = list(flows)
    ends = [np.concatenate([part[k] for part in parts] or [np.zeros(0, np.int64)]) for k in (0, 1)]
    packets = np.concatenate([part[2] for part in parts] or [np.zeros(0, np.int64)])
    source, target = (positions(places, cores)[:, 1:3] for cores in ends)
    both = np.concatenate([source, target, np.zeros((1, 2), np.int64)])
    corner = both.min(axis=0)
    size = int((both.max(axis=0) - corner).max()) + 1
    if size > _LARGEST_SIDE:
        return NO_LINKS
    source, target = source - corner, target - corner
    lines = [
        (1, source[:, 1], source[:, 0], target[:, 0]),
        (0, target[:, 0], source[:, 1], target[:, 1]),
    ]
    found = []
    for along_x, line, start, end in lines:
        for forward in (True, False):
            low, high = (start, end) if forward else (end, start)
            loads = _spans(line, low, high, packets, size)
            where, at = np.nonzero(loads)
            before, after = (at, at + 1) if forward else (at + 1, at)
            ends_ = (before, where, after, where) if along_x else (where, before, where, after)
            found.append(np.stack([*ends_, loads[where, at]], axis=1))
    rows = np.concatenate(found)
    rows[:, :4] += np.tile(corner, 2)
    return _ordered(rows)


def _spans(line: _Ints, low: _Ints, high: _Ints, packets: _Ints, size: int) -> _Ints:
    """Packets that cross from k to k + 1 on each line, [line, k], where low <= k < high."""
    steps = np.zeros((size, size + 1), np.int64)
    moved = low < high
    np.add.at(steps, (line[moved], low[moved]), packets[moved])
    np.subtract.at(steps, (line[moved], high[moved]), packets[moved])
    return np.cumsum(steps, axis=1)


def _ordered(rows: _Ints) -> LinkLoads:
    """Loads of rows (x, y, to_x, to_y, packets), those of a link added up."""
    links, place = np.unique(rows[:, :4], axis=0, return_inverse=True)
    packets = np.zeros(len(links), np.int64)
    np.add.at(packets, place.reshape(-1), rows[:, 4])
    x, y, to_x, to_y = np.ascontiguousarray(links.T)
    return LinkLoads(x, y, to_x, to_y, packets)
