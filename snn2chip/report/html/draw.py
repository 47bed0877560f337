"""Geometry of the web page's pictures. Numbers only: templates draw them, and escape the names."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

from snn2chip.report.figures import Cell, Floorplan, RasterFigure, RateFigure
from snn2chip.report.numbers import percent, plural, shown
from snn2chip.report.types import TERMS, Report, Terms

COLOURS = 10
"""Colours of layers in the style sheet; more layers start again."""

CORE, GAP, MARGIN = 10.0, 2.0, 3.0
MAX_CORES_DRAWN = 20_000


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar, in per cent of the bar's full width."""

    kind: str
    start: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with a colour class and a title."""

    x: float
    y: float
    width: float
    height: float
    colour: int
    title: str = ""


@dataclass(frozen=True, slots=True)
class Core:
    """A used core: its square, and what fills it from below."""

    frame: Box
    fill: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A floorplan in its own units; ``empty`` is the path of all unused cores."""

    width: float
    height: float
    tiles: tuple[Box, ...]
    empty: str
    cores: tuple[Core, ...]


def colours(report: Report) -> dict[str, int]:
    """Layer -> number of its colour."""
    return {row.name: index % COLOURS for index, row in enumerate(report.layers)}


def energy_bar(terms: Terms, longest: float) -> tuple[Segment, ...]:
    """The terms of one layer side by side; the dearest layer fills the width."""
    segments, start = [], 0.0
    for name in TERMS:
        value = terms.term(name) or 0.0
        width = 100.0 * value / longest if longest else 0.0
        if width > 0.0:
            share = percent(value / terms.total if terms.total else 0.0)
            segments.append(Segment(name, round(start, 3), round(width, 3), f"{name}: {share} %"))
            start += width
    return tuple(segments)


def stack(parts: tuple[tuple[str, float | None], ...], longest: float) -> tuple[Segment, ...]:
    """Named values side by side, in per cent of ``longest``; unknown ones take no room."""
    segments, start = [], 0.0
    for kind, value in parts:
        width = 100.0 * (value or 0.0) / longest if longest else 0.0
        if width > 0.0:
            segments.append(Segment(kind, round(start, 3), round(width, 3), kind))
            start += width
    return tuple(segments)


def raster_path(figure: RasterFigure) -> str:
    """All spikes as one SVG path of ticks in a box of ``steps`` x ``rows``."""
    return "".join(f"M{step}.1 {row}.1h.8v.8h-.8z" for step, row in figure.spikes)


def rate_bars(figure: RateFigure) -> tuple[Box, ...]:
    """The histogram in a box of 100 x 100: silent neurons first, then the bins."""
    slots = len(figure.counts) + 2
    width = 100.0 / slots
    tallest = max(figure.silent, *figure.counts, 1)
    bars = [_bar(0.0, width, figure.silent / tallest, f"silent: {figure.silent:,}")]
    step = figure.top / len(figure.counts)
    for index, number in enumerate(figure.counts):
        low, high = percent(index * step), percent((index + 1) * step)
        title = f"{low} to {high} %: {plural(number, 'neuron')}"
        bars.append(_bar((index + 2) * width, width, number / tallest, title))
    return tuple(bars)


def _bar(x: float, width: float, share: float, title: str) -> Box:
    height = 100.0 * share
    return Box(
        round(x, 2), round(100.0 - height, 2), round(0.86 * width, 2), round(height, 2), 0, title
    )


def plan(figure: Floorplan, colour: dict[str, int]) -> Plan | None:
    """The chip from above, or None where nothing is placed. Huge chips are cut to what is used."""
    if not figure.cells:
        return None
    across = ceil(sqrt(figure.cores_per_tile))
    down = ceil(figure.cores_per_tile / across)
    tile_w = across * (CORE + GAP) - GAP + 2 * MARGIN
    tile_h = down * (CORE + GAP) - GAP + 2 * MARGIN
    columns, rows = figure.columns, figure.rows
    if columns * rows * figure.cores_per_tile > MAX_CORES_DRAWN:
        columns = max(cell.x for cell in figure.cells) + 1
        rows = max(cell.y for cell in figure.cells) + 1

    def corner(x: int, y: int, slot: int) -> tuple[float, float]:
        left = x * (tile_w + GAP) + MARGIN + (slot % across) * (CORE + GAP)
        return left, y * (tile_h + GAP) + MARGIN + (slot // across) * (CORE + GAP)

    used = {(cell.x, cell.y, cell.slot) for cell in figure.cells}
    places = [(x, y) for y in range(rows) for x in range(columns)]
    free = [
        corner(x, y, slot)
        for x, y in places
        for slot in range(figure.cores_per_tile)
        if (x, y, slot) not in used
    ]
    return Plan(
        width=columns * (tile_w + GAP) - GAP,
        height=rows * (tile_h + GAP) - GAP,
        tiles=tuple(
            Box(x * (tile_w + GAP), y * (tile_h + GAP), tile_w, tile_h, 0) for x, y in places
        ),
        empty="".join(f"M{x:g} {y:g}h{CORE:g}v{CORE:g}h-{CORE:g}z" for x, y in free),
        cores=tuple(
            _core(cell, *corner(cell.x, cell.y, cell.slot), colour) for cell in figure.cells
        ),
    )


def _core(cell: Cell, x: float, y: float, colour: dict[str, int]) -> Core:
    filled = min(1.0, cell.utilisation) if cell.utilisation is not None else 1.0
    boxes, bottom = [], y + CORE
    for name, neurons in cell.layers:
        height = CORE * filled * neurons / max(1, cell.neurons)
        bottom -= height
        boxes.append(Box(x, round(bottom, 3), CORE, round(height, 3), colour.get(name, 0)))
    main = colour.get(cell.layers[0][0], 0)
    return Core(Box(x, y, CORE, CORE, main, _describe(cell)), tuple(boxes))


def _describe(cell: Cell) -> str:
    lines = [f"core {cell.core}, tile {cell.tile} (column {cell.x}, row {cell.y})"]
    lines += [f"{shown(name)}: {plural(neurons, 'neuron')}" for name, neurons in cell.layers]
    lines += [
        f"{percent(load.used / load.limit)} % of {load.limit:,} {load.unit} used"
        for load in cell.loads
    ]
    return "\n".join(lines)
