"""The answer of a study on a terminal or in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
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

_VOLUMES_DROPPED_FIRST = ("spike energy", "events", "dynamic")


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
    yield fill(f"{shown(answer.name)}: {shown(words.lead(answer))}", width)
    labels = [row.label for row in answer.rows]
    yield from _named_rows(partial(_rows, answer), labels, width, _DROPPED_FIRST)
    if answer.fronts:
        series = list(answer.fronts[0].by_series)
        yield from _named_rows(partial(_volumes, answer), series, width, _VOLUMES_DROPPED_FIRST)
    for claim in answer.claims:
        yield "\n".join(_filled(line, width) for line in _claim(claim, answer))
    yield "\n".join(_filled(shown(line), width) for line in words.notes(answer))


def _filled(line: str, width: int) -> str:
    """A line in several, the further ones two columns behind the first."""
    indent = len(line) - len(line.lstrip())
    return fill(line, width, subsequent_indent=" " * (indent + 2))


def _named_rows(
    table_of: Callable[[Sequence[str]], Table],
    names: Sequence[str],
    width: int,
    drop: Sequence[str],
) -> Iterator[RenderableType]:
    """A table whose rows have long names, or numbers and a list of names where there is no room."""
    from snn2chip.report.terminal.tables import fitted, left_out, room_for_names

    whole = table_of(names)
    table = fitted(whole, width, drop)
    longest = max((len(word) for name in names for word in shown(name).split()), default=0)
    if longest > room_for_names(table, width):
        numbers = [str(number) for number in range(1, len(names) + 1)]
        whole = table_of(numbers)
        table = fitted(whole, width, drop)
        listed = (f"{number}  {shown(name)}" for number, name in zip(numbers, names, strict=True))
        yield "\n".join(fill(line, width, subsequent_indent="   ") for line in listed)
    yield table
    if missing := left_out(whole, table, "pareto.csv and pareto.html"):
        yield fill(missing, width)


def _rows(answer: Answer, labels: Sequence[str]) -> Table:
    """Settings; a figure that no setting has is no column."""
    from snn2chip.report.terminal.tables import named

    table = named("Per inference", "setting")
    known = words.columns(answer)
    for k in known:
        if k < words.NUMBERS:
            table.add_column(words.HEADS[k], justify="right", no_wrap=True)
        else:
            table.add_column(words.HEADS[k], overflow="fold")
    for row, label in zip(answer.rows, labels, strict=True):
        style, cells = "bold" if row.fronts else None, words.cells(row)
        table.add_row(shown(label), *(cells[k] for k in known), style=style)
    return table


def _volumes(answer: Answer, labels: Sequence[str]) -> Table:
    """Hypervolumes on test data of each series, and of all settings together."""
    from snn2chip.report.terminal.tables import named

    table = named("Hypervolume of accuracy against", "series")
    for front in answer.fronts:
        table.add_column(words.SHORT[front.cost], justify="right", no_wrap=True)
    series = list(answer.fronts[0].by_series)
    for name, label in zip(series, labels, strict=True):
        cells = [words.spread(front.by_series[name].test) for front in answer.fronts]
        table.add_row(shown(label), *cells)
    if len(series) > 1:
        table.add_section()
        table.add_row("all", *[words.spread(front.volume.test) for front in answer.fronts])
    return table


def _claim(claim: Claim, answer: Answer) -> Iterator[str]:
    yield f"{shown(claim.name)}: {words.picked(claim)}"
    if reason := words.missing(claim, answer):
        yield f"  {reason}"
        return
    yield f"  a: {shown(claim.a or '')}"
    yield f"  b: {shown(claim.b or '')}"
    for place, at in claim.places.items():
        yield f"  {shown(place)}: {words.points(at.difference)}, {words.by_seeds(at)};"
        yield f"    {words.verdict(claim, at)}"
        saved = (
            f"{words.COST_WORDS[cost]} {words.saving(found)}"
            for cost, found in at.savings.items()
            if found is not None
        )
        yield "    " + "; ".join(saved)
