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


@dataclass(frozen=True, eq=False)
class Runs:
    """Straight runs of packets, along rows or along columns; arrays of one length.

    Attributes:
        sender: number of the core whose packets they are.
        line: the row of runs along x, the column of runs along y.
        start, end: column or row of the first and the last tile.
        chips: borders between chips that a run crosses.
        packets: on each link of the run.
    """

    sender: _Ints
    line: _Ints
    start: _Ints
    end: _Ints
    chips: _Ints
    packets: _Ints

    @property
    def hops(self) -> _Ints:
        """Packets times links of the mesh; a link between chips is none."""
        found: _Ints = self.packets * (np.abs(self.end - self.start) - self.chips)
        return found


Routed = tuple[Runs, Runs]
"""Runs along x, then along y."""


def unicast(source: _Ints, target: _Ints, packets: _Ints, places: Mapping[int, Place]) -> Routed:
    """Runs of packets from core to core, one for each destination core.

    Args:
        source, target: core numbers, [pair].
        packets: [pair].
    """
    here, there = positions(places, source), positions(places, target)
    chips, none = np.abs(here[:, 3] - there[:, 3]), np.zeros_like(packets)
    return (
        Runs(source, here[:, 2], here[:, 1], there[:, 1], chips, packets),
        Runs(source, there[:, 1], here[:, 2], there[:, 2], none, packets),
    )


def multicast(
    source: _Ints, first: _Ints, target: _Ints, packets: _Ints, places: Mapping[int, Place]
) -> Routed:
    """Runs of packets into the trees of their routes, each link of a tree once.

    The routes to all destinations share the row of the sender, and each column that they turn into.

    Args:
        source: sending core of each tree, [tree].
        first: where its destinations begin in ``target``, [tree + 1]; each has at least one.
        target: core numbers.
        packets: into each tree.
    """
    trees = np.arange(source.size).repeat(np.diff(first))
    here, there = positions(places, source), positions(places, target)
    rows = _branches(trees, there[:, 1], there[:, 3])
    across = Runs(
        source[rows.tree],
        here[rows.tree, 2],
        here[rows.tree, 1],
        rows.end,
        np.abs(here[rows.tree, 3] - rows.chip),
        packets[rows.tree],
    )
    tall, column = np.unique(np.stack([trees, there[:, 1]]), axis=1, return_inverse=True)
    turns = _branches(column.reshape(-1), there[:, 2], there[:, 3])
    tree = tall[0, turns.tree]
    along = Runs(
        source[tree], tall[1, turns.tree], here[tree, 2], turns.end, np.zeros_like(tree),
        packets[tree],
    )  # fmt: skip
    return _outward(across), _outward(along)


@dataclass(frozen=True, eq=False)
class _Ends:
    """The two ends of each tree on one line, and the chips that they lie on."""

    tree: _Ints
    end: _Ints
    chip: _Ints


def _branches(tree: _Ints, at: _Ints, chip: _Ints) -> _Ends:
    order = np.lexsort((at, tree))
    last = np.append(np.flatnonzero(np.diff(tree[order])), tree.size - 1) if tree.size else tree
    first = np.append(0, last[:-1] + 1) if tree.size else tree
    ends = order[np.concatenate([first, last])]
    return _Ends(tree[ends], at[ends], chip[ends])


def _outward(runs: Runs) -> Runs:
    """Of the two ends of a tree, the first lies before the sender or is none, the last behind."""
    half = runs.start.size // 2
    low, high = (np.arange(half), np.arange(half, 2 * half))
    kept = np.concatenate(
        [low[runs.end[low] < runs.start[low]], high[runs.end[high] > runs.start[high]]]
    )
    return Runs(*(getattr(runs, field.name)[kept] for field in fields(runs)))


def link_loads(routed: Iterable[Routed]) -> LinkLoads:
    """Loads of all runs together.

    Returns:
        The loads, nothing where the places span more than 4,096 columns or rows, which is the case
        only where a network lies far beyond its chip.
    """
    runs = [(along_x, run) for both in routed for along_x, run in zip((1, 0), both, strict=True)]
    if not runs:
        return NO_LINKS
    lines = {
        along_x: [
            np.concatenate([getattr(run, name) for side, run in runs if side == along_x])
            for name in ("line", "start", "end", "packets")
        ]
        for along_x in (1, 0)
    }
    xs = np.concatenate([lines[1][1], lines[1][2], lines[0][0]])
    ys = np.concatenate([lines[0][1], lines[0][2], lines[1][0]])
    if not xs.size:
        return NO_LINKS
    corner = np.array([xs.min(), ys.min()])
    size = int(max(xs.max() - corner[0], ys.max() - corner[1])) + 1
    if size > _LARGEST_SIDE:
        return NO_LINKS
    found = []
    for along_x, (line, start, end, packets) in lines.items():
        line, start, end = line - corner[along_x], *(e - corner[1 - along_x] for e in (start, end))
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


def added_loads(loads: Iterable[LinkLoads]) -> LinkLoads:
    """Loads of several runs on the same mesh, those of a link added up; at least one run."""
    columns = [
        np.stack([each.x, each.y, each.to_x, each.to_y, each.packets], axis=1) for each in loads
    ]
    return _ordered(np.concatenate(columns))


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
