"""Tables of the terminal report: activity, energy and drift per layer. Counts are per inference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from snn2chip.core import Drift
from snn2chip.energy.metrics import NeuroBench
from snn2chip.report.numbers import (
    UNKNOWN,
    Unit,
    count,
    energy_unit,
    percent,
    plural,
    shape,
    shown,
    whole,
)
from snn2chip.report.types import TERMS, LayerRow, Report, Terms, Totals

if TYPE_CHECKING:
    from rich.table import Column, Table
    from rich.text import Text

GAP = 3
"""Blanks between two columns."""

WIDE = 100
"""Columns of a terminal from which every column is shown."""

NAME_WIDTH = 12
"""Columns that a long name is given, if need be at the cost of other columns."""

SHORT_NAME = 8
"""Columns that a short name is given too."""

DROPPED_FIRST = {
    "activity": ("shape", "packets", "updates", "cores", "syn.\nevents", "rate %"),
    "energy": ("", "hop", "packet", "neuron", "synapse", "share %"),
    "drift": ("latency\nsteps", "rate %\nbefore", "rate %\nafter"),
}
"""What each table can do without where there is no room, the least telling first."""


def activity_table(report: Report, width: int) -> Table:
    """What every layer is and does: shape, cores, spikes, events, updates, packets."""
    wide, samples = width >= WIDE, max(1, report.run.samples)
    table = named(f"Activity per inference, mean of {plural(report.run.samples, 'sample')}")
    if wide:
        table.add_column("kind", no_wrap=True)
    table.add_column("shape", no_wrap=True)
    _numbers(table, *(("neurons", "synapses") if wide else ()), "cores", "spikes", "rate %")
    _numbers(table, "syn.\nevents", "updates", "packets", *(("hops",) if wide else ()))
    for row in report.layers:
        words = [shown(row.kind), shape(row.shape)] if wide else [shape(row.shape)]
        rate = percent(row.spike_rate)
        counts = _counts(row, _neurons(row), row.cores, rate, samples, wide)
        table.add_row(_name(row.name), *words, *counts)
    table.add_section()
    totals = report.totals
    words = ["", ""] if wide else [""]
    neurons = count(report.network.neurons)
    table.add_row("total", *words, *_counts(totals, neurons, totals.cores_used, "", samples, wide))
    return fitted(table, width, DROPPED_FIRST["activity"])


def _neurons(row: LayerRow) -> str:
    """Inputs are no neurons, and stand in parentheses."""
    return f"({count(row.neurons)})" if row.kind == "input" else count(row.neurons)


def _counts(
    row: LayerRow | Totals, neurons: str, cores: int, rate: str, samples: int, wide: bool
) -> list[str]:
    size = [neurons, count(row.synapses)] if wide else []
    events = (row.synaptic_events, row.neuron_updates, row.packets, *((row.hops,) if wide else ()))
    spikes = count(row.spikes / samples)
    return [*size, f"{cores:,}", spikes, rate, *(count(number / samples) for number in events)]


def energy_table(report: Report, width: int, *, ascii_only: bool = False) -> Table:
    """Energy per layer and term in one unit, with each layer's share as a bar.

    Terms that have no price in any layer have no column; the list of unpriced terms names them.
    """
    samples = max(1, report.run.samples)
    largest = max((row.energy_pj.total or 0.0 for row in report.layers), default=0.0)
    unit = energy_unit(largest / samples / 1000.0)
    table = named(f"Energy in {unit.name} per inference")
    terms = [name for name in TERMS if report.totals.energy_pj.term(name) is not None]
    _numbers(table, *terms, "total", "share %")
    table.add_column("", no_wrap=True)
    bar = 10 if width < WIDE else 20 if width < 130 else 32
    whole = report.totals.energy_pj.total
    for row in report.layers:
        share = None if not whole or row.energy_pj.total is None else row.energy_pj.total / whole
        drawn = "" if share is None else _bar(share, bar, ascii_only)
        energies = _terms(row.energy_pj, terms, unit, samples)
        table.add_row(_name(row.name), *energies, percent(share), drawn)
    table.add_section()
    table.add_row("layers", *_terms(report.totals.energy_pj, terms, unit, samples), "", "")
    blank = [""] * len(terms)
    for label, value in (("static", report.totals.static_pj), ("total", report.totals.total_pj)):
        style = "bold" if label == "total" else None
        table.add_row(label, *blank, _per_sample(value, unit, samples), "", "", style=style)
    return fitted(table, width, DROPPED_FIRST["energy"])


def drift_table(drift: Drift, width: int) -> Table:
    """Spike rates per population before and after a stage."""
    table = named("", head="population")
    _numbers(table, "latency\nsteps", "rate %\nbefore", "rate %\nafter", "spikes\ndiffering")
    for row in drift.populations:
        rates = percent(row.rate_before), percent(row.rate_after)
        table.add_row(_name(row.name), str(row.latency), *rates, f"{row.differing:,}")
    return fitted(table, width, DROPPED_FIRST["drift"])


def neurobench_table(metrics: Sequence[NeuroBench], width: int) -> Table:
    """NeuroBench's metrics by their names, a column for each network."""
    table = named("NeuroBench metrics", head="per sample where they count something")
    _numbers(table, *(shown(found.network) for found in metrics))
    for name, cell in _METRICS.items():
        table.add_row(name, *(cell(found) for found in metrics))
    table.add_section()
    for name in dict.fromkeys(n for m in metrics for n in m.activation_sparsity_by_layer):
        values = (m.activation_sparsity_by_layer.get(name) for m in metrics)
        table.add_row(_name(f"activation sparsity of {name}"), *map(_ratio, values))
    return fitted(table, width, ())


def _ratio(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4f}"


_METRICS: dict[str, Callable[[NeuroBench], str]] = {
    "footprint, bytes": lambda m: whole(m.footprint_bytes),
    "parameter count": lambda m: whole(m.parameter_count),
    "connection sparsity": lambda m: _ratio(m.connection_sparsity),
    "activation sparsity": lambda m: _ratio(m.activation_sparsity),
    "synaptic operations, dense": lambda m: count(m.synaptic_operations.dense),
    "effective MACs": lambda m: count(m.synaptic_operations.effective_macs),
    "effective ACs": lambda m: count(m.synaptic_operations.effective_acs),
    "membrane updates": lambda m: count(m.membrane_updates),
}


def fitted(table: Table, width: int, drop: Sequence[str]) -> Table:
    """The table without as many columns of ``drop`` as leave no room for the names."""
    name, *others = table.columns
    enough = min(max(_needs(name), SHORT_NAME), NAME_WIDTH)
    for head in drop:
        if enough + sum(GAP + _needs(column) for column in others) > width:
            others = [column for column in others if column.header != head]
    if len(others) + 1 == len(table.columns):
        return table
    fitted = named(str(table.title or ""), str(name.header))
    for column in others:
        fitted.add_column(
            column.header, justify=column.justify, no_wrap=True, vertical=column.vertical
        )
    for row, cells in zip(
        table.rows, zip(*(column.cells for column in (name, *others)), strict=True), strict=True
    ):
        fitted.add_row(*cells, style=row.style, end_section=row.end_section)
    return fitted


def room_for_names(table: Table, width: int) -> int:
    """What is left for the first column when every other one has its room."""
    return width - sum(GAP + _needs(column) for column in table.columns[1:])


def left_out(whole: Table, fitted: Table, elsewhere: str) -> str:
    """Which columns have no room, and how wide a terminal has; "" where none is missing.

    Args:
        elsewhere: what shows all of them, such as ``--csv and --html``.
    """
    shown = {str(column.header) for column in fitted.columns}
    missing = [head for head in map(str, (c.header for c in whole.columns)) if head not in shown]
    if not missing:
        return ""
    return (
        f"No room for {', '.join(missing)}: a terminal of {width_of(whole)} columns "
        f"(COLUMNS) shows all, and so do {elsewhere}."
    )


def width_of(table: Table) -> int:
    """Columns of a terminal in which all of a table has room."""
    name, *others = table.columns
    return max(_needs(name), SHORT_NAME) + sum(GAP + _needs(column) for column in others)


def _needs(column: Column) -> int:
    """The longest line of a column."""
    from rich.cells import cell_len

    cells = [str(column.header), *map(str, column.cells)]
    return max(cell_len(line) for cell in cells for line in cell.split("\n"))


def _terms(energies: Terms, terms: Sequence[str], unit: Unit, samples: int) -> list[str]:
    return [_per_sample(energies.term(name), unit, samples) for name in (*terms, "total")]


def _per_sample(value: float | None, unit: Unit, samples: int) -> str:
    return UNKNOWN if value is None else unit.number(value / samples / 1000.0)


def _bar(share: float, width: int, ascii_only: bool) -> str:
    if ascii_only:
        return "#" * round(share * width)
    eighths = round(min(share, 1.0) * width * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def named(title: str, head: str = "layer") -> Table:
    """An empty table whose first column holds names."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title, "bold") if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
        header_style="dim",
        show_edge=False,
    )
    table.add_column(head, overflow="fold", min_width=SHORT_NAME)
    return table


def _numbers(table: Table, *heads: str) -> None:
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True, vertical="top")


def _name(name: str) -> Text:
    from rich.text import Text

    return Text(shown(name))
