"""The answer of a study on a terminal or in a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill
from typing import TYPE_CHECKING

from snn2chip.report.numbers import shown
from snn2chip.report.terminal.printing import plain
from snn2chip.study.answer.types import Answer, Claim
from snn2chip.study.show import words

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_DROPPED_FIRST = (
    *("input", "output", "spike energy", "drift %", "seeds", "in float", "dynamic", "validation"),
    *("on the front of", "events"),
)


def show(answer: Answer) -> None:
    """Print the answer on standard output: in colours on a terminal only."""
    from rich.console import Console

    console = Console()
    if not (console.is_terminal and console.encoding.startswith("utf")):
        console.file.write(text(answer, console.width, console.encoding))
        return
    for part in _parts(answer, console.width):
        console.print(part, highlight=False, markup=False)
        console.print()


def text(answer: Answer, width: int = 100, encoding: str = "utf-8") -> str:
    """The answer without colours, ``width`` columns wide."""
    return plain(_parts(answer, width), width, encoding)


def _parts(answer: Answer, width: int) -> Iterator[RenderableType]:
    from snn2chip.report.terminal.tables import fitted

    yield fill(f"{shown(answer.name)}: {shown(words.lead(answer))}", width)
    yield fitted(_rows(answer), width, _DROPPED_FIRST)
    if answer.fronts:
        yield fitted(_volumes(answer), width, ())
    for claim in answer.claims:
        yield "\n".join(fill(line, width, subsequent_indent="  ") for line in _claim(claim))
    lines = map(shown, words.notes(answer))
    yield "\n".join(fill(line, width, subsequent_indent="  ") for line in lines)


def _rows(answer: Answer) -> Table:
    from snn2chip.report.terminal.tables import named

    table = named("Per inference", "setting")
    for head in words.HEADS[: words.NUMBERS]:
        table.add_column(head, justify="right", no_wrap=True)
    for head in words.HEADS[words.NUMBERS :]:
        table.add_column(head, overflow="fold")
    for row in answer.rows:
        style = "bold" if row.fronts else None
        table.add_row(shown(row.label), *words.cells(row), style=style)
    return table


def _volumes(answer: Answer) -> Table:
    """Hypervolumes on test data of each series, and of all settings together."""
    from snn2chip.report.terminal.tables import named

    table = named("Hypervolume of accuracy against", "series")
    for front in answer.fronts:
        table.add_column(words.SHORT[front.cost], justify="right", no_wrap=True)
    series = list(answer.fronts[0].by_series)
    for name in series:
        cells = [words.spread(front.by_series[name].test) for front in answer.fronts]
        table.add_row(shown(name), *cells)
    if len(series) > 1:
        table.add_section()
        table.add_row("all", *[words.spread(front.volume.test) for front in answer.fronts])
    return table


def _claim(claim: Claim) -> Iterator[str]:
    yield f"{shown(claim.name)}: {words.picked(claim)}"
    if reason := words.missing(claim):
        yield f"  {reason}"
        return
    yield f"  a: {shown(claim.a or '')}"
    yield f"  b: {shown(claim.b or '')}"
    for place, at in claim.places.items():
        yield f"  {shown(place)}: {words.points(at.difference)}; {words.verdict(claim, at)}"
        saved = (
            f"{words.COST_WORDS[cost]} {words.saving(found)}"
            for cost, found in at.savings.items()
            if found is not None
        )
        yield "    " + "; ".join(saved)
