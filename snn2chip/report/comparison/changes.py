"""What changed between two runs: figures, layers, limits; and what of it is a regression."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from snn2chip import __version__
from snn2chip.errors import ConfigError, ThresholdError
from snn2chip.report import summary
from snn2chip.report.comparison.targets import drift_of
from snn2chip.report.numbers import ratio
from snn2chip.report.types import Report, Tool, plain

SCHEMA = "snn2chip/changes/1"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a run.

    Attributes:
        worse: 1 where more is worse, -1 where less is, 0 where neither is.
        share: a share of 1, whose change is counted in points of a hundred.
    """

    name: str
    value: Callable[[Report], float | None]
    worse: int
    share: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of both runs.

    Attributes:
        layer: of a layer, else None.
        change: after - before, None where one of them is not known, and where they are not
            comparable: totals of which one alone holds dynamic and static energy.
        percent: of the value before, or points of a share; None where that makes no sense.
        regression: worse than is allowed.
        only: "before" or "after", of a layer that one run alone has; else None.
    """

    name: str
    layer: str | None
    before: float | None
    after: float | None
    change: float | None
    percent: float | None
    regression: bool
    only: str | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs."""

    name: str
    network: str
    target: str
    cost_table: str
    data: str
    samples: int
    steps: int


@dataclass(frozen=True, slots=True)
class Changes:
    """Two runs beside each other.

    Attributes:
        limit_percent: what a figure may be worse, None where nothing is judged.
        differing: what the two runs do not share, so that they cannot be compared as they stand.
        new_violations, gone_violations: ``rule: object``.
    """

    schema: str
    tool: Tool
    before: Side
    after: Side
    limit_percent: float | None
    differing: tuple[str, ...]
    totals: tuple[Change, ...]
    layers: tuple[Change, ...]
    new_violations: tuple[str, ...]
    gone_violations: tuple[str, ...]

    @property
    def regressions(self) -> tuple[Change, ...]:
        """Changes that are worse than is allowed."""
        return tuple(change for change in self.totals if change.regression)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, strings, ints and finite floats."""
        made: dict[str, Any] = plain(self)
        return made

    def check(self) -> None:
        """Nothing where no figure got worse than is allowed, and no limit is broken anew.

        Raises:
            ThresholdError: names every one.
        """
        if self.limit_percent is None:
            return
        lines = [_said(change) for change in self.regressions]
        lines += [f"a limit that was kept is broken: {found}" for found in self.new_violations]
        if lines:
            count = f"{len(lines)} regression{'s' if len(lines) > 1 else ''}"
            raise ThresholdError(
                f"{self.after.name}: {count} against {self.before.name}\n"
                + "\n".join(f"  {line}" for line in lines),
                needs=f"nothing worse by more than {self.limit_percent:g} %, or points of a share",
                remedy="a change that costs less, or a higher --max-regression",
            )


def _each(pj: Callable[[Report], float | None]) -> Callable[[Report], float | None]:
    """nJ per inference of a total in pJ."""

    def value(report: Report) -> float | None:
        total = pj(report)
        return None if total is None else total / max(1, report.run.samples) / 1000.0

    return value


def _per_inference(name: str) -> Callable[[Report], float | None]:
    return lambda report: getattr(report.totals, name) / max(1, report.run.samples)


FIGURES = (
    Figure("accuracy", lambda r: r.run.accuracy, -1, share=True),
    Figure("drift", drift_of, 1, share=True),
    Figure("energy_nj", lambda r: r.totals.energy_per_inference_nj, 1),
    Figure("dynamic_nj", _each(lambda r: r.totals.energy_pj.total), 1),
    Figure("static_nj", _each(lambda r: r.totals.static_pj), 0),
    Figure("latency_us", lambda r: r.totals.latency_us, 1),
    Figure("cores", lambda r: float(r.totals.cores_used), 1),
    Figure("synaptic_events", _per_inference("synaptic_events"), 0),
    Figure("neuron_updates", _per_inference("neuron_updates"), 0),
    Figure("packets", _per_inference("packets"), 0),
    Figure("spikes", _per_inference("spikes"), 0),
)
"""Figures per inference, in the order in which they are shown; those without a direction are never
a regression by themselves."""


def changes_of(
    before: Report, after: Report, names: tuple[str, str], limit_percent: float | None = None
) -> Changes:
    """What changed from one run to the other.

    Args:
        names: what the user calls the two.
        limit_percent: how much worse a figure may be: per cent of its value before, or points of
            an accuracy or a drift.

    Raises:
        ConfigError: a limit below 0.
    """
    if limit_percent is not None and not 0 <= limit_percent < float("inf"):
        raise ConfigError(f"--max-regression {limit_percent}", needs="per cent, 0 or more")
    old, new = (dict.fromkeys(_violations(report)) for report in (before, after))
    return Changes(
        schema=SCHEMA,
        tool=Tool("snn2chip", __version__),
        before=_side(before, names[0]),
        after=_side(after, names[1]),
        limit_percent=limit_percent,
        differing=tuple(_differing(before, after)),
        totals=tuple(_totals(before, after, limit_percent)),
        layers=tuple(_layers(before, after)),
        new_violations=tuple(found for found in new if found not in old),
        gone_violations=tuple(found for found in old if found not in new),
    )


def _totals(before: Report, after: Report, limit_percent: float | None) -> Iterator[Change]:
    """Figures of the runs; a total that lost its dynamic or static part is no longer known."""
    whole = [_is_whole(report) for report in (before, after)]
    for figure in FIGURES:
        found = _change(figure, None, figure.value(before), figure.value(after), limit_percent)
        if figure.name == "energy_nj" and found.change is not None and whole[0] != whole[1]:
            lost = limit_percent is not None and whole[0]
            found = replace(found, change=None, percent=None, regression=lost)
        if figure.name == "static_nj" and found.before is not None and found.after is None:
            lost = limit_percent is not None and summary.dynamic_only(after)
            found = replace(found, regression=lost)
        yield found


def _is_whole(report: Report) -> bool:
    """Whether a total holds dynamic and static energy, as far as both are there."""
    return report.totals.energy_pj.total is not None and not summary.dynamic_only(report)


def _violations(report: Report) -> Iterator[str]:
    for found in report.violations:
        yield f"{found.rule}: {found.object}"


def _side(report: Report, name: str) -> Side:
    run, target = report.run, report.target
    return Side(
        name,
        report.network.name,
        target.name,
        target.cost_table,
        run.data,
        run.samples,
        run.steps,
    )


def _differing(before: Report, after: Report) -> Iterator[str]:
    """What is not the same in both, one line each."""
    pairs = {
        "network": (before.network.name, after.network.name),
        "target": (before.target.name, after.target.name),
        "target file": (before.target.sha256[:12], after.target.sha256[:12]),
        "cost table": (before.target.cost_table, after.target.cost_table),
        "arithmetic": (before.target.arithmetic, after.target.arithmetic),
        "data": (before.run.data, after.run.data),
        "samples": (before.run.samples, after.run.samples),
        "steps": (before.run.steps, after.run.steps),
        "seed": (before.run.seed, after.run.seed),
    }
    for name, (one, other) in pairs.items():
        if one != other:
            yield f"{name}: {one} -> {other}"
    parts = ["priced" if _is_whole(r) else "priced in part" for r in (before, after)]
    if parts[0] != parts[1]:
        yield f"energy: {parts[0]} -> {parts[1]}; the totals are not comparable"
    lacking = [len(report.unpriced) for report in (before, after)]
    if set(before.unpriced) != set(after.unpriced):
        yield f"terms without a price: {lacking[0]} -> {lacking[1]}"


def _change(
    figure: Figure,
    layer: str | None,
    before: float | None,
    after: float | None,
    limit_percent: float | None,
) -> Change:
    if before is None or after is None:
        lost = before is not None and figure.worse != 0
        judged = limit_percent is not None and lost
        return Change(figure.name, layer, before, after, None, None, judged)
    change = after - before
    percent = 100.0 * change if figure.share else 100.0 * change / before if before else None
    grew = float("inf") if percent is None and change > 0 else percent or 0.0
    worse = figure.worse * grew if figure.worse and change else 0.0
    judged = limit_percent is not None and worse > limit_percent * (1 + 1e-12)
    return Change(figure.name, layer, before, after, change, percent, judged)


def _layers(before: Report, after: Report) -> Iterator[Change]:
    """Energy of each layer in nJ per inference; layers of one run only have one side."""
    figure = Figure("energy_nj", lambda _: None, 0)
    sides = [
        {
            row.name: None
            if row.energy_pj.total is None
            else row.energy_pj.total / max(1, report.run.samples) / 1000.0
            for row in report.layers
        }
        for report in (before, after)
    ]
    for name in dict.fromkeys((*sides[0], *sides[1])):
        found = _change(figure, name, sides[0].get(name), sides[1].get(name), None)
        only = None if name in sides[0] and name in sides[1] else "after"
        yield replace(found, only="before" if name not in sides[1] else only)


def _said(change: Change) -> str:
    """``energy_nj 12.1 -> 14 (+15.7 %)``, ``12.1 -> 242 (20x)``."""
    if change.after is None:
        return f"{change.name} {change.before:g} -> unknown"
    if change.change is None:
        found = f"{change.name} {change.before:g} -> {change.after:g}"
        return f"{found}, of which a part is no longer known"
    share = change.name in ("accuracy", "drift")
    unit = "points" if share else "%"
    grew = "" if change.percent is None else f" ({change.percent:+.3g} {unit})"
    if not share and change.before and (change.percent or 0.0) >= 100.0:
        grew = f" ({ratio(change.after / change.before)})"
    return f"{change.name} {change.before:g} -> {change.after:g}{grew}"
