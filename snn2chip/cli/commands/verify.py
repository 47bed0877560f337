"""``snn2chip verify``: an outside engine runs the same network, and must give the same."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from snn2chip.cli import console, outputs
from snn2chip.cli import options as o
from snn2chip.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from snn2chip.backends.loihi.witness import Plan
    from snn2chip.pipeline import Network, Options
    from snn2chip.pipeline.verification import Verification
    from snn2chip.witness import Engine

ENGINES = ("lava", "firmware", "onnx")
SCHEMA = "snn2chip/verification/1"
LAVA, SPINNAKER = "Lava", "spinnaker1"

RunConfig: TypeAlias = Annotated[
    str, typer.Option(metavar="sim|hw", help="Lava on this processor, or on a chip.")
]
LavaPython: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        envvar="SNN2CHIP_LAVA_PYTHON",
        help="A Python 3.10 of yours that has Lava, such as one with Intel's extension.",
        show_default="an environment that is made for it, once",
    ),
]
Python310: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--python-310",
        help="An interpreter of Python 3.10 to make the environment from.",
        show_default="one is looked for",
    ),
]
TimeLimit: TypeAlias = Annotated[
    int, typer.Option(min=1, max=o.MAX, help="Seconds after which the engine is ended.")
]

_HEAD = ("population", "in", "compared", "spikes", "values", "mismatches", "first at")


def verify(
    network: o.Network = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="lava|firmware|onnx",
            help="Who confirms: Lava with netx, SpiNNaker's firmware in an emulated board, or "
            "onnxruntime.",
        ),
    ] = "lava",
    target: o.Chip = None,
    data: o.Data = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=o.MAX,
            help="Samples to compare; the engine starts anew for each.",
            show_default="4, or as many as there are",
        ),
    ] = None,
    steps: o.Steps = None,
    calibrate: o.Calibrate = None,
    preset: o.Preset = None,
    dt: o.Dt = None,
    encoding: o.EncodingName = None,
    reset_interval: o.ResetInterval = None,
    reset_offset: o.ResetOffset = 0,
    seed: o.Seed = 0,
    run_config: RunConfig = "sim",
    lava_python: LavaPython = None,
    python_310: Python310 = None,
    time_limit: TimeLimit = 600,
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="Make the engine's environment, print its Python, and end."),
    ] = False,
    json: Annotated[
        Path | None, typer.Option(help="Write the comparison as JSON; - is standard output.")
    ] = None,
) -> None:
    """Compare every spike and state with an outside engine. Ends with 6 where one differs."""
    from snn2chip.backends.loihi.witness import Plan, lava_engine
    from snn2chip.pipeline import Options

    _check_words(engine)
    lavas = {"--run-config": run_config != "sim", "--python-310": python_310 is not None}
    resets = {"--reset-interval": reset_interval is not None, "--reset-offset": bool(reset_offset)}
    _check_lavas(engine, {**lavas, **resets})
    _check_run_config(run_config, lava_python)
    if prepare:
        console.out(str(_prepared(engine, lava_python, python_310).python))
        return
    chosen = Options(
        data=data,
        samples=samples,
        steps=steps,
        calibrate=calibrate,
        preset=preset,
        dt=dt,
        encoding=encoding,
        reset_interval=reset_interval,
        reset_offset=reset_offset,
        seed=seed,
    )
    outputs.check_files({"--json": json}, o.inputs(network, target, chosen))
    default = SPINNAKER if engine == "firmware" and target is None else target
    opened, chosen = o.open_with_target(network, default, chosen)
    if engine == "onnx":
        _onnx(opened, chosen, json)
        return
    if engine == "firmware":
        _show(_in_firmware(opened, chosen, time_limit), json)
        return
    _require(chosen, engine, "loihi", "loihi2")
    lava = lava_engine(lava_python, python_310, console.note)
    plan = Plan(hardware=run_config == "hw", limit_s=time_limit)
    _show(_lava(opened, chosen, lava, plan), json)


def _check_words(engine: str) -> None:
    if engine not in ENGINES:
        raise ConfigError(
            f"--engine {engine!r}",
            has="engines: lava (Loihi's fixed-point model), firmware (SpiNNaker 1's binaries), "
            "onnx (onnxruntime, of the float graph)",
            remedy=did_you_mean(engine, ENGINES),
        )


def _check_run_config(run_config: str, lava_python: Path | None) -> None:
    if run_config not in ("sim", "hw"):
        raise ConfigError(f"--run-config {run_config!r}", needs="sim or hw")
    if run_config == "hw" and lava_python is None:
        raise ConfigError(
            "--run-config hw without --lava-python",
            needs="Lava with Intel's extension for Loihi, which members of its research community "
            "get, and a chip",
            has="an environment of public packages, which runs Lava on this processor only",
            remedy="--lava-python PYTHON of the environment that has the extension",
        )


def _check_lavas(engine: str, lavas: Mapping[str, bool]) -> None:
    """Refuse options that mean something to Lava only, and a reset that has no interval."""
    given = [name for name, there in lavas.items() if there]
    if engine == LAVA.lower():
        if lavas["--reset-offset"] and not lavas["--reset-interval"]:
            raise ConfigError(
                "--reset-offset without --reset-interval", remedy="--reset-interval N"
            )
    elif given:
        raise ConfigError(
            f"{', '.join(given)} of --engine {engine}",
            needs="--engine lava",
            has="an engine that they mean nothing to: every sample is a run of its own",
            remedy="leave it out" if len(given) == 1 else "leave them out",
        )


def _require(options: Options, engine: str, family: str, usual: str) -> None:
    """Refuse a target of another family than the engine's."""
    from snn2chip.targets import load_target

    target = load_target(options.target)
    if target.family != family:
        raise ConfigError(
            f"--engine {engine} with target {target.name!r}",
            needs=f"a chip of the family {family}, whose arithmetic the engine computes",
            has=f"family {target.family!r}",
            remedy=f"--target {usual}, or --engine onnx for the float graph",
        )


def _prepared(engine: str, lava_python: Path | None, python_310: Path | None) -> Engine:
    from snn2chip.backends.loihi.witness import lava_engine

    if engine == "firmware":
        return _firmware()
    if engine != "lava":
        raise ConfigError(
            f"--prepare of --engine {engine}",
            needs="lava or firmware, which have an environment of their own",
            remedy="pip install 'snn2chip[onnx]' for onnxruntime",
        )
    return lava_engine(lava_python, python_310, console.note)


def _firmware() -> Engine:
    from snn2chip.backends.spinnaker.witness import spinnaker_engine

    return spinnaker_engine(tell=console.note)


def _in_firmware(opened: Network, options: Options, limit_s: int) -> Verification:
    from snn2chip.pipeline.verifying import verify_firmware

    _require(options, "firmware", "spinnaker", SPINNAKER)
    return verify_firmware(opened, options, _firmware(), limit_s)


def _lava(opened: Network, options: Options, engine: Engine, plan: Plan) -> Verification:
    """A graph is compiled first, into a folder that does not stay."""
    import tempfile

    from snn2chip import pipeline
    from snn2chip.pipeline.verifying import verify_lava
    from snn2chip.report.folder import write_compiled

    if opened.program is not None:
        return verify_lava(opened, options, engine, plan)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "compiled"
        with console.progress() as progress:
            # Its own run of the samples is of no use here.
            made = pipeline.compile_network(opened, replace(options, samples=1), progress)
        console.refuse(made.check.violations)
        write_compiled(folder, opened, made, options)
        running = replace(options, calibrate=None, preset=None, dt=None, encoding=None)
        compiled = replace(pipeline.open_network(folder, running), origin=opened.origin)
        return verify_lava(compiled, running, engine, plan)


def _onnx(opened: Network, options: Options, json: Path | None) -> None:
    from snn2chip.cli.onnx_step import sentence
    from snn2chip.pipeline.verifying import verify_onnx

    proof = verify_onnx(opened, options)
    found = {key: value for key, value in asdict(proof).items() if key != "path"}
    _write({"engine": "onnx", "network": opened.origin, **found}, json)
    if json != outputs.HERE:
        console.out(sentence(proof))


def _show(found: Verification, json: Path | None) -> None:
    """The table, the file, and the end with 6 where a value differs."""
    from snn2chip.report.numbers import plural

    name = "lava" if found.engine == LAVA else "firmware"
    _write({**asdict(found), "engine": name, "mismatches": found.mismatches}, json)
    if json != outputs.HERE:
        versions = ", ".join(f"{name} {text}" for name, text in found.versions.items())
        samples = plural(found.samples, "sample")
        if name == "lava":
            place = "Loihi2HwCfg" if found.hardware else "Loihi2SimCfg, fixed_pt"
            console.out(f"Lava: {versions}; {place}")
            console.out(f"{samples} of {found.data}, {found.steps} steps of Lava each")
            console.out(f"{_resets(found)}\n\n")
        else:
            console.out(f"firmware: {versions}; an emulated board")
            console.out(f"{samples} of {found.data}, {found.steps} steps each, loaded anew\n\n")
        console.out(console.table(_HEAD, [_row(row) for row in asdict(found)["populations"]]))
        console.out(f"\n{found.mismatches:,} mismatches in {found.values:,} values")
    for line in found.notes:
        console.note(f"note: {console.shown(line)}")
    found.require_equal()


def _row(row: Mapping[str, Any]) -> tuple[object, ...]:
    layer = "" if row["population"] == row["layer"] else f", {row['layer']}"
    return (
        row["population"],
        f"{row['against']}{layer}",
        ", ".join(row["states"]),
        row["spikes"],
        row["values"],
        row["mismatches"],
        "-" if row["first"] is None else f"step {row['first']['step']}",
    )


def _resets(found: Verification) -> str:
    if found.reset_interval is None:
        return "never reset"
    return f"reset every {found.reset_interval} steps from step {found.reset_offset + 1} on"


def _write(content: Mapping[str, Any], path: Path | None) -> None:
    if path is None:
        return
    from snn2chip.files import write_text

    text = jsonlib.dumps({"schema": SCHEMA, **content}, indent=2) + "\n"
    if path == outputs.HERE:
        console.out(text)
        return
    write_text(path, text)
    console.wrote(path)
