"""Chips on boards: a hexagonal mesh with links to the east, north-east, north, and back.

A board of 48 chips is a hexagon; three of them tile a square of 12 by 12 chips. Source:
SpiNNMachine 1!7.4.1, whose virtual machine of version 5 has these chips and links (a test compares
them).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

Chip = tuple[int, int]

LINKS: tuple[Chip, ...] = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))
"""Steps over the links 0 to 5; link k leads back over link (k + 3) % 6."""

CHIPS_PER_BOARD = 48
_FIRST_COLUMNS = (0, 0, 0, 0, 1, 2, 3, 4)
_LAST_COLUMNS = (4, 5, 6, 7, 7, 7, 7, 7)
_CORNERS = ((0, 0), (8, 4), (4, 8))
_TRIAD = 12


@dataclass(frozen=True)
class Mesh:
    """Chips that are there; the order is that in which they are filled."""

    chips: tuple[Chip, ...]

    @cached_property
    def _there(self) -> frozenset[Chip]:
        return frozenset(self.chips)

    def neighbours(self, chip: Chip) -> list[tuple[int, Chip]]:
        """(link, chip) of all links that lead somewhere."""
        steps = ((link, (chip[0] + x, chip[1] + y)) for link, (x, y) in enumerate(LINKS))
        return [(link, other) for link, other in steps if other in self._there]

    def path(self, tree: Iterable[Chip], chip: Chip) -> list[Chip]:
        """One of the shortest ways from a tree to a chip, both ends included."""
        before: dict[Chip, Chip | None] = dict.fromkeys(tree)
        queue = deque(before)
        while queue and chip not in before:
            here = queue.popleft()
            for _, other in self.neighbours(here):
                if other not in before:
                    before[other] = here
                    queue.append(other)
        found, at = [], chip
        while True:
            found.append(at)
            parent = before[at]
            if parent is None:
                return found[::-1]
            at = parent


def boards(chips: int) -> Mesh:
    """As many boards as so many chips need, filled outward from each board's corner."""
    found: list[Chip] = []
    for number in range(-(-chips // CHIPS_PER_BOARD)):
        corner = _CORNERS[number % len(_CORNERS)]
        left = corner[0] + _TRIAD * (number // len(_CORNERS))
        own = [
            (left + x, corner[1] + y)
            for y, (first, last) in enumerate(zip(_FIRST_COLUMNS, _LAST_COLUMNS, strict=True))
            for x in range(first, last + 1)
        ]
        at = (left, corner[1])
        found += sorted(own, key=lambda chip: (_steps(at, chip), chip))
    return Mesh(tuple(found))


def _steps(a: Chip, b: Chip) -> int:
    """Links between two chips."""
    x, y = b[0] - a[0], b[1] - a[1]
    return max(abs(x), abs(y)) if x * y > 0 else abs(x) + abs(y)


def link_between(a: Chip, b: Chip) -> int:
    """The link over which ``a`` reaches its neighbour ``b``."""
    return LINKS.index((b[0] - a[0], b[1] - a[1]))
