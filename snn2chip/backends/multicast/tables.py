"""Routing tables: one tree of links to a population, and what every chip on it does with a packet.

All parts of a population share a tree, which joins their chips and those that listen to them by
shortest ways. A packet follows it from its own chip to whoever listens to its part. On a chip, runs
of parts with one route become the fewest entries of a key and a mask that cover them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from snn2chip.backends.multicast.keys import Part
from snn2chip.backends.multicast.mesh import LINKS, Chip, Mesh, link_between

Tree = dict[Chip, set[Chip]]


class Entry(NamedTuple):
    """A row of a table: keys that equal ``key`` under ``mask`` take ``route``.

    Attributes:
        route: links are bits 0 to 5, cores follow.
        default: the router does the same without the entry: it sends on straight ahead.
    """

    key: int
    mask: int
    route: int
    default: bool = False

    def holds(self, key: int) -> bool:
        """Whether a packet of this key is meant."""
        return key & self.mask == self.key

    def meets(self, other: Entry) -> bool:
        """Whether some key is meant by both."""
        return (self.key ^ other.key) & self.mask & other.mask == 0


def routing_tables(mesh: Mesh, parts: Sequence[Part]) -> dict[Chip, tuple[Entry, ...]]:
    """The tables of all chips that packets come through, not yet compressed."""
    groups: dict[str, list[Part]] = {}
    for part in parts:
        if part.mask:
            groups.setdefault(part.population, []).append(part)
    tables: dict[Chip, list[Entry]] = {}
    for own in groups.values():
        tree = _tree(mesh, own)
        routes: dict[Chip, dict[int, tuple[int, bool]]] = {}
        for part in own:
            for chip, route in _routes(tree, part).items():
                routes.setdefault(chip, {})[part.index] = route
        for chip, by_part in routes.items():
            tables.setdefault(chip, []).extend(_merged(own, by_part))
    return {chip: tuple(entries) for chip, entries in sorted(tables.items())}


def _tree(mesh: Mesh, parts: Sequence[Part]) -> Tree:
    """Links that join all chips of a population and of its listeners, without a circle."""
    wanted = dict.fromkeys(part.seat[0] for part in parts if part.targets)
    wanted |= dict.fromkeys(sorted(chip for part in parts for chip, _ in part.targets))
    tree: Tree = {}
    for chip in wanted:
        if not tree:
            tree[chip] = set()
        if chip not in tree:
            way = mesh.path(tree, chip)
            for a, b in pairwise(way):
                tree.setdefault(a, set()).add(b)
                tree.setdefault(b, set()).add(a)
    return tree


def _routes(tree: Tree, part: Part) -> dict[Chip, tuple[int, bool]]:
    """Of every chip that the part's packets come through: the route, and whether it is default."""
    listeners: dict[Chip, int] = {}
    for chip, core in part.targets:
        listeners[chip] = listeners.get(chip, 0) | 1 << (len(LINKS) + core)
    found: dict[Chip, tuple[int, bool]] = {}
    # (chip, where packets come from); a chip is done once those behind it are
    stack: list[tuple[Chip, Chip | None, bool]] = [(part.seat[0], None, False)]
    while stack:
        chip, before, done = stack.pop()
        behind = [other for other in tree.get(chip, ()) if other != before]
        if not done:
            stack.append((chip, before, True))
            stack += [(other, chip, False) for other in behind]
            continue
        route = listeners.get(chip, 0)
        for other in behind:
            if other in found:
                route |= 1 << link_between(chip, other)
        if route or before is None:
            straight = before is not None and route == 1 << link_between(before, chip)
            found[chip] = route, straight
    return found


def _merged(parts: Sequence[Part], by_part: Mapping[int, tuple[int, bool]]) -> list[Entry]:
    """Entries of one population on one chip."""
    indices = sorted(by_part)
    entries: list[Entry] = []
    at = 0
    while at < len(indices):
        end = at + 1
        while (
            end < len(indices)
            and indices[end] == indices[end - 1] + 1
            and by_part[indices[end]][0] == by_part[indices[at]][0]
        ):
            end += 1
        run = indices[at:end]
        default = all(by_part[index][1] for index in run)
        # Behind the last part no key is used: the last block may be as wide as it is aligned.
        open_ended = run[-1] == parts[-1].index
        for first, count in _blocks(run[0], len(run), open_ended):
            part = parts[first]
            step = (~part.mask & 0xFFFF_FFFF) + 1
            mask = part.mask & ~((count - 1) * step)
            entries.append(Entry(part.key, mask, by_part[first][0], default))
        at = end
    return entries


def _blocks(first: int, count: int, open_ended: bool) -> list[tuple[int, int]]:
    """A run of parts as aligned blocks: (first, a power of two)."""
    found = []
    while count > 0:
        aligned = first & -first if first else 1 << max(0, count - 1).bit_length()
        size = aligned if aligned <= count or open_ended else 1 << (count.bit_length() - 1)
        found.append((first, size))
        first, count = first + size, count - size
    return found
