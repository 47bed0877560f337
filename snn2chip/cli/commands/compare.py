"""``snn2chip compare``: several targets side by side, or what changed between two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from snn2chip.cli import console, outputs, reading
from snn2chip.cli import options as o
from snn2chip.cli.groups import (
    ComparisonFlags,
    EngineFlags,
    MappingFlags,
    NetworkFlags,
    QuantizationFlags,
    SampleFlags,
    grouped,
    options_of,
)
from snn2chip.errors import ConfigError

if TYPE_CHECKING:
    from snn2chip.pipeline import Options
    from snn2chip.report.comparison import Changes, Comparison


@grouped
def compare(
    sampled: SampleFlags,
    opened: NetworkFlags,
    quantized: QuantizationFlags,
    engine: EngineFlags,
    placed: MappingFlags,
    written: ComparisonFlags,
    network: Annotated[
        str, typer.Argument(metavar="NETWORK|DIR", help="A network, or the folder of a run.")
    ],
    other: Annotated[
        str | None,
        typer.Argument(metavar="DIR", help="The folder of a later run.", show_default=False),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C", help="Targets side by side; loihi1:sanafe_nahuku names a cost table."
        ),
    ] = None,
    max_regression: Annotated[
        float | None,
        typer.Option(
            "--max-regression",
            metavar="PCT",
            help="Of two runs: end with 7 where a figure got worse by more than so many per cent, "
            "or points of an accuracy or drift.",
        ),
    ] = None,
) -> None:
    """Put targets side by side (--targets), or two runs (two folders)."""
    options = options_of(sampled, opened, quantized, engine, placed)
    if other is not None:
        _two_runs(network, other, targets, max_regression, options, written)
        return
    if targets is None:
        raise ConfigError(
            f"compare {network}: with what?",
            needs="targets, or the folder of another run",
            remedy="--targets loihi1,loihi2, or compare DIR_A DIR_B",
        )
    if max_regression is not None:
        raise ConfigError("--max-regression of targets", needs="two runs: compare DIR_A DIR_B")
    _targets(network, [word.strip() for word in targets.split(",")], options, written)


def _targets(network: str, targets: list[str], options: Options, written: ComparisonFlags) -> None:
    from snn2chip import pipeline
    from snn2chip.report.comparison import comparison_of

    read = o.inputs(network, None, options)
    files = [word for word in targets if word.endswith(".toml")]
    outputs.check_files(
        {f"--{form}": path for form, path in written.files.items()},
        {**read, **{f"--targets {word}": word for word in files}},
    )
    opened = pipeline.open_network(network, options)
    console.note(f"network: {opened.origin}")
    o.tell_repairs(opened)
    with console.progress() as progress:
        found = pipeline.compare_targets(opened, targets, options, progress)
    _show(comparison_of(found), written)


def _two_runs(
    before: str,
    after: str,
    targets: str | None,
    max_regression: float | None,
    options: Options,
    written: ComparisonFlags,
) -> None:
    from snn2chip.pipeline import Options
    from snn2chip.report.comparison import changes_of

    if targets is not None or options != Options():
        raise ConfigError(
            "options of a run with two folders",
            needs="two runs that were saved already, and nothing that changes them",
            remedy="leave these options out, or simulate again with -o DIR",
        )
    files = {f"--{form}": path for form, path in written.files.items()}
    outputs.check_files({}, {"before": before, "after": after})
    sides = reading.place_of(before), reading.place_of(after)
    outputs.check_files(files, {"before": sides[0], "after": sides[1]})
    reports = reading.report_of(sides[0]), reading.report_of(sides[1])
    changes = changes_of(*reports, (before, after), max_regression)
    _show(changes, written)
    changes.check()


def _show(compared: Comparison | Changes, written: ComparisonFlags) -> None:
    """Writes every form that was asked for, and prints the tables."""
    from snn2chip.report.comparison import forms, page, printing

    made = {"json": forms.json_text, "csv": forms.csv_text, "html": page.text}
    texts = {path: made[form](compared) for form, path in written.files.items()}
    outputs.write_texts(texts)
    if outputs.HERE not in texts:
        with console.results():
            printing.show(compared)
    console.wrote(*texts)
