"""Comparisons as one web page that works offline: no scripts, no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

from snn2chip.report import numbers
from snn2chip.report.comparison import printing
from snn2chip.report.comparison.changes import Changes
from snn2chip.report.comparison.targets import Comparison, TargetRow
from snn2chip.report.html.environment import environment

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Mark:
    """Energies of one target on the common logarithmic axis, in per cent of its width."""

    total: float
    dynamic: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Axis:
    """Decades of energy in nJ that hold every figure, with their places in per cent."""

    first: int
    last: int
    ticks: tuple[tuple[float, str], ...]

    def place(self, nj: float | None) -> float | None:
        """Where an energy lies, None where there is none above 0."""
        if nj is None or nj <= 0:
            return None
        return round(100.0 * (log10(nj) - self.first) / (self.last - self.first), 3)


def text(compared: Comparison | Changes) -> str:
    """The page; names from outside are escaped and cannot act."""
    context: dict[str, Any] = {"c": compared, "n": numbers, "p": printing}
    name = "changes.html.j2"
    if isinstance(compared, Comparison):
        name, axis = "targets.html.j2", axis_of(compared.targets)
        context["axis"] = axis
        context["marks"] = {} if axis is None else marks(compared.targets, axis)
    content = environment("snn2chip.report.comparison").get_template(name).render(**context)
    return content.encode("utf-8", "backslashreplace").decode("utf-8")


def axis_of(rows: Sequence[TargetRow]) -> Axis | None:
    """The decades of all energies, or None where nothing is priced."""
    values = [
        value
        for row in rows
        for value in (row.energy_nj, row.dynamic_nj, row.low_nj, row.high_nj)
        if value is not None and value > 0
    ]
    if not values:
        return None
    first, last = floor(log10(min(values))), ceil(log10(max(values)))
    last = max(last, first + 1)
    ticks = [
        (100.0 * (decade - first) / (last - first), numbers.energy(10.0**decade))
        for decade in range(first, last + 1)
    ]
    return Axis(first, last, tuple(ticks))


def marks(rows: Sequence[TargetRow], axis: Axis) -> dict[str, Mark]:
    """Target as it was asked for -> its marks; targets without an energy have none."""
    found = {}
    for row in rows:
        total = axis.place(row.energy_nj)
        if total is not None:
            ends = axis.place(row.low_nj), axis.place(row.high_nj)
            found[row.asked] = Mark(total, axis.place(row.dynamic_nj), *ends)
    return found
