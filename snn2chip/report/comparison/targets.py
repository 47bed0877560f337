"""One network on several targets: a row of figures per target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from snn2chip import __version__
from snn2chip.pipeline import Compared
from snn2chip.report import summary
from snn2chip.report.build import build
from snn2chip.report.types import Report, Tool, plain

SCHEMA = "snn2chip/comparison/1"


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A network on one target; figures are per inference, and None where they are not known.

    Attributes:
        asked: the target as it was asked for.
        activity: whose spikes were priced: an arithmetic.
        own: it is the target's own; else spikes of the float network were priced, and the accuracy
            is that network's.
        fits: breaks no limit of the target; None where it could not run, and where the target has
            no size. Of a target that was not simulated, by counts: number formats are not checked.
        violations: ids of the broken limits.
        drift: share of predictions that differ from the float network's, None where the target was
            not simulated.
        energy_nj: dynamic and static; ``low_nj`` and ``high_nj`` are its range, where the cost
            table has one, and ``latency_low_us`` and ``latency_high_us`` that of the time.
        dynamic_only: static energy has no price, so that the total is at least ``energy_nj``.
        costliest: layer, with its share of the dynamic energy and its costliest term.
        grades: how many constants of the cost table have which grade of evidence.
        unpriced: terms without a price.
        refused: why the target cannot run it, else "".
    """

    asked: str
    target: str
    title: str
    cost_table: str
    cost_label: str
    activity: str
    own: bool
    fits: bool | None
    violations: tuple[str, ...]
    accuracy: float | None
    drift: float | None
    energy_nj: float | None
    dynamic_only: bool
    low_nj: float | None
    high_nj: float | None
    dynamic_nj: float | None
    static_nj: float | None
    latency_us: float | None
    latency_low_us: float | None
    latency_high_us: float | None
    cores_used: int | None
    cores: int | None
    costliest: str | None
    costliest_share: float | None
    costliest_term: str | None
    grades: Mapping[str, int]
    unpriced: tuple[str, ...]
    refused: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One network on several targets, on the same samples."""

    schema: str
    tool: Tool
    network: str
    data: str
    samples: int
    steps: int
    seed: int
    accuracy_before: float | None
    targets: tuple[TargetRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, strings, ints and finite floats."""
        made: dict[str, Any] = plain(self)
        return made


def comparison_of(compared: Sequence[Compared]) -> Comparison:
    """The rows of targets, of which at least one ran the network."""
    reports = [None if one.result is None else build(one.result) for one in compared]
    first = next(report for report in reports if report is not None)
    before = [b for r in reports if r is not None and (b := _before(r)) is not None]
    return Comparison(
        schema=SCHEMA,
        tool=Tool("snn2chip", __version__),
        network=first.network.name,
        data=first.run.data,
        samples=first.run.samples,
        steps=first.run.steps,
        seed=first.run.seed,
        accuracy_before=before[0] if before else None,
        targets=tuple(
            _refused(one) if report is None else _row(one, report)
            for one, report in zip(compared, reports, strict=True)
        ),
    )


def _before(report: Report) -> float | None:
    """Accuracy of the float network on the same samples."""
    if report.target.arithmetic == "float64":
        return report.run.accuracy
    return summary.accuracy_before(report)


def _row(one: Compared, report: Report) -> TargetRow:
    totals, samples = report.totals, max(1, report.run.samples)
    top, ends = summary.costliest(report), totals.range
    fitted = not report.violations

    def each(pj: float | None) -> float | None:
        return None if pj is None else pj / samples / 1000.0

    return TargetRow(
        asked=_shown(one.target),
        target=report.target.name,
        title=report.target.title,
        cost_table=report.target.cost_table,
        cost_label=report.target.cost_label,
        activity=report.target.arithmetic,
        own=one.own,
        fits=None if fitted and report.target.cores is None else fitted,
        violations=tuple(dict.fromkeys(found.rule for found in report.violations)),
        accuracy=report.run.accuracy,
        drift=drift_of(report),
        energy_nj=totals.energy_per_inference_nj,
        dynamic_only=summary.dynamic_only(report),
        low_nj=None if ends is None else ends.low.energy_per_inference_nj,
        high_nj=None if ends is None else ends.high.energy_per_inference_nj,
        dynamic_nj=each(totals.energy_pj.total),
        static_nj=each(totals.static_pj),
        latency_us=totals.latency_us,
        latency_low_us=None if ends is None else ends.low.latency_us,
        latency_high_us=None if ends is None else ends.high.latency_us,
        cores_used=totals.cores_used,
        cores=report.target.cores,
        costliest=None if top is None else top.layer.name,
        costliest_share=None if top is None else top.share,
        costliest_term=None if top is None else top.term,
        grades=dict(summary.evidence(report)),
        unpriced=report.unpriced,
        refused="",
    )


def drift_of(report: Report) -> float | None:
    """Share of predictions that differ from the float network's; 0 of the float network itself.

    None where nothing is beside it, and of a chip that was not simulated.
    """
    if not report.target.simulated:
        return None
    if not report.drift:
        return 0.0 if report.target.arithmetic == "float64" else None
    last = report.drift[-1]
    return last.predictions_differing / last.samples if last.samples else None


def _refused(one: Compared) -> TargetRow:
    nothing = dict.fromkeys(
        ("fits", "accuracy", "drift", "energy_nj", "low_nj", "high_nj", "dynamic_nj", "static_nj")
    )
    unknown = dict.fromkeys(
        (
            "latency_us",
            "latency_low_us",
            "latency_high_us",
            "cores_used",
            "cores",
            "costliest",
            "costliest_share",
            "costliest_term",
        )
    )
    name = _shown(one.target)
    return TargetRow(
        asked=name,
        target=name,
        title=name,
        cost_table="",
        cost_label="",
        activity="",
        own=one.own,
        dynamic_only=False,
        violations=(),
        grades={},
        unpriced=(),
        refused=str(one.error),
        **nothing,
        **unknown,
    )


def _shown(asked: str) -> str:
    """The name of a target, without the folders of its file."""
    return PurePath(asked).name
