"""Limits of routers, as named rules that return violations."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from snn2chip.backends.multicast.compress import compressed
from snn2chip.backends.multicast.keys import KEY_BITS, Part, Seat, bits, parts_of
from snn2chip.backends.multicast.mesh import boards
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
SHARED = Limit(
    "populations-per-core",
    "populations_per_core",
    "a core runs the program of one population",
    "a --mapping without shared cores, or none",
)
KEYS = Limit(
    "routing-keys",
    "",
    "32 bits number the populations, their parts, the neurons of a part and 16 steps",
    "fewer populations or smaller ones, or layers on fewer cores",
)
LIMITS = (TABLE, KEYS, SHARED)
"""Every rule of this module, in the order of the documentation."""


def seats_of(mapping: CoreMapping, target: Target, chips: int | None = None) -> dict[int, Seat]:
    """Where each core of a mapping lies: chip after chip, from its first core for users on."""
    each = target.limit("cores") or len(mapping.places)
    last = max(mapping.places, default=0)
    mesh = boards(max(chips or 0, last // each + 1))
    return {core: (mesh.chips[core // each], core % each) for core in mapping.places}


def violations(
    program: Program,
    target: Target,
    mapping: CoreMapping,
    always: Mapping[str, Sequence[int]] | None = None,
) -> Iterator[Violation]:
    """Tables that no router holds, and cores with several populations.

    Args:
        always: as `parts_of` takes it.
    """
    parts = parts_of(program, mapping, seats_of(mapping, target), always)
    yield from _several(parts, target, always or {})
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
    each = target.limit("cores") or 1
    mesh = boards(max(mapping.places, default=0) // each + 1)
    tables = routing_tables(mesh, parts)
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


def _several(parts: Sequence[Part], target: Target, always: Collection[str]) -> Iterator[Violation]:
    most = target.limit(SHARED.key)
    there: dict[Seat, dict[str, None]] = {}
    for part in parts:
        if part.population not in always:
            there.setdefault(part.seat, {})[part.population] = None
    for ((x, y), core), names in there.items():
        if most is not None and len(names) > most:
            yield SHARED.broken(
                target.name,
                f"core {core} of chip {x}, {y}",
                "neurons of " + ", ".join(map(repr, names)),
                counted(most, "population"),
                target.resources[SHARED.key].source,
            )


def key_bits(parts: Sequence[Part]) -> int:
    """Bits that the keys of all parts take."""
    return bits(
        max((part.key | ~part.mask & 0xFFFF_FFFF for part in parts if part.mask), default=0) + 1
    )
