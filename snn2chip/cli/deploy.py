"""``snn2chip demo`` and ``snn2chip simulate``: the whole chain, and its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snn2chip.cli import console, outputs
from snn2chip.cli import options as o

if TYPE_CHECKING:
    from snn2chip.pipeline import Options


def demo(
    target: o.Chip = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the reports.")] = Path(
        "demo-out"
    ),
) -> None:
    """The whole chain on the bundled digits student, with the report as HTML, JSON and CSV."""
    from snn2chip.pipeline import Options

    files = {name: out / f"report.{name}" for name in ("html", "json", "csv")}
    _deploy(None, target, Options(), files)


def simulate(
    network: o.Network = None,
    target: o.Chip = None,
    data: o.Data = None,
    calibrate: o.Calibrate = None,
    calibration: o.CalibrationMethod = None,
    percentile: o.Percentile = None,
    granularity: o.Granularity = "layer",
    weight_bits: o.WeightBits = None,
    steps: o.Steps = None,
    samples: o.Samples = None,
    preset: o.Preset = None,
    dt: o.Dt = None,
    preset_set: o.PresetSet = None,
    reset: o.Reset = None,
    encoding: o.EncodingName = None,
    repair: o.Repair = False,
    arithmetic: o.ArithmeticName = None,
    reset_interval: o.ResetInterval = None,
    reset_offset: o.ResetOffset = 0,
    fine_biases: o.FineBiases = False,
    allow_latency: o.AllowLatency = False,
    seed: o.Seed = 0,
    mapping: o.MappingFile = None,
    costs: o.Costs = None,
    timing: o.Timing = "simple",
    batch: Annotated[int, typer.Option(min=1, max=o.MAX, help="Samples simulated together.")] = 256,
    block_steps: Annotated[
        int | None,
        typer.Option(min=1, max=o.MAX, help="Steps computed together.", show_default="chosen"),
    ] = None,
    device: o.Device = "cpu",
    trace: Annotated[Path | None, typer.Option(help="Write spikes per step to an .npz.")] = None,
    trace_state: Annotated[
        bool, typer.Option("--trace-state", help="Add membranes and currents to --trace.")
    ] = False,
    json: Annotated[
        Path | None, typer.Option(help="Write the report as JSON; - is standard output.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write the layers as CSV; - is standard output.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as HTML.")] = None,
) -> None:
    """Run a network as the chip would, and report accuracy, drift, energy and time per layer."""
    from snn2chip.errors import ConfigError
    from snn2chip.pipeline import Options

    if trace_state and trace is None:
        raise ConfigError("--trace-state without --trace", remedy="add --trace FILE.npz")
    if reset_offset and reset_interval is None:
        raise ConfigError("--reset-offset without --reset-interval", remedy="--reset-interval N")
    chosen = Options(
        data=data,
        calibrate=calibrate,
        calibration=calibration,
        percentile=percentile,
        granularity=granularity,
        weight_bits=weight_bits,
        steps=steps,
        samples=samples,
        preset=preset,
        dt=dt,
        preset_set=o.key_values(preset_set),
        reset=reset,
        encoding=encoding,
        repair=repair,
        arithmetic=arithmetic,
        reset_interval=reset_interval,
        reset_offset=reset_offset,
        fine_biases=fine_biases,
        allow_latency=allow_latency,
        seed=seed,
        mapping=mapping,
        costs=costs,
        timing=timing,
        batch=batch,
        block_steps=block_steps,
        device=device,
        trace=trace is not None,
        trace_state=trace_state,
    )
    files = {"json": json, "csv": csv, "html": html, "trace": trace}
    _deploy(
        network, target, chosen, {name: path for name, path in files.items() if path is not None}
    )


def _deploy(
    network: str | None, target: str | None, options: Options, files: dict[str, Path]
) -> None:
    """Run, write, print, and end with 5 where it does not fit."""
    from snn2chip import pipeline, report
    from snn2chip.report import terminal

    outputs.check_files(
        {f"--{name}": path for name, path in files.items()},
        o.inputs(network, target, options),
    )
    opened, options = o.open_with_target(network, target, options)
    with console.progress() as progress:
        result = pipeline.run(opened, options, progress)
    made = report.build(result)
    outputs.write_outputs(made, result, files)
    if outputs.HERE not in files.values():
        with console.results():
            terminal.show(made)
    console.wrote(*files.values())
    console.refuse(result.violations)
