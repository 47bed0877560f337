"""Figures by the number of steps: as a table on the terminal, and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, fields
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np

from snn2chip.pipeline.results.curves import CurvePoint, settled
from snn2chip.report.numbers import accuracy, energy, percent, plural, time
from snn2chip.report.types import finite

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = tuple(field.name for field in fields(CurvePoint))
MOST_ROWS = 16

ENOUGH = 100
"""Samples from which one alone is no more than a point of accuracy."""


def text(points: Sequence[CurvePoint]) -> str:
    """CSV: one header line and one line per point; unknown cells are empty."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for point in points:
        writer.writerow([point.steps, *map(finite, astuple(point)[1:])])
    return out.getvalue()


def table(points: Sequence[CurvePoint], width: int) -> Table:
    """At most ``MOST_ROWS`` of the points, the first and the last among them."""
    from snn2chip.report.terminal.tables import fitted, named

    shown = named("Figures per inference by the number of steps", "steps")
    for head in ("accuracy", "drift %", "energy", "dynamic", "latency"):
        shown.add_column(head, justify="right", no_wrap=True)
    count = min(len(points), MOST_ROWS)
    for place in np.unique(np.linspace(0, len(points) - 1, count).round().astype(int)):
        point = points[place]
        shown.add_row(
            f"{point.steps:,}",
            accuracy(point.accuracy),
            percent(point.drift),
            energy(point.energy_nj),
            energy(point.dynamic_nj),
            time(point.latency_us),
        )
    return fitted(shown, width, ("dynamic", "drift %"))


def sentence(points: Sequence[CurvePoint], samples: int) -> str:
    """From how many steps on the accuracy stays within a point of where it ends, and on how many
    samples that rests; that so few cannot tell, where one alone is more than a point; or "" without
    labels."""
    found, last = settled(tuple(points)), points[-1]
    if found is None:
        return ""
    if samples < ENOUGH:
        return (
            f"One of {plural(samples, 'sample')} is {percent(1.0 / max(1, samples))} points: from "
            f"how many steps on the accuracy is within 1 point cannot be told from fewer than "
            f"{ENOUGH} samples."
        )
    if found.steps == last.steps:
        return ""
    said = f"From {plural(found.steps, 'step')} on the accuracy is within 1 point of its last value"
    said += f" ({plural(samples // ENOUGH, 'sample')} of {samples:,})"
    if found.energy_nj is not None and last.energy_nj:
        said += f", at {percent(found.energy_nj / last.energy_nj)} % of the energy"
    return said + "."
