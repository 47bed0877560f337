"""Fewer entries for the same packets.

A router takes the first row that holds a key. Two entries of one route become one that covers both,
as long as it covers no key of a route whose rows come later: keys that nobody sends may go
anywhere. Routes with few entries come first, which leaves most room to those with many. Entries
that a router does not need, since it sends packets straight on without them, are left out, and
their keys are kept free.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.multicast.tables import Entry

_FULL = 0xFFFF_FFFF


def compressed(table: Sequence[Entry]) -> tuple[Entry, ...]:
    """A table that does the same to every key of ``table``; its rows are in order."""
    later = [entry for entry in table if not entry.default]
    free = [entry for entry in table if entry.default]
    groups: dict[int, list[Entry]] = {}
    for entry in later:
        groups.setdefault(entry.route, []).append(entry)
    found: list[Entry] = []
    for route in sorted(groups, key=lambda route: (len(groups[route]), route)):
        own = groups[route]
        later = [entry for entry in later if entry.route != route]
        found += _joined(own, _cubes([*later, *free]))
    return tuple(found)


def agree(table: Sequence[Entry], fewer: Sequence[Entry]) -> bool:
    """Whether every key of ``table`` takes its route in ``fewer`` too.

    Down the rows that meet an entry, the first of another route must come behind one that covers
    it; an entry that routers do without may meet none at all.
    """
    for entry in table:
        met = [row for row in fewer if row.meets(entry)]
        if entry.default and not met:
            continue
        for row in met:
            if row.route != entry.route:
                return False
            if row.mask & ~entry.mask == 0:
                break
        else:
            return False
    return True


def _cubes(entries: Sequence[Entry]) -> NDArray[np.int64]:
    """Keys and masks [2, entry]."""
    return np.array([[e.key for e in entries], [e.mask for e in entries]], np.int64).reshape(2, -1)


def _joined(own: list[Entry], others: NDArray[np.int64]) -> list[Entry]:
    """Pairs of one route joined until none can be; near keys first, which leaves most to join."""
    rows = sorted(own)
    joined = True
    while joined:
        joined = False
        rest: list[Entry] = []
        for entry in rows:
            for at, other in enumerate(rest):
                mask = entry.mask & other.mask & ~(entry.key ^ other.key) & _FULL
                key = entry.key & mask
                if not _meets_any(key, mask, others):
                    rest[at] = Entry(key, mask, entry.route)
                    joined = True
                    break
            else:
                rest.append(entry)
        rows = rest
    return rows


def _meets_any(key: int, mask: int, others: NDArray[np.int64]) -> bool:
    return bool((((others[0] ^ key) & others[1] & mask) == 0).any())
