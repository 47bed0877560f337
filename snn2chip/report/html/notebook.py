"""The report in a notebook cell: the verdict and one compact table, without a style sheet."""

from __future__ import annotations

from html import escape

from snn2chip.report import summary
from snn2chip.report.numbers import (
    UNKNOWN,
    count,
    energy,
    energy_unit,
    percent,
    shape,
    shown,
    time,
)
from snn2chip.report.types import LayerRow, Report

_HEADS = ("layer", "shape", "cores", "spikes", "rate %", "syn. events", "energy {unit}", "share %")
_LEFT = 'style="text-align:left"'
_RIGHT = 'style="text-align:right;font-variant-numeric:tabular-nums"'


def render(report: Report) -> str:
    """HTML for ``_repr_html_``: no scripts, no style sheet, every name escaped."""
    colour = "#15784f" if summary.fits(report) else "#b3261e"
    chip = f"{shown(report.target.title)} ({shown(report.target.name)})"
    title = f"{shown(report.network.name)} on {chip}"
    facts = [
        summary.cores(report),
        f"accuracy {summary.right(report)}",
        f"{energy(report.totals.energy_per_inference_nj)} per inference"
        + (", dynamic only" if summary.dynamic_only(report) else ""),
        f"latency {time(report.totals.latency_us)}",
    ]
    caveats = [shown(report.target.cost_label), *summary.caveats(report)]
    return (
        f"<div><p><b>{escape(title)}</b>: "
        f'<b style="color:{colour}">{escape(summary.verdict(report))}</b><br>'
        f"{escape(' · '.join(facts))}<br>"
        f"<small>{escape('; '.join(caveats))}. {escape(summary.costliest_sentence(report))}"
        f"</small></p>{_table(report)}</div>"
    )


def _table(report: Report) -> str:
    samples = max(1, report.run.samples)
    largest = max((row.energy_pj.total or 0.0 for row in report.layers), default=0.0)
    unit = energy_unit(largest / samples / 1000.0)
    whole = report.totals.energy_pj.total

    def cells(row: LayerRow) -> list[str]:
        total = row.energy_pj.total
        priced = total is not None
        return [
            shown(row.name),
            shape(row.shape),
            f"{row.cores:,}",
            count(row.spikes / samples),
            percent(row.spike_rate),
            count(row.synaptic_events / samples),
            unit.number(total / samples / 1000.0) if total is not None else UNKNOWN,
            percent((total or 0.0) / whole) if priced and whole else UNKNOWN,
        ]

    heads = [head.format(unit=unit.name) for head in _HEADS]
    lines = [_row(heads, "th"), *(_row(cells(row), "td") for row in report.layers)]
    return "<table>" + "".join(lines) + "</table>"


def _row(cells: list[str], tag: str) -> str:
    styles = [_LEFT] + [_RIGHT] * (len(cells) - 1)
    inner = "".join(
        f"<{tag} {style}>{escape(cell)}</{tag}>" for cell, style in zip(cells, styles, strict=True)
    )
    return f"<tr>{inner}</tr>"
