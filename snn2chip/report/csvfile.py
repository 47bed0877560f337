"""The report as CSV: a row per layer, or per core; units in the columns, safe in a spreadsheet."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

from snn2chip.files import write_text
from snn2chip.report.chip.types import CoreRow
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


CORE_COLUMNS = (
    "network",
    "target",
    "cost_table",
    "samples",
    "steps",
    "core",
    "chip",
    "tile",
    "x",
    "y",
    "layers",
    "neurons",
    "utilization",
    "synaptic_events",
    "neuron_updates",
    "packets_out",
    "packets_in",
    "energy_pj",
    "busy_ns",
)


def text(report: Report) -> str:
    """One header line and one line per layer; unpriced cells are empty."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in report.layers:
        writer.writerow(_cells(report, row))
    return out.getvalue()


def cores_text(report: Report) -> str:
    """One header line and one line per used core; ``layers`` are names with their neurons.

    A limit of a core that the target states has a column of its own behind the others, with what
    is used of it.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    limits = [row.limit for row in report.utilization.limits]
    writer.writerow((*CORE_COLUMNS, *(f"used_{limit}" for limit in limits)))
    for core in report.cores:
        used = {load.limit: load.used for load in core.loads}
        writer.writerow([*_core(report, core), *(used.get(limit, 0) for limit in limits)])
    return out.getvalue()


def _core(report: Report, core: CoreRow) -> list[str | int | float | None]:
    return [
        safe(report.network.name),
        safe(report.target.name),
        safe(report.target.cost_table),
        report.run.samples,
        report.run.steps,
        core.core,
        core.chip,
        core.tile,
        core.x,
        core.y,
        safe("; ".join(f"{name}: {neurons}" for name, neurons in core.layers.items())),
        core.neurons,
        core.utilization,
        core.synaptic_events,
        core.neuron_updates,
        core.packets_out,
        core.packets_in,
        core.energy_pj,
        core.busy_ns,
    ]


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
