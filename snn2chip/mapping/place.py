"""Where cores lie: cores fill tiles in order, tiles fill the mesh column by column.

The order is that of SANA-FE's Loihi (tile = core // cores per tile, x = tile // rows,
y = tile % rows), so that hops can be compared with it. Cores beyond the chip continue in further
columns.
"""

from __future__ import annotations

from collections.abc import Iterable

from snn2chip.core.mapping import Place
from snn2chip.targets.types import Mesh


def place(core: int, mesh: Mesh) -> Place:
    """Tile, column x and row y of a core; tile 0 where the chip has no mesh."""
    if mesh.cores_per_tile == 0:
        return Place(0, 0, 0)
    tile = core // mesh.cores_per_tile
    return Place(tile, tile // mesh.rows, tile % mesh.rows)


def place_all(cores: Iterable[int], mesh: Mesh) -> dict[int, Place]:
    """Places of all cores, in ascending order of the cores."""
    return {core: place(core, mesh) for core in sorted(set(cores))}
