"""The report as one web page: no scripts, no network, readable in print, light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snn2chip.files import write_text
from snn2chip.report import curve, numbers, summary
from snn2chip.report.ensemble import printing as ensemble
from snn2chip.report.html import draw, floorplan, links
from snn2chip.report.html.environment import environment
from snn2chip.report.types import TERMS, Report

if TYPE_CHECKING:
    pass


def text(report: Report) -> str:
    """The page; names from outside are escaped and cannot act."""
    content = environment().get_template("page.html.j2").render(**_context(report))
    return content.encode("utf-8", "backslashreplace").decode("utf-8")


def write(report: Report, path: str | Path) -> None:
    """Write the page to ``path``."""
    write_text(path, text(report))


def value_text(value: Any) -> str:
    """A constant's value: a number, a range, or a look-up table."""
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {value_text(item)}" for key, item in value.items())
    return " to ".join(value_text(item) for item in value)


def _context(report: Report) -> dict[str, Any]:
    samples, totals = max(1, report.run.samples), report.totals
    longest = max((row.energy_pj.total or 0.0 for row in report.layers), default=0.0)
    colour = draw.colours(report)
    return {
        "r": report,
        "s": summary,
        "n": numbers,
        "terms": TERMS,
        "term_words": summary.TERM_WORDS,
        "grades": summary.GRADES,
        "samples": samples,
        "colour": colour,
        "unit": numbers.energy_unit(longest / samples / 1000.0),
        "bars": {row.name: draw.energy_bar(row.energy_pj, longest) for row in report.layers},
        "per_inference_nj": lambda pj: None if pj is None else pj / samples / 1000.0,
        "comparison": _comparison(report, samples),
        "whole": draw.whole(totals),
        "longest_nj": longest / samples / 1000.0,
        "top": summary.costliest(report),
        "static": summary.static_share(report),
        "plan": floorplan.plan(report),
        "links": links.links(report),
        "needs": _needs(report),
        "step_bars": None if report.latency is None else draw.step_bars(report.latency, colour),
        "panels": draw.curve_panels(report.curve),
        "ensemble": ensemble,
        "curve_sentence": curve.sentence(report.curve, samples) if report.curve else "",
        "waited": summary.waited(report),
        "ranges": any(price.low is not None for price in report.prices),
        "value_text": value_text,
        "raster_path": draw.raster_path,
        "rate_bars": draw.rate_bars,
        "evidence": summary.evidence(report),
    }


def _comparison(report: Report, samples: int) -> list[tuple[str, tuple[draw.Segment, ...], str]]:
    """Bars of this network and of the quantized ANN on one scale, with their energies in words."""
    own, static = report.totals.energy_pj.total, report.totals.static_pj
    if report.baseline is None or own is None:
        return []
    dynamic_nj, static_nj = own / samples / 1000.0, (static or 0.0) / samples / 1000.0
    ann = report.baseline
    longest = max(dynamic_nj + static_nj, ann.energy_per_inference_nj)
    ours = draw.stack((("dynamic", dynamic_nj), ("static", static_nj)), longest)
    theirs = draw.stack((("compute", ann.compute_nj), ("memory", ann.memory_nj)), longest)
    return [
        ("this network", ours, numbers.energy(dynamic_nj + static_nj)),
        (ann.name, theirs, numbers.energy(ann.energy_per_inference_nj)),
    ]


@dataclass(frozen=True, slots=True)
class Needs:
    """Layer -> cores used, and the least by each of ``limits`` that depends on the layer alone."""

    limits: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[int, ...]], ...]


def _needs(report: Report) -> Needs | None:
    limits = [row for row in report.utilization.limits if row.layers]
    if not limits:
        return None
    by_layer = [{need.layer: need.required_cores for need in row.layers} for row in limits]
    rows = (
        (row.name, row.cores, tuple(n.get(row.name, 0) for n in by_layer)) for row in report.layers
    )
    return Needs(tuple(row.unit for row in limits), tuple(rows))
