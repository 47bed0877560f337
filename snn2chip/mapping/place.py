"""Where cores lie: cores fill tiles in order, tiles fill the mesh column by column, chips a row.

The order is that of SANA-FE's Loihi (tile = core // cores per tile, x = tile // rows,
y = tile % rows), so that hops can be compared with it. Each further chip lies east of the one
before it: its columns are numbered on. Cores beyond the last chip continue in further columns.
"""

from __future__ import annotations

from collections.abc import Iterable

from snn2chip.core.mapping import Place
from snn2chip.targets.types import Mesh


def place(core: int, mesh: Mesh, per_chip: int | None = None, chips: int = 1) -> Place:
    """Tile, column x, row y and chip of a core; a chip without mesh is one tile.

    Args:
        per_chip: cores of a chip, None without limit.
        chips: that may be used; a core beyond them is counted to the last one.
    """
    chip = 0 if per_chip is None else min(core // per_chip, chips - 1)
    if mesh.cores_per_tile == 0:
        return Place(chip, chip, 0, chip)
    tile = (core - chip * (per_chip or 0)) // mesh.cores_per_tile
    x, y = chip * mesh.columns + tile // mesh.rows, tile % mesh.rows
    return Place(x * mesh.rows + y, x, y, chip)


def place_all(
    cores: Iterable[int], mesh: Mesh, per_chip: int | None = None, chips: int = 1
) -> dict[int, Place]:
    """Places of all cores, in ascending order of the cores."""
    return {core: place(core, mesh, per_chip, chips) for core in sorted(set(cores))}
