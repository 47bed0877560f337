"""Comparisons on a terminal or in a pipe: tables first, then what must be known about each."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill
from typing import TYPE_CHECKING

from snn2chip.report.comparison.changes import Change, Changes
from snn2chip.report.comparison.targets import Comparison, TargetRow
from snn2chip.report.numbers import (
    UNKNOWN,
    accuracy,
    count,
    energy,
    percent,
    plural,
    ratio,
    share,
    shown,
    time,
)
from snn2chip.report.summary import FORMATS_UNCHECKED, TERM_WORDS, between, network_of
from snn2chip.report.terminal.printing import plain

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

HEADS = (
    *("accuracy", "drift %", "energy", "dynamic", "static", "static %", "latency", "cores"),
    *("costliest", "spikes"),
)
"""Columns of figures, after the target and whether the network fits."""

NUMBERS = 8
"""Of them, the first so many are numbers."""

_DROPPED_FIRST = (
    *("spikes", "static", "costliest", "dynamic", "drift %", "cores", "latency", "accuracy"),
    "static %",
)


def show(compared: Comparison | Changes) -> None:
    """Print the comparison on standard output: in colours on a terminal only."""
    from rich.console import Console

    console = Console()
    if not (console.is_terminal and console.encoding.startswith("utf")):
        console.file.write(text(compared, console.width, console.encoding))
        return
    for part in _parts(compared, console.width):
        console.print(part, highlight=False, markup=False)
        console.print()


def text(compared: Comparison | Changes, width: int = 100, encoding: str = "utf-8") -> str:
    """The comparison without colours, ``width`` columns wide."""
    return plain(_parts(compared, width), width, encoding)


def _parts(compared: Comparison | Changes, width: int) -> Iterator[RenderableType]:
    if isinstance(compared, Comparison):
        return _targets(compared, width)
    return _changes(compared, width)


def _targets(compared: Comparison, width: int) -> Iterator[RenderableType]:
    from snn2chip.report.terminal.tables import fitted, left_out

    samples = plural(compared.samples, "sample")
    steps = plural(compared.steps, "step")
    yield (
        f"{shown(compared.network)} on {plural(len(compared.targets), 'target')}: "
        f"{samples} x {steps} of {shown(compared.data)}"
    )
    whole = _target_table(compared)
    table = fitted(whole, width, _DROPPED_FIRST)
    yield table
    if missing := left_out(whole, table, "--csv and --html"):
        yield fill(missing, width)
    if any(not row.own and not row.refused for row in compared.targets):
        yield fill(FOOTNOTE, width)
    lines = (line for row in compared.targets for line in _lines(row))
    yield "\n".join(fill(line, width, subsequent_indent="  ") for line in lines)


def _target_table(compared: Comparison) -> Table:
    from snn2chip.report.terminal.tables import named

    title = "Per inference"
    if compared.accuracy_before is not None:
        title += f"; accuracy of the float network {accuracy(compared.accuracy_before)}"
    table = named(title, "target")
    table.add_column("fits", no_wrap=True)
    for head in HEADS[:NUMBERS]:
        table.add_column(head, justify="right", no_wrap=True)
    for head in HEADS[NUMBERS:]:
        table.add_column(head, overflow="fold")
    for row in compared.targets:
        table.add_row(shown(row.asked), *cells(row, star=True))
    return table


FOOTNOTE = (
    "* this chip's arithmetic was not simulated: accuracy (float network), fits by counts, "
    f"{FORMATS_UNCHECKED}"
)


def cells(row: TargetRow, *, star: bool = False) -> tuple[str, ...]:
    """Figures of a target in words: fits to spikes, in the order of the table.

    Args:
        star: what a target that was not simulated must say is said by ``FOOTNOTE``.
    """
    if row.refused:
        return ("cannot", *[UNKNOWN] * NUMBERS, "", "")
    top = ""
    if row.costliest is not None and row.costliest_share is not None:
        top = f"{shown(row.costliest)} {share(row.costliest_share)} %"
    of = "" if row.cores is None else f" of {row.cores:,}"
    least = ">= " if row.dynamic_only else ""
    right, fits = accuracy(row.accuracy), fit(row)
    if not row.own:
        right += "" if row.accuracy is None else "*" if star else " (float network)"
        fits += "" if fits != "yes" else "*" if star else f", by counts; {FORMATS_UNCHECKED}"
    return (
        fits,
        right,
        percent(row.drift),
        least + energy(row.energy_nj),
        energy(row.dynamic_nj),
        energy(row.static_nj),
        _static_share(row),
        time(row.latency_us),
        f"{row.cores_used:,}{of}",
        top,
        "own" if row.own else row.activity,
    )


def _static_share(row: TargetRow) -> str:
    """Static energy in per cent of the total, where both are known."""
    if row.static_nj is None or not row.energy_nj:
        return UNKNOWN
    return share(row.static_nj / row.energy_nj)


def fit(row: TargetRow) -> str:
    """Whether the network fits; a target without a size cannot be fitted."""
    return "-" if row.fits is None else "yes" if row.fits else "NO"


def heading(row: TargetRow) -> str:
    """A target's title and cost table, or that it cannot run the network."""
    if row.refused:
        return "cannot run it"
    return shown(row.title) + (f", {shown(row.cost_table)}" if row.cost_table else "")


def notes_on(row: TargetRow) -> Iterator[str]:
    """What a reader must know of a target's figures, one line each."""
    if row.refused:
        yield from map(shown, row.refused.split("\n"))
        return
    if row.cost_label:
        yield shown(row.cost_label)
    if not row.own:
        yield (
            f"priced on the spikes of {row.activity}: its own arithmetic was not simulated, and "
            f"the accuracy is the {network_of(row.activity)}'s"
        )
    if row.dynamic_only:
        yield "dynamic only: static energy has no price, so that the total is at least that"
    if said := between(row.low_nj, row.high_nj, energy):
        yield f"energy {said}"
    if said := between(row.latency_low_us, row.latency_high_us, time):
        yield f"latency {said}"
    if row.costliest_term is not None:
        words = TERM_WORDS[row.costliest_term]
        yield f"costliest of the dynamic energy: {words} of {shown(row.costliest or '')}"
    if row.unpriced:
        yield f"{plural(len(row.unpriced), 'term')} unpriced"
    if row.violations:
        yield f"breaks {', '.join(map(shown, row.violations))}: priced as if it fitted"


def _lines(row: TargetRow) -> Iterator[str]:
    """All that the terminal says of a target."""
    yield f"{shown(row.asked)}: {heading(row)}"
    yield from (f"  {line}" for line in notes_on(row))
    if row.grades:
        said = ", ".join(f"{number} {grade}" for grade, number in row.grades.items())
        yield f"  evidence of its constants: {said}"


def _changes(compared: Changes, width: int) -> Iterator[RenderableType]:
    before, after = compared.before, compared.after
    yield (
        f"before: {shown(before.name)}, {shown(before.network)} on {shown(before.target)}\n"
        f"after:  {shown(after.name)}, {shown(after.network)} on {shown(after.target)}"
    )
    if compared.differing:
        lines = "\n".join(f"  {shown(line)}" for line in compared.differing)
        yield f"The runs differ in more than their figures:\n{lines}"
    yield _change_table("Per inference", "figure", compared.totals, width)
    if compared.layers:
        yield _change_table("Energy by layer", "layer", compared.layers, width)
    yield "\n".join(limits(compared))


def limits(compared: Changes) -> list[str]:
    """What became of the limits of the chip, one line each."""
    lines = [f"newly broken: {shown(found)}" for found in compared.new_violations]
    lines += [f"no longer broken: {shown(found)}" for found in compared.gone_violations]
    return lines or ["limits of the chip: no change"]


def _change_table(title: str, head: str, rows: tuple[Change, ...], width: int) -> Table:
    from snn2chip.report.terminal.tables import fitted, named

    table = named(title, head)
    for name in ("before", "after", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        name = label(row)
        table.add_row(name, *change_cells(row), style="bold" if row.regression else None)
    return fitted(table, width, ())


def label(row: Change) -> str:
    """The layer, or the figure without its unit, which stands with its values."""
    if row.layer is not None:
        return shown(row.layer)
    return row.name.removesuffix("_nj").removesuffix("_us").replace("_", " ")


def change_cells(row: Change) -> tuple[str, str, str]:
    """Before, after, and the change, with a mark where it is a regression."""
    if row.only is not None:
        sides = _value(row, row.before), _value(row, row.after)
        return ("", sides[1], "new") if row.only == "after" else (sides[0], "", "gone")
    mark = "  WORSE" if row.regression else ""
    return _value(row, row.before), _value(row, row.after), _grown(row) + mark


def _grown(row: Change) -> str:
    """``=``, ``+12.3 %``, ``-0.5 points``, and ``21x`` where a figure is twice as large or more."""
    if row.before is None or row.after is None:
        return UNKNOWN
    if row.change is None:
        return "not comparable"
    if row.change == 0:
        return "="
    if row.percent is None:
        return f"{row.change:+.4g}"
    if row.name in ("accuracy", "drift"):
        return f"{row.percent:+.3g} points"
    return ratio(row.after / row.before) if row.percent >= 100.0 else f"{row.percent:+.3g} %"


def _value(row: Change, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    if row.name == "accuracy":
        return accuracy(value)
    if row.name == "drift":
        return f"{percent(value)} %"
    if row.name.endswith("_nj"):
        return energy(value)
    return time(value) if row.name.endswith("_us") else count(value)
