"""Groups of flags that commands share: a parameter whose type is a group stands for its fields."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from snn2chip.cli import options as o
from snn2chip.errors import ConfigError

if TYPE_CHECKING:
    from snn2chip.pipeline import Options

_BY_NAME = inspect.Parameter.KEYWORD_ONLY


@dataclass(frozen=True)
class NetworkFlags:
    """What a network is, where its file does not say."""

    preset: o.Preset = None
    dt: o.Dt = None
    preset_set: o.PresetSet = None
    reset: o.Reset = None
    encoding: o.EncodingName = None
    repair: o.Repair = False
    policy: o.PolicyName = None
    idle: o.IdleMembers = None


@dataclass(frozen=True)
class QuantizationFlags:
    """How weights become integers."""

    calibrate: o.Calibrate = None
    calibration: o.CalibrationMethod = None
    percentile: o.Percentile = None
    granularity: o.Granularity = "layer"
    weight_bits: o.WeightBits = None
    fine_biases: o.FineBiases = False
    drop_zeros: o.DropZeros = False
    allow_latency: o.AllowLatency = False


@dataclass(frozen=True)
class MappingFlags:
    """Which neuron goes where."""

    mapping: o.MappingFile = None
    objective: o.Objective = None
    partition: o.PartitionName = "auto"
    chips: o.Chips = 1
    cores: o.Cores = None


@dataclass(frozen=True)
class SampleFlags:
    """What is run, and for how long."""

    data: o.Data = None
    steps: o.Steps = None
    samples: o.Samples = None
    seed: o.Seed = 0


@dataclass(frozen=True)
class EngineFlags:
    """How a run is computed."""

    arithmetic: o.ArithmeticName = None
    reset_interval: o.ResetInterval = None
    reset_offset: o.ResetOffset = 0
    batch: Annotated[int, typer.Option(min=1, max=o.MAX, help="Samples simulated together.")] = 256
    block_steps: Annotated[
        int | None,
        typer.Option(min=1, max=o.MAX, help="Steps computed together.", show_default="chosen"),
    ] = None
    device: o.Device = "cpu"


@dataclass(frozen=True)
class TraceFlags:
    """What is recorded beside the report."""

    trace: Annotated[Path | None, typer.Option(help="Write spikes per step to an .npz.")] = None
    trace_state: Annotated[
        bool, typer.Option("--trace-state", help="Add membranes and currents to --trace.")
    ] = False


@dataclass(frozen=True)
class CurveFlags:
    """Figures by the number of steps."""

    steps_curve: Annotated[
        bool,
        typer.Option(
            "--steps-curve",
            help="Add accuracy, energy and latency by the number of steps to the report.",
        ),
    ] = False
    curve_csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Write them as CSV; - is standard output."),
    ] = None


@dataclass(frozen=True)
class ReportFlags:
    """Files of a report."""

    json: Annotated[
        Path | None, typer.Option(help="Write the report as JSON; - is standard output.")
    ] = None
    csv: Annotated[
        Path | None, typer.Option(help="Write the layers as CSV; - is standard output.")
    ] = None
    cores_csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Write the cores as CSV; - is standard output."),
    ] = None
    html: Annotated[Path | None, typer.Option(help="Write the report as HTML.")] = None

    @property
    def files(self) -> dict[str, Path]:
        """Those that the user names, by form."""
        given = {
            "json": self.json,
            "csv": self.csv,
            "cores-csv": self.cores_csv,
            "html": self.html,
        }
        return {form: path for form, path in given.items() if path is not None}


@dataclass(frozen=True)
class ComparisonFlags:
    """Files of a comparison."""

    json: Annotated[
        Path | None, typer.Option(help="Write the comparison as JSON; - is standard output.")
    ] = None
    csv: Annotated[
        Path | None,
        typer.Option(
            help="Write a row for each target, or for each figure and layer of two runs, as CSV; "
            "- is standard output."
        ),
    ] = None
    html: Annotated[Path | None, typer.Option(help="Write the comparison as HTML.")] = None

    @property
    def files(self) -> dict[str, Path]:
        """Those that the user names, by form."""
        given = {"json": self.json, "csv": self.csv, "html": self.html}
        return {form: path for form, path in given.items() if path is not None}


@dataclass(frozen=True)
class ThresholdFlags:
    """Limits that end a command with 7, or 6 for drift, where they are missed."""

    max_energy_nj: Annotated[
        float | None,
        typer.Option("--max-energy-nj", help="End with 7 above this energy per inference, in nJ."),
    ] = None
    max_latency_us: Annotated[
        float | None,
        typer.Option(
            "--max-latency-us", help="End with 7 above this time per inference, in microseconds."
        ),
    ] = None
    min_accuracy: Annotated[
        float | None,
        typer.Option("--min-accuracy", help="End with 7 below this share of right predictions."),
    ] = None
    max_cores: Annotated[
        int | None, typer.Option("--max-cores", help="End with 7 where more cores are used.")
    ] = None
    max_drift: Annotated[
        float | None,
        typer.Option(
            "--max-drift",
            help="End with 6 where a larger share of predictions differs from the float network's.",
        ),
    ] = None
    thresholds: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="Take these limits from the section [thresholds] of a file; flags go first.",
        ),
    ] = None
    junit: Annotated[
        Path | None,
        typer.Option(metavar="FILE.xml", help="Write what was judged as JUnit XML."),
    ] = None


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with a flag for every field of the groups among its parameters."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, type[Any]] = {}
    own: list[inspect.Parameter] = []
    shared: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if not (isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation)):
            own.append(parameter.replace(kind=_BY_NAME))
            continue
        group = groups[parameter.name] = parameter.annotation
        hints = get_type_hints(group, include_extras=True)
        shared += [
            inspect.Parameter(f.name, _BY_NAME, default=f.default, annotation=hints[f.name])
            for f in fields(group)
        ]

    def run(**given: Any) -> None:
        made = {
            name: group(**{f.name: given.pop(f.name) for f in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **made)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = signature.replace(parameters=[*own, *shared])  # type: ignore[attr-defined]
    return run


def options_of(*groups: object, **more: Any) -> Options:
    """The options that the flags of these groups say, and some more.

    Raises:
        ConfigError: flags that make no sense together.
    """
    from snn2chip.pipeline import Options

    said = {f.name: getattr(g, f.name) for g in groups for f in fields(g)}  # type: ignore[arg-type]
    said |= more
    if said.get("trace_state") and said["trace"] is None:
        raise ConfigError("--trace-state without --trace", remedy="add --trace FILE.npz")
    if said.get("reset_offset") and said["reset_interval"] is None:
        raise ConfigError("--reset-offset without --reset-interval", remedy="--reset-interval N")
    if "trace" in said:
        said["trace"] = said["trace"] is not None
    return Options(**{**said, "preset_set": o.key_values(said.get("preset_set"))})
