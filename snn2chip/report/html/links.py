"""Geometry of the mesh's links, coloured by how many packets cross them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from snn2chip.report.chip.types import LinkRow
from snn2chip.report.html.floorplan import level
from snn2chip.report.numbers import count
from snn2chip.report.types import Report

PITCH, TILE, LANE = 24.0, 13.0, 3.2
"""From tile to tile, side of a tile, and from the middle line of two links to either of them."""

MAX_TITLES = 800
"""Links up to which each has a title; more are drawn as one path for each colour."""

MAX_SIDE = 160
"""Columns and rows that are drawn."""


@dataclass(frozen=True, slots=True)
class Line:
    """One link, or all of a colour."""

    level: int
    path: str
    title: str


@dataclass(frozen=True, slots=True)
class Links:
    """The mesh with its links.

    Attributes:
        tiles: path of the squares of all tiles; ``used`` of those that hold a core.
        borders: between chips, which lie side by side, a path.
        busiest: the busiest link in words.
    """

    width: float
    height: float
    tiles: str
    used: str
    borders: str
    lines: tuple[Line, ...]
    busiest: str
    most: str


def links(report: Report) -> Links | None:
    """The links, or None where nothing crosses any, or the mesh is too large to be seen."""
    rows, mesh = report.links, report.mesh
    if not rows:
        return None
    columns = max(mesh.columns, *(1 + max(link.x, link.to_x) for link in rows))
    lines = max(mesh.rows, *(1 + max(link.y, link.to_y) for link in rows))
    top = max(rows, key=lambda link: link.packets)
    samples = max(1, report.run.samples)
    drawn = max(columns, lines) <= MAX_SIDE
    used = {(core.x, core.y) for core in report.cores}
    places = [(x, y) for y in range(lines) for x in range(columns)] if drawn else []
    return Links(
        width=columns * PITCH if drawn else 0.0,
        height=lines * PITCH if drawn else 0.0,
        tiles=_squares([place for place in places if place not in used]),
        used=_squares([place for place in places if place in used]),
        borders="".join(
            f"M{x * PITCH:g} 0v{lines * PITCH:g}"
            for x in range(mesh.columns, columns, max(1, mesh.columns))
        ),
        lines=_lines(rows, top.packets, samples) if drawn else (),
        busiest=_words(top, samples),
        most=count(top.packets / samples),
    )


def _squares(places: list[tuple[int, int]]) -> str:
    edge = (PITCH - TILE) / 2
    return "".join(
        f"M{x * PITCH + edge:g} {y * PITCH + edge:g}h{TILE:g}v{TILE:g}h-{TILE:g}z"
        for x, y in places
    )


def _lines(rows: tuple[LinkRow, ...], most: int, samples: int) -> tuple[Line, ...]:
    one_by_one = [(level(link.packets / most), _path(link), link) for link in rows]
    if len(rows) <= MAX_TITLES:
        return tuple(Line(step, path, _words(link, samples)) for step, path, link in one_by_one)
    together: dict[int, list[str]] = defaultdict(list)
    for step, path, _ in one_by_one:
        together[step].append(path)
    return tuple(Line(step, "".join(paths), "") for step, paths in sorted(together.items()))


def _path(link: LinkRow) -> str:
    """From the edge of one tile to that of the next, on the right-hand side of the way."""
    dx, dy = link.to_x - link.x, link.to_y - link.y
    x = (link.x + 0.5) * PITCH + dx * TILE / 2 - dy * LANE
    y = (link.y + 0.5) * PITCH + dy * TILE / 2 + dx * LANE
    gap = PITCH - TILE
    return f"M{x:g} {y:g}l{dx * gap:g} {dy * gap:g}"


def _words(link: LinkRow, samples: int) -> str:
    packets = count(link.packets / samples)
    return f"({link.x}, {link.y}) -> ({link.to_x}, {link.to_y}): {packets} packets per inference"
