"""The tables of a run as Markdown, and the page in docs that keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.growth import Series
from benchmarks.limits import machine, versions
from benchmarks.memory import EARLY, LATE, SAMPLES, STEPS, Memory
from snn2chip.files import write_text

if TYPE_CHECKING:
    from benchmarks.engine import Speed

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass(frozen=True)
class Check:
    """One thing that must hold.

    Attributes:
        what: it is about.
        found, wanted: as text.
    """

    what: str
    found: str
    wanted: str
    holds: bool

    def __str__(self) -> str:
        return f"{'holds' if self.holds else 'MISSED'}: {self.what}: {self.found} ({self.wanted})"


def speed_table(speed: Speed) -> str:
    """One row per candidate; rates beside those of the machine."""
    lines = [
        f"**{speed.case.title}**",
        "",
        "| | us per sample and step | smallest | us per sample | times ours | GOP/s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, (middle, least) in speed.seconds.items():
        rate = 2 * speed.case.synapses / middle / 1e9
        lines.append(
            f"| {name} | {1e6 * middle:,.2f} | {1e6 * least:,.2f} "
            f"| {1e6 * middle * speed.case.steps:,.1f} | {speed.times(name):,.1f} x | {rate:,.1f} |"
        )
    return "\n".join(
        [
            *lines,
            "",
            f"This machine, measured just before: {speed.limits}. GOP/s counts two operations for "
            "every synapse and step, silent ones too: what a matrix product would have to do.",
        ]
    )


def growth_table(series: Sequence[Series]) -> str:
    """Seconds against sizes."""
    lines = ["| size | | time in ms | ns per unit |", "|---|---:|---:|---:|"]
    for one in series:
        for size, seconds in zip(one.sizes, one.seconds, strict=True):
            each = f"{1e9 * seconds / size:,.1f}"
            lines.append(f"| {one.name} | {size:,} | {1e3 * seconds:,.2f} | {each} |")
    return "\n".join(lines)


def memory_table(memory: Memory) -> str:
    """Peaks of processes that run the conv network."""
    return "\n".join(
        [
            f"| conv network, {STEPS} steps, batches of {SAMPLES} | peak of the process in MB |",
            "|---|---:|",
            f"| one batch | {memory.run:,.0f} |",
            f"| a stream, after {EARLY} samples | {memory.early:,.0f} |",
            f"| a stream, after {LATE:,} samples | {memory.late:,.0f} |",
        ]
    )


def write_page(
    path: Path, tables: Sequence[str], checks: Sequence[Check], warning: str | None = None
) -> None:
    """Puts the figures between the marks of a page.

    Args:
        tables: of the dense network, the conv network, growth and memory.
        warning: about the figures, to stand before them.
    """
    dense, conv, growth, memory = tables
    figures = "\n".join(
        [
            f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; {versions()}.",
            *(("", f"**{warning}**") if warning else ()),
            *("", "## Speed", "", dense, "", conv, "", "## Growth", ""),
            f"![Time against steps, samples and synapses]({path.with_suffix('.svg').name})",
            *("", growth, "", "## Memory", "", memory, "", "## What must hold", ""),
            *("| | found | wanted | |", "|---|---:|---:|---|"),
            *(
                f"| {c.what} | {c.found} | {c.wanted} | {'yes' if c.holds else '**no**'} |"
                for c in checks
            ),
        ]
    )
    replace_figures(path, BEGIN, END, figures)


def replace_figures(path: Path, begin: str, end: str, figures: str) -> None:
    """Puts text between two marks of a page, in place of what is there."""
    before, mark, rest = path.read_text("utf-8").partition(begin)
    after = rest.partition(end)[2]
    write_text(path, f"{before}{mark}\n{figures}\n{end}{after}")
