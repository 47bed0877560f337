"""Limits of routers, as named rules that return violations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from snn2chip.backends.multicast.compress import compressed
from snn2chip.backends.multicast.keys import KEY_BITS, Part, Seat, bits, parts_of
from snn2chip.backends.multicast.mesh import Mesh, boards
from snn2chip.backends.multicast.tables import routing_tables
from snn2chip.core import Limit, Program, Violation
from snn2chip.core import Mapping as CoreMapping
from snn2chip.errors import counted
from snn2chip.targets.types import Target

_FEWER = "fewer populations, or layers whose neurons reach the same cores"
TABLE = Limit(
    "routing-table",
    "routing_entries",
    "the router of every chip has so many entries, once they are merged",
    "fewer chips (larger layers on fewer cores), " + _FEWER,
)
KEYS = Limit(
    "routing-keys",
    "",
    "32 bits number the populations, their parts, the neurons of a part and 16 steps",
    "fewer populations or smaller ones, or layers on fewer cores",
)
LIMITS = (TABLE, KEYS)
"""Every rule of this module, in the order of the documentation."""


def mesh_of(mapping: CoreMapping, target: Target) -> Mesh:
    """The chips of as many boards as the mapping's cores need."""
    return boards(max(mapping.places, default=0) // _each(mapping, target) + 1)


def seats_of(mapping: CoreMapping, target: Target) -> dict[int, Seat]:
    """Where each core of a mapping lies: chip after chip, from its first core for users on."""
    each, chips = _each(mapping, target), mesh_of(mapping, target).chips
    return {core: (chips[core // each], core % each) for core in mapping.places}


def _each(mapping: CoreMapping, target: Target) -> int:
    """Cores of a chip."""
    return target.limit("cores") or max(mapping.places, default=0) + 1


def violations(
    program: Program,
    target: Target,
    mapping: CoreMapping,
    always: Mapping[str, Sequence[int]] | None = None,
) -> Iterator[Violation]:
    """Tables that no router holds, and keys too wide.

    Args:
        always: as `parts_of` takes it.
    """
    parts = parts_of(program, mapping, seats_of(mapping, target), always)
    if (needed := key_bits(parts)) > KEY_BITS:
        yield KEYS.broken(
            target.name,
            f"network {program.name!r}",
            f"{needed} bits",
            f"{KEY_BITS} bits",
            "keys of multicast packets",
        )
        return
    limit = target.limit(TABLE.key)
    if limit is None:
        return
    tables = routing_tables(mesh_of(mapping, target), parts)
    alone = len({part.seat[0] for part in parts}) == 1
    rule = replace(TABLE, remedy=_FEWER) if alone else TABLE
    for (x, y), table in tables.items():
        if len(table) > limit and (count := len(compressed(table))) > limit:
            yield rule.broken(
                target.name,
                f"chip {x}, {y}",
                counted(count, "row"),
                counted(limit, "row"),
                target.resources[TABLE.key].source,
            )


def key_bits(parts: Sequence[Part]) -> int:
    """Bits that the keys of all parts take."""
    return bits(
        max((part.key | ~part.mask & 0xFFFF_FFFF for part in parts if part.mask), default=0) + 1
    )
