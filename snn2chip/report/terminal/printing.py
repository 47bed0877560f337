"""The report on a terminal or in a pipe: verdict, activity, energy, drift, and how far to trust it.

Numbers are never broken over lines; names are, where they must. A narrow terminal drops the
columns that say least, so that names stay readable. Without a terminal the same text comes without
colours.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO, TextIOWrapper
from typing import TYPE_CHECKING

from snn2chip.neurons.presets import summary as discretized
from snn2chip.report import summary
from snn2chip.report.numbers import count, energy, plural, shown, time
from snn2chip.report.types import Report

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

LABEL_WIDTH = 13
MAX_CHANGED = 8


def show(report: Report, console: Console | None = None) -> None:
    """Print the report on ``console``, or on standard output: in colours on a terminal only."""
    from rich.console import Console

    console = console or Console()
    if not (console.is_terminal and console.encoding.startswith("utf")):
        console.file.write(text(report, console.width, console.encoding))
        return
    for part in blocks(report, console.width, colours=console.color_system is not None):
        console.print(part, highlight=False, markup=False)
        console.print()


def text(report: Report, width: int = 100, encoding: str = "utf-8") -> str:
    """The report without colours, ``width`` columns wide; lines have no trailing blanks.

    What ``encoding`` cannot say is written as escapes, and lines and bars in ASCII.
    """
    return plain(blocks(report, width, ascii_only=not encoding.startswith("utf")), width, encoding)


def plain(parts: Iterable[RenderableType], width: int, encoding: str) -> str:
    """Parts with a line between, without colours; lines have no trailing blanks."""
    from rich.console import Console

    buffer = BytesIO()
    out = TextIOWrapper(buffer, encoding, errors="backslashreplace", newline="\n")
    console = Console(file=out, width=width, color_system=None, legacy_windows=False)
    for part in parts:
        console.print(part, highlight=False, markup=False)
        console.print()
    out.flush()
    lines = buffer.getvalue().decode(encoding).rstrip().split("\n")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def blocks(
    report: Report, width: int, *, ascii_only: bool = False, colours: bool = False
) -> list[RenderableType]:
    """The report's parts from top to bottom.

    Args:
        colours: whether the console shows any.
    """
    from snn2chip.report.terminal.chip import floorplan, utilization_table
    from snn2chip.report.terminal.tables import activity_table, neurobench_table

    parts: list[RenderableType] = [_verdict(report)]
    if report.violations:
        parts.append(_violations(report))
    parts += [
        _provenance(report),
        activity_table(report, width),
        *_energy_table(report, width, ascii_only),
        _cost(report),
        *_drift(report, width),
        *_curve(report, width),
        *_ensemble(report, width),
        *([utilization_table(report, width)] if report.utilization.limits else []),
        *floorplan(report, width, ascii_only=ascii_only, colours=colours),
        neurobench_table(report.neurobench, width),
        _trust(report),
    ]
    return parts


def _verdict(report: Report) -> RenderableType:
    from rich.text import Text

    fits = summary.fits(report)
    head = Text(no_wrap=False)
    head.append(shown(report.network.name), "bold")
    head.append(" on ")
    head.append(shown(report.target.title), "bold")
    head.append(f" ({shown(report.target.name)})")
    lines: list[Text] = [head, Text()]
    verdict = Text(summary.verdict(report).upper(), "bold green" if fits else "bold red")
    verdict.append(f"   {summary.cores(report)}", "not bold default")
    lines.append(verdict)
    return _pairs(
        [
            ("accuracy", _accuracy(report)),
            ("energy", _energy(report)),
            ("latency", _latency(report)),
            ("your limits", _thresholds(report)),
        ],
        before=lines,
    )


def _accuracy(report: Report) -> list[str]:
    if report.run.accuracy is None:
        return ["n/a: the data have no labels"]
    change = summary.accuracy_change(report)
    return [summary.right(report) + (f" ({change})" if change else "")]


def _energy(report: Report) -> list[str]:
    value = report.totals.energy_per_inference_nj
    parts = summary.parts(report)
    first = f"{energy(value)} per inference" + (f" ({parts})" if parts else "")
    first = "n/a: nothing is priced" if value is None else first
    label, caveats = shown(report.target.cost_label), "; ".join(summary.caveats(report))
    lines = [first, summary.spread(report), label, caveats]
    return [line for line in lines if line]


def _latency(report: Report) -> list[str]:
    value = report.totals.latency_us
    if value is None:
        return ["n/a: this cost table has no times"]
    core, cycles = summary.bottleneck(report), report.totals.cycles
    parts = [
        f"{time(value)} per inference",
        "" if cycles is None else f"{count(cycles)} cycles of the busiest core",
        f"bottleneck {core}" if core else "",
    ]
    first = "; ".join(part for part in parts if part)
    lines = [first, summary.spread_of_time(report), summary.ticks(report)]
    return [line for line in lines if line]


def _thresholds(report: Report) -> list[str]:
    return [
        f"{'kept' if row.kept else 'MISSED'}: {row.words} {row.limit}; it is {row.measured}"
        for row in summary.thresholds(report)
    ]


def _violations(report: Report) -> RenderableType:
    from rich.text import Text

    rows = []
    for found in report.violations:
        rows.append(
            (
                "broken limit",
                [
                    f"{shown(found.object)}: {shown(found.rule)}",
                    f"needs {shown(found.needs)}",
                    f"has {shown(found.has)} ({shown(found.source)})",
                    f"change: {shown(found.remedy)}",
                ],
            )
        )
    return _pairs(rows, before=[Text(summary.verdict(report), "bold red")])


def _provenance(report: Report) -> RenderableType:
    run, target = report.run, report.target
    data = shown(run.data) or "from a file"
    steps = plural(run.steps, "step")
    steps += f" ({run.chip_steps:,} on the chip)" if run.chip_steps != run.steps else ""
    costs = f"{shown(target.cost_table)}, target file {target.sha256[:12]}"
    rows = [
        ("run", [f"{plural(run.samples, 'sample')} x {steps}, data {data}, seed {run.seed}"]),
        ("preset", [shown(discretized(report.discretization))]),
        ("arithmetic", [shown(target.arithmetic)]),
        ("cost table", [costs]),
        ("calibrated on", [shown(run.calibrated_on)]),
        ("scales", [summary.quantized(report)]),
        ("bit-accurate", ["; ".join(map(shown, report.fidelity.bit_accurate)) or "nothing"]),
        ("modelled", ["; ".join(map(shown, report.fidelity.modelled))]),
        ("left out", ["; ".join(map(shown, report.fidelity.omitted))]),
    ]
    return _pairs([(label, lines) for label, lines in rows if any(lines)])


def _energy_table(report: Report, width: int, ascii_only: bool) -> list[RenderableType]:
    """Nothing where nothing is priced: the verdict has said so."""
    from snn2chip.report.terminal.tables import energy_table

    priced = report.totals.total_pj is not None
    return [energy_table(report, width, ascii_only=ascii_only)] if priced else []


def _cost(report: Report) -> RenderableType:
    rows = [
        ("costliest", [summary.costliest_sentence(report)]),
        ("cores", [summary.required(report)]),
        ("steps", [summary.waiting(report)]),
    ]
    if report.baseline is not None:
        baseline = report.baseline
        parts = f"compute {energy(baseline.compute_nj)}, memory {energy(baseline.memory_nj)}"
        rows.append(
            (
                "baseline",
                [
                    f"{shown(baseline.name)}: {energy(baseline.energy_per_inference_nj)} "
                    f"per inference ({parts})",
                    *filter(None, [summary.versus_baseline(report)]),
                ],
            )
        )
    return _pairs([(label, lines) for label, lines in rows if any(lines)])


def _drift(report: Report, width: int) -> list[RenderableType]:
    from snn2chip.report.terminal.tables import drift_table

    parts: list[RenderableType] = []
    for drift in report.drift:
        rows = summary.drift_lines(report, drift, MAX_CHANGED)
        parts.append(_pairs(rows, before=[_title(f"Drift: {shown(drift.stage)}")]))
        if drift.populations:
            parts.append(drift_table(drift, width))
    return parts


def _curve(report: Report, width: int) -> list[RenderableType]:
    """Nothing where it was not asked for."""
    from snn2chip.report.curve import sentence, table

    if not report.curve:
        return []
    said = sentence(report.curve, report.run.samples)
    return [table(report.curve, width), *([_pairs([("", [said])])] if said else [])]


def _ensemble(report: Report, width: int) -> list[RenderableType]:
    """Nothing of a single network."""
    from snn2chip.report.ensemble.printing import curve_table, member_table, sentence

    info = report.ensemble
    if info is None:
        return []
    said = _pairs([("answered by", [sentence(info)])])
    return [member_table(info, width), said, curve_table(info, width)]


def _trust(report: Report) -> RenderableType:
    grades = ", ".join(f"{number} {grade}" for grade, number in summary.evidence(report))
    rows = [
        ("not simulated", list(filter(None, [summary.unsimulated(report)]))),
        ("evidence", [f"cost constants: {grades}"] if grades else []),
        ("unpriced", [shown(line) for line in report.unpriced]),
        ("assumptions", [shown(line) for line in report.assumptions]),
        ("lossy choices", [shown(line) for line in report.run.notes]),
        ("warnings", [*summary.warnings(report)]),
    ]
    given = [(label, lines) for label, lines in rows if lines]
    return _pairs(given, before=[_title("How far to trust it")], bullets=True)


def _title(words: str) -> Text:
    from rich.text import Text

    return Text(words, "bold")


def _pairs(
    rows: list[tuple[str, list[str]]], before: list[Text] | None = None, *, bullets: bool = False
) -> RenderableType:
    """Labels on the left, lines on the right, folded under their own column."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1 if bullets else 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True, min_width=LABEL_WIDTH)
    if bullets:
        grid.add_column(width=1, style="dim")
    grid.add_column(overflow="fold")
    for label, lines in rows:
        for position, line in enumerate(lines):
            words = ["-", Text(line)] if bullets else [Text(line)]
            grid.add_row(label if position == 0 else "", *words)
    return Group(*(before or []), grid) if before else grid
