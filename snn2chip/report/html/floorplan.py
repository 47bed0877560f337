"""The chips from above, as squares in a grid: numbers and class names only.

The page holds one grid of tiles for each chip and one square for each core. How a core looks under
each colouring is in the names of its classes, so the page switches between them without scripts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

from snn2chip.report.chip.layout import ChipPlace, Window, layout, through, used_window
from snn2chip.report.chip.types import CoreRow
from snn2chip.report.html.draw import colours
from snn2chip.report.numbers import count, energy, percent, plural, shown, time
from snn2chip.report.types import Report

LEVELS = 8
"""Steps of a colour scale; class names are a letter and 0 to 7."""

MAX_CARDS = 1500
"""Used cores up to which each has a card with its numbers."""

MAX_CORES = 20_000
"""Used cores that are drawn."""

MAX_SQUARES = 8_000
"""Used and unused cores up to which the unused ones of a chip are drawn too."""

MARGIN = 1
"""Unused tiles around the used ones, where the rest of a chip is left to an inset."""

INSET = 84.0
"""Longer side of an inset in pixels."""

SMALLEST, LARGEST, SEVERAL, ROOM = 4, 26, 15, 420_000
"""Sides of a square in pixels (least, most on one chip, most on several), and the area of all."""


@dataclass(frozen=True, slots=True)
class Square:
    """A core; without classes it is an unused one.

    Attributes:
        blend: its layers' colours from below, "" where there is only one.
        card: lines of what it holds and did, "" beyond ``MAX_CARDS``.
    """

    classes: str
    blend: str = ""
    card: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """Cores that share a place in the mesh; column and row count from 1."""

    column: int
    row: int
    squares: tuple[Square, ...]


@dataclass(frozen=True, slots=True)
class Inset:
    """The whole chip in small, in tiles.

    Attributes:
        scale: pixels of a tile.
        window: the part that is drawn large.
        used: path of the tiles that hold a core.
    """

    columns: int
    rows: int
    scale: float
    window: Window
    used: str


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip, or a block of the same size beyond the last one.

    Attributes:
        inset: where most tiles are unused and only those around the used ones are drawn; else None.
    """

    title: str
    columns: int
    rows: int
    tiles: tuple[Tile, ...]
    inset: Inset | None


@dataclass(frozen=True, slots=True)
class Scale:
    """A way to colour cores.

    Attributes:
        letter: that begins its class names.
        low, high: of the scale's ends, in words.
    """

    letter: str
    title: str
    note: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All chips.

    Attributes:
        across: squares side by side in a tile.
        side: of a square in pixels.
        left_out: used cores that are not drawn.
        cards: whether squares have cards.
        first: card of the costliest core, shown until another one is pointed at.
    """

    chips: tuple[Chip, ...]
    across: int
    side: int
    scales: tuple[Scale, ...]
    left_out: int
    cards: bool
    first: str


def plan(report: Report) -> Plan | None:
    """The floorplan, or None where no core is used."""
    drawn = report.cores[:MAX_CORES]
    if not drawn:
        return None
    cards = len(report.cores) <= MAX_CARDS
    look = _Look(report, cards)
    found = layout(drawn, report.mesh, report.target.cores, MAX_SQUARES)
    chips = tuple(_chip(chip, look) for chip in found.chips)
    squares = sum(chip.columns * chip.rows for chip in chips) * found.per_tile
    largest = LARGEST if len(found.chips) == 1 else SEVERAL
    return Plan(
        chips=chips,
        across=found.across,
        side=max(SMALLEST, min(largest, int(sqrt(ROOM / max(1, squares))))),
        scales=look.scales,
        left_out=len(report.cores) - len(drawn),
        cards=cards,
        first=look.card(max(drawn, key=_importance)) if cards else "",
    )


def _importance(core: CoreRow) -> tuple[float, float, int]:
    """By which the core is picked whose card is shown first."""
    return core.energy_pj or 0.0, core.busy_ns or 0.0, core.neurons


def _inset(chip: ChipPlace, window: Window) -> Inset | None:
    """The chip in small, or None where at least half of its tiles are in the window anyway."""
    if 2 * window.columns * window.rows > chip.columns * chip.rows:
        return None
    used = (tile for tile in chip.tiles if any(core is not None for core in tile.cores))
    return Inset(
        chip.columns,
        chip.rows,
        min(10.0, INSET / max(chip.columns, chip.rows)),
        window,
        "".join(f"M{tile.column} {tile.row}h1v1h-1z" for tile in used),
    )


def _chip(whole: ChipPlace, look: _Look) -> Chip:
    unused = Square("")
    window = used_window(whole, MARGIN)
    inset = _inset(whole, window)
    chip = whole if inset is None else through(whole, window)
    return Chip(
        title=chip.title,
        columns=chip.columns,
        rows=chip.rows,
        tiles=tuple(
            Tile(
                tile.column + 1,
                tile.row + 1,
                tuple(unused if core is None else look.square(core) for core in tile.cores),
            )
            for tile in chip.tiles
        ),
        inset=inset,
    )


class _Look:
    """How cores look under each colouring."""

    def __init__(self, report: Report, cards: bool) -> None:
        self._report, self._cards = report, cards
        self._samples = max(1, report.run.samples)
        self._colour = colours(report)
        self._energy = self._most(lambda core: core.energy_pj)
        self._traffic = self._most(lambda core: core.traffic)
        self._busy = self._most(lambda core: core.busy_ns)
        self._whole = sum(core.energy_pj or 0.0 for core in report.cores)

    def _most(self, value: Callable[[CoreRow], float | None]) -> float:
        return max((value(core) or 0.0 for core in self._report.cores), default=0.0)

    @property
    def scales(self) -> tuple[Scale, ...]:
        """Ways to colour that tell cores apart, but for the layers."""
        samples, found = self._samples, []
        if any(core.loads for core in self._report.cores):
            note = "share of the fullest limit that is used"
            found.append(Scale("u", "utilization", note, "0 %", "100 %"))
        if self._energy:
            note = "energy per inference: synaptic events, updates, and packets that it sends"
            most = energy(self._energy / samples / 1000.0)
            found.append(Scale("e", "energy", note, "0", most))
        if self._traffic:
            note = "packets that it sends and receives per inference"
            found.append(Scale("t", "traffic", note, "0", count(self._traffic / samples)))
        if self._busy:
            note = "time per inference in which it works, without the barrier"
            most = time(self._busy / samples / 1000.0)
            found.append(Scale("b", "busy time", note, "0", most))
        return tuple(found)

    def square(self, core: CoreRow) -> Square:
        """A used core."""
        names = [f"l{self._colour.get(core.layer, 0)}"]
        share = core.utilization
        if share is not None:
            names.append("over" if share > 1.0 else f"u{level(share)}")
        for letter, value, most in (
            ("e", core.energy_pj, self._energy),
            ("t", core.traffic, self._traffic),
            ("b", core.busy_ns, self._busy),
        ):
            if value is not None and most:
                names.append(f"{letter}{level(value / most)}")
        blend = self._blend(core) if len(core.layers) > 1 else ""
        return Square(" ".join(names), blend, self.card(core) if self._cards else "")

    def _blend(self, core: CoreRow) -> str:
        """Stops of a gradient from below, one for each layer's share of the neurons."""
        stops, done = [], 0.0
        for name, neurons in core.layers.items():
            start, done = done, done + 100.0 * neurons / core.neurons
            stops.append(f"var(--l{self._colour.get(name, 0)}) {start:.4g}% {done:.4g}%")
        return ", ".join(stops)

    def card(self, core: CoreRow) -> str:
        """Lines of what a core holds and did."""
        samples = self._samples
        several = any(other.chip for other in self._report.cores)
        chip = f"chip {core.chip}, " if several else ""
        lines = [f"core {core.core}", f"{chip}tile {core.tile} (column {core.x}, row {core.y})"]
        lines += [f"{shown(name)}: {plural(n, 'neuron')}" for name, n in core.layers.items()]
        lines += [
            f"{load.used:,} of {load.per_core:,} {load.unit} ({percent(load.share)} %)"
            for load in core.loads
        ]
        packets = f"{count(core.packets_out / samples)} out, {count(core.packets_in / samples)} in"
        lines.append(f"packets: {packets}")
        if core.energy_pj is not None:
            share = percent(core.energy_pj / self._whole) if self._whole else "0"
            lines.append(f"energy: {energy(core.energy_pj / samples / 1000.0)} ({share} %)")
        if core.busy_ns is not None:
            lines.append(f"busy: {time(core.busy_ns / samples / 1000.0)}")
        return "\n".join(lines)


def level(share: float) -> int:
    """Which of ``LEVELS`` equal parts a share from 0 to 1 lies in."""
    return max(0, min(LEVELS - 1, int(share * LEVELS)))
