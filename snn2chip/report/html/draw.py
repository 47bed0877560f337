"""Geometry of the web page's pictures. Numbers only: templates draw them, and escape the names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from snn2chip.pipeline import CurvePoint
from snn2chip.report.chip.types import StepRow, StepTimes
from snn2chip.report.figures import RasterFigure, RateFigure
from snn2chip.report.numbers import accuracy, energy, percent, plural, time
from snn2chip.report.summary import working
from snn2chip.report.types import TERMS, Report, Terms, Totals

COLOURS = 10
"""Colours of layers in the style sheet; more layers start again."""

MAX_BARS = 160
"""Chip steps, or groups of steps, that are drawn side by side."""


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


def colours(report: Report) -> dict[str, int]:
    """Layer -> number of its colour."""
    return {row.name: index % COLOURS for index, row in enumerate(report.layers)}


def energy_bar(terms: Terms, longest: float) -> tuple[Segment, ...]:
    """The terms of one layer side by side; the costliest layer fills the width."""
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


@dataclass(frozen=True, slots=True)
class Spread:
    """A range and the value within it, in per cent of the bar's full width."""

    start: float
    width: float
    mark: float


@dataclass(frozen=True, slots=True)
class Whole:
    """Dynamic, static and total energy and its range as bars of one scale.

    Attributes:
        top_pj: energy of a bar's full width, over all samples.
        spread: None where the total has no range.
    """

    top_pj: float
    dynamic: tuple[Segment, ...]
    static: tuple[Segment, ...]
    total: tuple[Segment, ...]
    spread: Spread | None


def whole(totals: Totals) -> Whole:
    """Bars up to the total, or to the high end of its range."""
    total, found = totals.total_pj or 0.0, totals.range
    high = 0.0 if found is None else found.high.total_pj or 0.0
    top = max(total, high)
    dynamic, static = ("dynamic", totals.energy_pj.total), ("static", totals.static_pj)
    return Whole(
        top_pj=top,
        dynamic=stack((dynamic,), top),
        static=stack((static,), top),
        total=stack((dynamic, static), top),
        spread=_spread(totals, top),
    )


def _spread(totals: Totals, top: float) -> Spread | None:
    found, total = totals.range, totals.total_pj
    if found is None or not found.high.total_pj or found.low.total_pj is None or total is None:
        return None
    start, end = (100.0 * value / top for value in (found.low.total_pj, found.high.total_pj))
    mark = min(100.0 * total / top, 99.8)
    return Spread(round(start, 3), round(end - start, 3), round(mark, 3))


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


@dataclass(frozen=True, slots=True)
class StepBars:
    """Times of chip steps in a box of ``len(bars)`` x 100.

    Attributes:
        bars: the work, on top of the barrier, in the colour of the layer that is waited for.
        barrier: height of the barrier in each bar.
        top_us: time of the full height.
        grouped: steps that each bar is the longest of.
    """

    bars: tuple[Box, ...]
    barrier: float
    top_us: float
    grouped: int


def step_bars(times: StepTimes, colour: dict[str, int]) -> StepBars:
    """A bar for each chip step; in long runs one for several, as long as the longest."""
    grouped = max(1, ceil(len(times.steps) / MAX_BARS))
    parts = [times.steps[k : k + grouped] for k in range(0, len(times.steps), grouped)]
    longest = [max(part, key=lambda row: row.time_ns) for part in parts]
    top = max((row.time_ns for row in longest), default=0.0) or 1.0
    barrier = 100.0 * (times.barrier_ns or 0.0) / top
    bars = tuple(_step_bar(row, k, top, barrier, colour) for k, row in enumerate(longest))
    return StepBars(bars, round(barrier, 2), top / 1000.0, grouped)


def _step_bar(row: StepRow, k: int, top: float, barrier: float, colour: dict[str, int]) -> Box:
    height = 100.0 * row.time_ns / top
    title = f"step {row.step}: {time(row.time_ns / 1000.0)}"
    shade = 0
    if row.slowest is not None:
        title += f", {working(row.slowest)}"
        shade = colour.get(row.slowest.layer, 0)
    work = max(0.0, height - barrier)
    return Box(k + 0.06, round(100.0 - height, 2), 0.88, round(work, 2), shade, title)


@dataclass(frozen=True, slots=True)
class Panel:
    """A figure against the number of steps, in a box of 100 x 100.

    Attributes:
        top: the number at the box's upper edge; the lower one is 0.
        line: path through all points; ``dots`` of those that are marked.
        spots: columns to point at, each with its number.
    """

    title: str
    kind: str
    top: str
    line: str
    dots: str
    spots: tuple[Box, ...]


def curve_panels(points: tuple[CurvePoint, ...]) -> tuple[Panel, ...]:
    """Accuracy, energy and latency against the number of steps, as far as they are known."""
    wanted: tuple[
        tuple[str, str, Callable[[CurvePoint], float | None], Callable[[float], str]], ...
    ]
    wanted = (
        ("accuracy", "neuron", lambda point: point.accuracy, accuracy),
        ("energy per inference", "synapse", lambda point: point.energy_nj, energy),
        ("latency per inference", "packet", lambda point: point.latency_us, time),
    )
    return tuple(
        _panel(title, kind, known, words)
        for title, kind, value, words in wanted
        if len(known := [(p.steps, v) for p in points if (v := value(p)) is not None]) > 1
    )


def _panel(
    title: str, kind: str, known: list[tuple[int, float]], words: Callable[[float], str]
) -> Panel:
    first, last = known[0][0], known[-1][0]
    top = 1.0 if title == "accuracy" else max(value for _, value in known) or 1.0
    places = [
        (100.0 * (steps - first) / max(1, last - first), 100.0 * (1.0 - value / top))
        for steps, value in known
    ]
    half = 50.0 / (len(known) - 1)
    return Panel(
        title=title,
        kind=kind,
        top=words(top),
        line="M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in places),
        dots="".join(f"M{x:.2f} {y:.2f}h0" for x, y in places),
        spots=tuple(
            Box(round(x - half, 2), 0.0, round(2 * half, 2), 100.0, 0, f"{steps}: {words(value)}")
            for (x, _), (steps, value) in zip(places, known, strict=True)
        ),
    )
