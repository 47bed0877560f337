"""The chip on a terminal: a small floorplan, required cores, and what the steps wait for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from snn2chip.report.chip.layout import (
    ChipPlace,
    Layout,
    TilePlace,
    layout,
    through,
    used_window,
)
from snn2chip.report.chip.types import CoreRow
from snn2chip.report.numbers import UNKNOWN, percent, plural, shown, whole
from snn2chip.report.terminal.tables import fitted, named
from snn2chip.report.types import Report

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

FEWEST = 4
"""Used cores from which a floorplan says something."""

MOST_CORES = 20_000
MOST_LINES = 24
MOST_NAMED = 12
MOST_CHIPS = 4

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_STYLES = (
    "bright_black",
    "blue",
    "dark_orange",
    "green",
    "magenta",
    "purple",
    "yellow",
    "cyan",
    "red",
    "chartreuse4",
)
_SHADES = "░▒▓█"


def floorplan(
    report: Report, width: int, *, ascii_only: bool = False, colours: bool = False
) -> list[RenderableType]:
    """A character for each core, or for each tile where there are too many; nothing for a few.

    Letters name the layers. In colours a layer has one, and shades say how full a core is.

    Args:
        colours: whether the console shows any.
    """
    from rich.text import Text

    if len(report.cores) < FEWEST:
        return []
    found = layout(report.cores[:MOST_CORES], report.mesh, report.target.cores, MOST_CORES)
    drawn = _Drawn(report, found, width, ascii_only, colours)
    parts: list[RenderableType] = [Text("Floorplan", "bold"), drawn.legend()]
    for chip in found.chips[:MOST_CHIPS]:
        parts += [Text(shown(chip.title), "dim")] if chip.title else []
        part = through(chip, used_window(chip))
        parts += drawn.lines(part)
        parts += [Text(words, "dim") for words in _trimmed(chip, part)]
    left = len(found.chips) - MOST_CHIPS
    if left > 0:
        parts.append(Text(f"and {plural(left, 'chip')} more", "dim"))
    return [_group(parts)]


def _trimmed(chip: ChipPlace, drawn: ChipPlace) -> list[str]:
    """How much of the chip is not drawn, as nothing on it is used."""
    rows, columns = chip.rows - drawn.rows, chip.columns - drawn.columns
    parts = [plural(rows, "row")] * bool(rows) + [plural(columns, "column")] * bool(columns)
    return [f"not drawn: {' and '.join(parts)} of unused tiles"] if parts else []


def _group(parts: list[RenderableType]) -> RenderableType:
    from rich.console import Group

    return Group(*parts)


class _Drawn:
    """Characters of cores and tiles."""

    def __init__(
        self, report: Report, found: Layout, width: int, ascii_only: bool, colours: bool
    ) -> None:
        self._number = {row.name: k for k, row in enumerate(report.layers)}
        self._report, self._layout, self._width = report, found, width
        self._ascii, self._colours = ascii_only, colours

    def legend(self) -> Text:
        """Which letter or colour is which layer."""
        from rich.text import Text

        words = Text()
        held = {name for core in self._report.cores for name in core.layers}
        names = [row.name for row in self._report.layers if row.name in held]
        for name in names[:MOST_NAMED]:
            mark = "█" if self._colours else self._letter(name)
            words.append(mark, self._style(name)).append(f" {shown(name)}  ")
        if len(names) > MOST_NAMED:
            words.append(f"and {len(names) - MOST_NAMED} more  ")
        return words.append(f"{self._free()} unused")

    def _letter(self, name: str) -> str:
        return _LETTERS[self._number.get(name, 0) % len(_LETTERS)]

    def _style(self, name: str) -> str:
        return _STYLES[self._number.get(name, 0) % len(_STYLES)] if self._colours else ""

    def _free(self) -> str:
        return "." if self._ascii else "·"

    def _core(self, core: CoreRow | None) -> tuple[str, str]:
        """The character of a core, and its style."""
        if core is None:
            return self._free(), "dim"
        if not self._colours:
            return self._letter(core.layer), ""
        share = 1.0 if core.utilization is None else min(1.0, core.utilization)
        shade = _SHADES[min(len(_SHADES) - 1, int(share * len(_SHADES)))]
        return shade, self._style(core.layer)

    def lines(self, chip: ChipPlace) -> list[Text]:
        """A chip: core by core where there is room, else its tiles, else a sentence."""
        across = self._layout.across
        down = -(-self._layout.per_tile // across)
        for gap in (1, 0):
            fits = chip.columns * (across + gap) - gap <= self._width
            if fits and chip.rows * down <= MOST_LINES:
                return list(self._rows(chip, across, down, gap))
        if chip.columns <= self._width and chip.rows <= MOST_LINES and chip.columns > 1:
            return list(self._rows(chip, 1, 1, 0))
        from rich.text import Text

        used = sum(core is not None for tile in chip.tiles for core in tile.cores)
        return [Text(f"{plural(used, 'core')}, too many for a terminal of {self._width} columns")]

    def _rows(self, chip: ChipPlace, across: int, down: int, gap: int) -> Iterator[Text]:
        """Lines of characters; a tile of one character shows its first used core."""
        from rich.text import Text

        tiles = {(tile.row, tile.column): tile for tile in chip.tiles}
        for y in range(chip.rows * down):
            line = Text(no_wrap=True)
            for x in range(chip.columns):
                tile = tiles.get((y // down, x))
                line.append(" " * gap if x else "")
                for slot in range(across):
                    line.append(*self._core(_at(tile, across, down, y % down, slot)))
            yield line


def _at(tile: TilePlace | None, across: int, down: int, y: int, x: int) -> CoreRow | None:
    if tile is None:
        return None
    if across == down == 1:
        return next((core for core in tile.cores if core is not None), None)
    place = y * across + x
    return tile.cores[place] if place < len(tile.cores) else None


def utilization_table(report: Report, width: int) -> Table:
    """Each limit of a core: what the network needs at the least, and how full cores are."""
    table = named("Cores needed and used", "limit of a core")
    for head in ("per core", "network\nneeds", "cores\nat least", "fullest\n%", "mean\n%"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in report.utilization.limits:
        table.add_row(
            row.unit,
            whole(row.per_core),
            UNKNOWN if row.needed is None else whole(row.needed),
            UNKNOWN if row.required_cores is None else whole(row.required_cores),
            percent(row.fullest_used / row.per_core),
            percent(row.mean_used / row.per_core),
        )
    return fitted(table, width, ("mean\n%", "network\nneeds"))
