"""Geometry of the pictures of a study. Numbers only: the template draws them, and escapes names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from snn2chip.report.numbers import accuracy
from snn2chip.study.answer.statistics import Interval
from snn2chip.study.answer.types import Answer, Claim, Row
from snn2chip.study.show import words

WIDTH, HEIGHT = 500.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 20.0, 12.0, 30.0
COLOURS = 9
"""Colours of series, those of layers without the input's; more series start again."""

_LOGARITHMIC = 8.0
"""An axis whose ends are so many times apart shows magnitudes."""

_MAGNITUDES = 1e6
"""Most that the ends of such an axis are apart; what costs less lies at its left end."""

_NOTHING = 1e-9
"""Costs that no picture tells from 0."""

_TICKS = 5


@dataclass(frozen=True, slots=True)
class Dot:
    """A setting: its place, the ends of its interval, and what it says when pointed at.

    Attributes:
        low, high: heights of the interval's ends; equal to ``y`` where there is none.
        filled: whether it is on the front.
    """

    x: float
    y: float
    low: float
    high: float
    colour: int
    filled: bool
    title: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Accuracy against one cost, on test data.

    Attributes:
        x_ticks, y_ticks: (place, label).
        line: path through the settings on the front, in the order of their costs on validation
            data; "" where there is but one.
        logarithmic: whether the axis of costs is.
    """

    cost: str
    title: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    dots: tuple[Dot, ...]
    line: str
    logarithmic: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places: linear, or in magnitudes."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Where a value lies; beyond the ends, at the ends."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, at = log10(low), log10(high), log10(at)
        return round(self.start + (at - low) / (high - low) * (self.end - self.start), 2)


def colours(answer: Answer) -> dict[str, int]:
    """Series -> number of its colour in the style sheet, 1 to 9."""
    series = dict.fromkeys(row.series for row in answer.rows)
    return {name: 1 + index % COLOURS for index, name in enumerate(series)}


def plots(answer: Answer) -> tuple[Plot, ...]:
    """One picture for each cost that every setting has."""
    shade = colours(answer)
    return tuple(_plot(answer, front.cost, front.settings, shade) for front in answer.fronts)


def _plot(answer: Answer, cost: str, on_front: Sequence[str], shade: dict[str, int]) -> Plot:
    rows = {row.setting: row for row in answer.rows}
    costs = {key: row.mean("test", cost) or 0.0 for key, row in rows.items()}
    found = {key: row.interval("test", "accuracy") for key, row in rows.items()}
    right = {key: one for key, one in found.items() if one is not None}
    across = cost_scale(list(costs.values()))
    up = accuracy_scale([_ends(one) for one in right.values()])
    spots = {
        key: Dot(
            x=across.place(costs[key]),
            y=up.place(right[key].value),
            low=up.place(_ends(right[key])[0]),
            high=up.place(_ends(right[key])[1]),
            colour=shade[row.series],
            filled=key in on_front,
            title=_title(row, cost),
        )
        for key, row in rows.items()
    }
    line = "L".join(f"{spots[key].x} {spots[key].y}" for key in on_front)
    return Plot(
        cost=cost,
        title=f"Accuracy against {words.COST_WORDS[cost]}",
        x_ticks=tuple((across.place(v), words.cost_text(cost, v)) for v in ticks(across)),
        y_ticks=tuple((up.place(v), f"{100.0 * v:g} %") for v in ticks(up)),
        dots=tuple(sorted(spots.values(), key=lambda dot: dot.filled)),
        line=f"M{line}" if len(on_front) > 1 else "",
        logarithmic=across.logarithmic,
    )


def _ends(found: Interval) -> tuple[float, float]:
    if found.low is None or found.high is None:
        return found.value, found.value
    return max(0.0, found.low), min(1.0, found.high)


def _title(row: Row, cost: str) -> str:
    price = words.cost_text(cost, row.mean("test", cost))
    return (
        f"{row.label}\n{words.spread(row.interval('test', 'accuracy'))} on test, "
        f"{accuracy(row.mean('validation', 'accuracy'))} on validation\n"
        f"{price} {words.COST_WORDS[cost]} per inference"
    )


def cost_scale(values: Sequence[float]) -> Scale:
    """An axis with some room at both ends; it begins at 0 unless it shows magnitudes."""
    low, high = min(values), max(values)
    if high < _NOTHING:
        return Scale(0.0, 1.0, LEFT, WIDTH - RIGHT)
    if low > 0 and high / low > _LOGARITHMIC:
        low = max(low, high / _MAGNITUDES)
        return Scale(low / 1.25, high * 1.25, LEFT, WIDTH - RIGHT, logarithmic=True)
    return Scale(0.0, high * 1.06, LEFT, WIDTH - RIGHT)


def accuracy_scale(ends: Sequence[tuple[float, float]]) -> Scale:
    """An axis around all intervals, with whole ticks at both ends, between 0 and 1."""
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    step = _step(max(high - low, 0.002))
    first, last = floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step
    if first == last:
        first, last = first - step, last + step
    return Scale(max(0.0, first), min(1.0, last), HEIGHT - BOTTOM, TOP)


def ticks(scale: Scale) -> list[float]:
    """Round values within a scale: steps of 1, 2 or 5 times a power of ten."""
    if scale.logarithmic:
        decades = range(floor(log10(scale.low)), ceil(log10(scale.high)) + 1)
        narrow = log10(scale.high / scale.low) < 3
        marks = [m * 10.0**d for d in decades for m in ((1, 2, 5) if narrow else (1,))]
        return [mark for mark in marks if scale.low <= mark <= scale.high]
    step = _step(scale.high - scale.low)
    first, last = ceil(scale.low / step - 1e-9), floor(scale.high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def _step(spread: float) -> float:
    rough = spread / _TICKS
    magnitude = 10.0 ** floor(log10(rough))
    return next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= rough * (1 - 1e-9))


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval of a difference on a common axis, in per cent of its width."""

    start: float
    width: float
    mark: float


@dataclass(frozen=True, slots=True)
class Forest:
    """Differences of accuracy side by side.

    Attributes:
        zero: where no difference lies.
        span: points from the left to the right end.
        bars: (claim, place) -> its interval.
        margins: claim -> where minus its margin lies.
    """

    zero: float
    span: float
    bars: dict[tuple[str, str], Bar]
    margins: dict[str, float]


def forest(claims: Sequence[Claim]) -> Forest | None:
    """The intervals of all claims on one axis, symmetric around 0; None without any."""
    measured = [(c.name, place, at.difference) for c in claims for place, at in c.places.items()]
    if not measured:
        return None
    values = [
        *(abs(v) for *_, d in measured for v in (d.value, d.low, d.high) if v is not None),
        *(c.margin_points / 100.0 for c in claims),
    ]
    reach = max(values) * 1.15 or 0.01

    def place(value: float) -> float:
        return round(50.0 + 50.0 * value / reach, 3)

    bars = {}
    for name, where, found in measured:
        low = found.value if found.low is None else found.low
        high = found.value if found.high is None else found.high
        start = place(low)
        bars[name, where] = Bar(start, round(place(high) - start, 3), place(found.value))
    margins = {c.name: place(-c.margin_points / 100.0) for c in claims}
    return Forest(50.0, 200.0 * reach, bars, margins)
