"""``snn2chip demo`` and ``snn2chip simulate``: the whole chain, and its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snn2chip.cli import console, judging, outputs
from snn2chip.cli import options as o
from snn2chip.cli.groups import (
    CurveFlags,
    EngineFlags,
    MappingFlags,
    NetworkFlags,
    QuantizationFlags,
    ReportFlags,
    SampleFlags,
    ThresholdFlags,
    TraceFlags,
    grouped,
    options_of,
)

if TYPE_CHECKING:
    from snn2chip.pipeline import Options


def demo(
    target: o.DemoChip = o.DEFAULT_TARGET,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the reports.")] = Path(
        "demo-out"
    ),
) -> None:
    """The whole chain on the bundled digits student, with the report as HTML, JSON and CSV."""
    from snn2chip.pipeline import Options

    files = {name: out / f"report.{name}" for name in ("html", "json", "csv")}
    _deploy(None, target, Options(), files)


@grouped
def simulate(
    sampled: SampleFlags,
    opened: NetworkFlags,
    quantized: QuantizationFlags,
    engine: EngineFlags,
    placed: MappingFlags,
    traced: TraceFlags,
    curve: CurveFlags,
    written: ReportFlags,
    limits: ThresholdFlags,
    network: o.Network = None,
    target: o.Chip = None,
    costs: o.Costs = None,
    out: o.RunFolder = None,
    timing: o.Timing = "simple",
) -> None:
    """Run a network as the chip would, and report accuracy, drift, energy and time per layer."""
    chosen = options_of(
        *(sampled, opened, quantized, engine, placed, traced),
        costs=costs,
        timing=timing,
        steps_curve=curve.steps_curve or curve.curve_csv is not None,
    )
    more = {"trace": traced.trace, "curve-csv": curve.curve_csv}
    files = written.files | {name: path for name, path in more.items() if path is not None}
    _deploy(network, target, chosen, files, limits, out)


def _deploy(
    network: str | None,
    target: str | None,
    options: Options,
    files: dict[str, Path],
    limits: ThresholdFlags | None = None,
    out: Path | None = None,
) -> None:
    """Run, write, print, and end with 5 where it does not fit, or where a limit is missed."""
    from snn2chip import pipeline, report
    from snn2chip.report.folder import require_graph, write_run

    limits = limits or ThresholdFlags()
    places = {f"--{name}": path for name, path in files.items()} | {"--junit": limits.junit}
    read = {**o.inputs(network, target, options), "--thresholds": limits.thresholds}
    outputs.check_files(places, read)
    outputs.check_run_folder(out, read, places)
    thresholds = judging.thresholds_of(limits)
    opened, options = o.open_with_target(network, target, options)
    if out is not None:
        require_graph(opened)
    with console.progress() as progress:
        result = pipeline.run(opened, options, progress)
    judgement = pipeline.judge(result, thresholds)
    if out is not None:
        write_run(out, opened, result, options)
    judging.write_junit(limits.junit, judgement, result.violations)
    outputs.write_and_show(report.build(result, judgement), result, files)
    console.wrote(limits.junit, out)
    judging.refuse(judgement, result.violations)
