"""The report as CSV: one row per layer, units in the column names, safe in a spreadsheet."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

from snn2chip.files import write_text
from snn2chip.report.numbers import shape, shown
from snn2chip.report.types import TERMS, LayerRow, Report

COLUMNS = (
    "network",
    "target",
    "cost_table",
    "samples",
    "steps",
    "layer",
    "kind",
    "shape",
    "neurons",
    "synapses",
    "cores",
    "spikes",
    "spike_rate_per_step",
    "synaptic_events",
    "neuron_steps",
    "neuron_updates",
    "packets",
    "packets_sent",
    "hops",
    *(f"energy_{term}_pj" for term in (*TERMS, "total")),
    "time_ns",
)


def text(report: Report) -> str:
    """One header line and one line per layer; unpriced cells are empty."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in report.layers:
        writer.writerow(_cells(report, row))
    return out.getvalue()


def write(report: Report, path: str | Path) -> None:
    """Write the CSV to ``path``."""
    write_text(path, text(report))


def safe(name: str) -> str:
    """``name`` with a leading apostrophe where a spreadsheet would take it for a formula."""
    name = shown(name)
    return f"'{name}" if name.lstrip(" ").startswith(("=", "+", "-", "@", "'")) else name


def _cells(report: Report, row: LayerRow) -> list[str | int | float | None]:
    return [
        safe(report.network.name),
        safe(report.target.name),
        safe(report.target.cost_table),
        report.run.samples,
        report.run.steps,
        safe(row.name),
        safe(row.kind),
        shape(row.shape),
        row.neurons,
        row.synapses,
        row.cores,
        row.spikes,
        row.spike_rate,
        row.synaptic_events,
        row.neuron_steps,
        row.neuron_updates,
        row.packets,
        row.packets_sent,
        row.hops,
        *(row.energy_pj.term(term) for term in (*TERMS, "total")),
        row.time_ns,
    ]
