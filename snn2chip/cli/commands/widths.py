"""``snn2chip quantize``: accuracy, memory and energy by the width of the weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snn2chip.cli import console, outputs
from snn2chip.cli import options as o

if TYPE_CHECKING:
    from snn2chip.pipeline import WidthTable

COLUMNS = (
    "weight_bits",
    "accuracy",
    "predictions_differing",
    "output_spikes_differing",
    "synaptic_words",
    "synaptic_kib",
    "cores",
    "dynamic_nj",
    "fits",
)
_MOST_WIDTHS = 64


def quantize(
    network: o.Network = None,
    target: o.Chip = None,
    bits: Annotated[
        str | None,
        typer.Option(
            metavar="1-8|4,6,8",
            help="Widths of the weights, the sign included.",
            show_default="all of the target",
        ),
    ] = None,
    data: o.Data = None,
    calibrate: o.Calibrate = None,
    calibration: o.CalibrationMethod = None,
    percentile: o.Percentile = None,
    granularity: o.Granularity = "layer",
    steps: o.Steps = None,
    samples: o.Samples = None,
    preset: o.Preset = None,
    dt: o.Dt = None,
    preset_set: o.PresetSet = None,
    reset: o.Reset = None,
    encoding: o.EncodingName = None,
    repair: o.Repair = False,
    fine_biases: o.FineBiases = False,
    drop_zeros: o.DropZeros = False,
    allow_latency: o.AllowLatency = False,
    seed: o.Seed = 0,
    costs: o.Costs = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the table as JSON; - is standard output.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write the table as CSV; - is standard output.")
    ] = None,
) -> None:
    """A table of accuracy, drift, synaptic memory and energy by the width of the weights."""
    from snn2chip import pipeline

    widths = None if bits is None else parsed_widths(bits)
    chosen = pipeline.Options(
        data=data,
        calibrate=calibrate,
        calibration=calibration,
        percentile=percentile,
        granularity=granularity,
        steps=steps,
        samples=samples,
        preset=preset,
        dt=dt,
        preset_set=o.key_values(preset_set),
        reset=reset,
        encoding=encoding,
        repair=repair,
        fine_biases=fine_biases,
        drop_zeros=drop_zeros,
        allow_latency=allow_latency,
        seed=seed,
        costs=costs,
    )
    files = {"--json": json, "--csv": csv}
    outputs.check_files(files, o.inputs(network, target, chosen))
    opened, chosen = o.open_with_target(network, target, chosen)
    with console.progress() as progress:
        table = pipeline.quantize_table(opened, chosen, widths, progress)
    contents = {"--json": _json, "--csv": _csv}
    outputs.write_texts({path: contents[flag](table) for flag, path in files.items() if path})
    if outputs.HERE not in files.values():
        console.out(_text(table))
    console.wrote(json, csv)


def parsed_widths(text: str) -> tuple[int, ...]:
    """``1-8`` or ``4,6,8`` as numbers.

    Raises:
        ConfigError: anything else.
    """
    from snn2chip.errors import ConfigError

    widths: list[int] = []
    for part in text.split(","):
        ends = [end.strip() for end in part.split("-")]
        whole = all(end.isascii() and end.isdigit() and len(end) < 4 for end in ends)
        if not whole or len(ends) > 2 or int(ends[0]) > int(ends[-1]):
            raise ConfigError(
                f"--bits {text[: outputs.SHOWN]!r}",
                needs="widths, as a range or a list",
                remedy="--bits 1-8, or --bits 4,6,8",
            )
        widths += range(int(ends[0]), int(ends[-1]) + 1)
    return tuple(dict.fromkeys(widths))[:_MOST_WIDTHS]


def _json(table: WidthTable) -> str:
    import json

    return json.dumps(table.to_dict(), indent=2) + "\n"


def _csv(table: WidthTable) -> str:
    """One row per width; the float graph's has no width."""
    import csv
    from io import StringIO

    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in table.rows:
        values = (getattr(row, name) for name in COLUMNS)
        writer.writerow(["" if value is None else value for value in values])
    return stream.getvalue()


def _scales(table: WidthTable) -> str:
    """The method and what has a scale of its own; the widths are the rows'."""
    method, granularity, *rest = table.quantization.sentence.split(", ")
    return ", ".join([method, granularity, *(x for x in rest if not x.startswith("weights of"))])


def _text(table: WidthTable) -> str:
    """The table for people, with how it was made above it."""
    from snn2chip.report.numbers import UNKNOWN, accuracy, plural, significant, whole

    def said(value: float | None, form: str = "") -> str:
        if value is None:
            return "-"
        return whole(int(value)) if form == "whole" else significant(value)

    rows = [
        (
            "float" if row.weight_bits is None else row.weight_bits,
            UNKNOWN if row.accuracy is None else accuracy(row.accuracy),
            whole(row.predictions_differing),
            whole(row.output_spikes_differing),
            said(row.synaptic_words, "whole"),
            said(row.synaptic_kib),
            said(row.cores, "whole") + ("" if row.fits else " (does not fit)"),
            said(row.dynamic_nj),
        )
        for row in table.rows
    ]
    head = (
        *("bits", "accuracy", "predictions", "output spikes", "memory", "memory", "cores"),
        "dynamic",
    )
    units = ("", "", "differing", "differing", "words", "KiB", "", "nJ/inference")
    runs = f"{plural(table.samples, 'sample')} of {plural(table.steps, 'step')}"
    return "\n".join(
        (
            console.shown(f"{table.network} on {table.target}: {runs}, data {table.data}"),
            console.shown(f"scales by {_scales(table)}; prices {table.cost_table}"),
            console.shown(f"calibrated on {table.calibrated_on}"),
            "",
            console.table(head, [units, *rows]),
        )
    )
