"""Parts, keys and tables of a mapped program as a JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from snn2chip.backends.multicast.compress import compressed
from snn2chip.backends.multicast.keys import parts_of
from snn2chip.backends.multicast.rules import mesh_of, seats_of
from snn2chip.backends.multicast.tables import routing_tables
from snn2chip.core import Mapping as CoreMapping
from snn2chip.core import Program
from snn2chip.targets.types import Target

ROUTING = "routing.json"
SCHEMA = "snn2chip/routing/1"


def routing(
    program: Program,
    target: Target,
    mapping: CoreMapping,
    always: Mapping[str, Sequence[int]] | None = None,
) -> bytes:
    """``parts`` with their chips, cores, keys and masks, and ``tables``: chip -> rows.

    A row is [key, mask, route]; links are bits 0 to 5 of the route, cores follow, counted from the
    first one that users have. Rows are in order, and compressed where a table would be too long.

    Args:
        always: as `parts_of` takes it.
    """
    seats = seats_of(mapping, target)
    parts = parts_of(program, mapping, seats, always)
    limit = target.limit("routing_entries")
    tables = routing_tables(mesh_of(mapping, target), parts)
    document = {
        "schema": SCHEMA,
        "target": target.name,
        "parts": [
            {
                "population": part.population,
                "first": part.first,
                "size": part.size,
                "chip": part.seat[0],
                "core": part.seat[1],
                "key": part.key if part.mask else None,
                "mask": part.mask or None,
            }
            for part in parts
        ],
        "tables": {
            f"{x},{y}": [
                [row.key, row.mask, row.route]
                for row in (table if limit is None or len(table) <= limit else compressed(table))
            ]
            for (x, y), table in tables.items()
        },
    }
    return (json.dumps(document, indent=1) + "\n").encode()
