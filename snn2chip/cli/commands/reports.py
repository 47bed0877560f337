"""``snn2chip report``: a run that was saved, shown and priced again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snn2chip.cli import console, judging, outputs, reading
from snn2chip.cli import options as o
from snn2chip.cli.groups import CurveFlags, ReportFlags, ThresholdFlags, grouped
from snn2chip.errors import InputFileError

if TYPE_CHECKING:
    from snn2chip.pipeline import Result

AGAIN = "save the run: snn2chip simulate NETWORK -o DIR"


@grouped
def report(
    written: ReportFlags,
    curve: CurveFlags,
    limits: ThresholdFlags,
    folder: Annotated[
        str,
        typer.Argument(metavar="DIR", help="A folder of a run, demo-out, or a report.json."),
    ],
    target: Annotated[
        str | None,
        typer.Option(
            "-t",
            "--target",
            help="Price the run on another chip: a bundled target, or a .toml file of yours.",
            show_default="the chip that it ran for",
        ),
    ] = None,
    mapping: o.MappingFile = None,
    costs: o.Costs = None,
    timing: o.OtherTiming = None,
) -> None:
    """Show a saved run again, or at other prices; nothing is simulated."""
    from snn2chip import pipeline

    asked: dict[str, object] = {
        "--target": target,
        "--mapping": mapping,
        "--costs": costs,
        "--timing": timing,
        "--html": written.html,
    }
    asked |= {"--steps-curve": curve.steps_curve or None, "--thresholds": limits.thresholds}
    asked |= {"--curve-csv": curve.curve_csv, "--junit": limits.junit}
    given = [flag for flag, value in asked.items() if value is not None]
    more = bool(given) or judging.thresholds_of(limits).given
    if pipeline.has_run(folder) and (more or pipeline.target_since(folder) != "gone"):
        _rerun(folder, target, (costs, mapping, timing), written, curve, limits)
        return
    if more:
        raise InputFileError(
            f"{folder}: " + (", ".join(given) or "limits") + " of a report alone",
            needs="a folder that holds the run: activity.safetensors",
            has="a report, without what the network did",
            remedy=AGAIN,
        )
    _reprint(folder, written)


def _rerun(
    folder: str,
    target: str | None,
    prices: tuple[str | None, Path | None, str | None],
    written: ReportFlags,
    curve: CurveFlags,
    limits: ThresholdFlags,
) -> None:
    """The saved run at the prices that the user names, in every form.

    Args:
        prices: cost table, mapping and model of time.
    """
    from snn2chip import pipeline
    from snn2chip import report as reports
    from snn2chip.targets import load_target

    files = written.files | ({} if curve.curve_csv is None else {"curve-csv": curve.curve_csv})
    costs, mapping, timing = prices
    read = o.inputs(folder, target, pipeline.Options(mapping=mapping))
    outputs.check_files(
        {f"--{name}": path for name, path in files.items()} | {"--junit": limits.junit},
        {**read, "--thresholds": limits.thresholds},
    )
    thresholds = judging.thresholds_of(limits)
    result = pipeline.open_run(folder)
    _require_curve(folder, result, curve)
    if (target, *prices) != (None, None, None, None):
        chip = None if target is None else load_target(target)
        costs = result.energy.table if costs is None and chip is None else costs
        result = pipeline.reprice(result, costs, chip, mapping, timing=timing)
    judgement = pipeline.judge(result, thresholds)
    outputs.write_and_show(reports.build(result, judgement), result, files)
    judging.write_junit(limits.junit, judgement, result.violations)
    console.wrote(limits.junit)
    judging.refuse(judgement, result.violations)


def _require_curve(folder: str, result: Result, curve: CurveFlags) -> None:
    if (curve.steps_curve or curve.curve_csv is not None) and not result.curve:
        raise InputFileError(
            f"{folder}: figures by the number of steps",
            needs="the readout of every step",
            has="that of the last one",
            remedy="simulate with --steps-curve -o DIR",
        )


def _reprint(folder: str, written: ReportFlags) -> None:
    """A ``report.json``, shown and written again."""
    from snn2chip.report import csvfile, jsonfile, terminal

    outputs.check_files({}, {"report": folder})
    path = reading.place_of(folder)
    outputs.check_files(
        {f"--{form}": place for form, place in written.files.items()}, {"report": path}
    )
    found = reading.report_of(path)
    forms = {
        "json": jsonfile.text,
        "csv": csvfile.text,
        "cores-csv": csvfile.cores_text,
    }
    texts = {place: forms[form](found) for form, place in written.files.items()}
    outputs.write_texts(texts)
    if outputs.HERE not in texts:
        with console.results():
            terminal.show(found)
    console.wrote(*texts)
