"""Where used cores lie: chip by chip, tile by tile, for every floorplan that is drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

from snn2chip.report.chip.types import CoreRow, MeshInfo


@dataclass(frozen=True, slots=True)
class TilePlace:
    """Cores that share a place in the mesh.

    Attributes:
        column, row: on the chip, from 0.
        cores: in their places; None is an unused one.
    """

    column: int
    row: int
    cores: tuple[CoreRow | None, ...]


@dataclass(frozen=True, slots=True)
class ChipPlace:
    """A chip, or a block of the same size beyond the last one.

    Attributes:
        tiles: row by row; all of them, or only those that hold a core.
    """

    title: str
    columns: int
    rows: int
    tiles: tuple[TilePlace, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """All chips; ``across`` cores lie side by side in a tile."""

    chips: tuple[ChipPlace, ...]
    across: int
    per_tile: int


def layout(cores: Sequence[CoreRow], mesh: MeshInfo, available: int | None, most: int) -> Layout:
    """Chips with their tiles.

    Args:
        cores: that are shown.
        available: cores of a chip, where that is known.
        most: used and unused cores up to which the unused ones are shown too; otherwise a chip ends
            where its used cores end.
    """
    per_tile = mesh.cores_per_tile or max(len(cores), available or 0)
    if per_tile > most:
        per_tile = len(cores)
    blocks: dict[tuple[int, int, int], list[CoreRow]] = defaultdict(list)
    for core in cores:
        blocks[core.chip, core.x // max(1, mesh.columns), core.y // max(1, mesh.rows)].append(core)
    whole = max(1, mesh.columns * mesh.rows) * per_tile * len(blocks) <= most
    titles = _titles(list(blocks))
    chips = tuple(
        _chip(titles[block], found, mesh, per_tile, whole)
        for block, found in sorted(blocks.items())
    )
    return Layout(chips, ceil(sqrt(per_tile)), per_tile)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a chip that is shown: its first tile, and its size in tiles."""

    column: int
    row: int
    columns: int
    rows: int


def used_window(chip: ChipPlace, margin: int = 0) -> Window:
    """The smallest window with every used core, and ``margin`` more tiles around it."""
    used = [tile for tile in chip.tiles if any(core is not None for core in tile.cores)]
    left = max(0, min(tile.column for tile in used) - margin)
    top = max(0, min(tile.row for tile in used) - margin)
    right = min(chip.columns, max(tile.column for tile in used) + 1 + margin)
    bottom = min(chip.rows, max(tile.row for tile in used) + 1 + margin)
    return Window(left, top, right - left, bottom - top)


def through(chip: ChipPlace, window: Window) -> ChipPlace:
    """The tiles of a chip in a window, counted from its corner."""
    tiles = (
        replace(tile, column=tile.column - window.column, row=tile.row - window.row)
        for tile in chip.tiles
    )
    inside = (
        tile for tile in tiles if 0 <= tile.column < window.columns and 0 <= tile.row < window.rows
    )
    return ChipPlace(chip.title, window.columns, window.rows, tuple(inside))


def _titles(blocks: list[tuple[int, int, int]]) -> dict[tuple[int, int, int], str]:
    """The number of each chip, where there are several; a chip alone needs no title."""
    own: dict[int, tuple[int, int, int]] = {}
    for block in sorted(blocks):
        own.setdefault(block[0], block)
    names = {block: f"chip {chip}" for chip, block in own.items()}
    if len(own) == 1:
        names = {block: "the chip" if len(blocks) > 1 else "" for block in own.values()}
    return {block: names.get(block, "beyond the chip") for block in blocks}


def _chip(
    title: str, cores: list[CoreRow], mesh: MeshInfo, per_tile: int, whole: bool
) -> ChipPlace:
    columns, rows = max(1, mesh.columns), max(1, mesh.rows)
    tiles: dict[tuple[int, int], list[CoreRow]] = defaultdict(list)
    for core in cores:
        tiles[core.y % rows, core.x % columns].append(core)
    places = sorted(tiles)
    if whole:
        places = [(y, x) for y in range(rows) for x in range(columns)]
    else:
        columns, rows = (1 + max(place[axis] for place in places) for axis in (1, 0))
    return ChipPlace(
        title=title,
        columns=columns,
        rows=rows,
        tiles=tuple(TilePlace(x, y, _slots(tiles.get((y, x), []), per_tile)) for y, x in places),
    )


def _slots(cores: list[CoreRow], per_tile: int) -> tuple[CoreRow | None, ...]:
    """Cores of one tile in the order of their numbers, each at its own place where it has one."""
    slots = {core.core % per_tile: core for core in cores}
    if len(slots) < len(cores):
        slots = dict(enumerate(cores))
    return tuple(slots.get(k) for k in range(max(per_tile, len(cores))))
