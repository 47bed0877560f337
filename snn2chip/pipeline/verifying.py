"""A witness against ours: the same network and samples in an outside engine, value by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from snn2chip.backends.loihi.netx import read_net, with_resets
from snn2chip.backends.loihi.netx.writing.write import net_artefacts
from snn2chip.backends.loihi.witness import (
    Plan,
    Recordings,
    compare_net,
    compare_program,
    run_net,
)
from snn2chip.backends.spinnaker.witness.comparing import compare_firmware
from snn2chip.compiled import read_folder
from snn2chip.core import Program
from snn2chip.errors import ConfigError, InputFileError, UnsupportedError
from snn2chip.frontends.onnx.prove import OnnxReport, prove
from snn2chip.frontends.onnx.write import to_bytes
from snn2chip.graph.operators import Array
from snn2chip.pipeline.running import chosen_target, compile_network, require_one
from snn2chip.pipeline.samples import scored_samples
from snn2chip.pipeline.types import Network, Options
from snn2chip.pipeline.verification import Verification, notes_on
from snn2chip.witness import Compared, Engine

NET = "network.net"
"""The file for Lava in a compiled folder."""

_SPARE = 2
_FEW = 4
"""Samples where the user does not say how many."""


def verify_lava(network: Network, options: Options, engine: Engine, plan: Plan) -> Verification:
    """Lava against ours on the samples that the options name.

    Args:
        network: of a ``.net`` file, or a compiled folder that holds one.
        plan: its resets are taken from the options, or follow from the compiled program's windows.

    Raises:
        UnsupportedError: the network has no ``.net``.
        ConfigError: another target than the one that it was compiled for.
        WitnessError: Lava failed.
    """
    require_one(network, "verify")
    chosen_target(network, options)
    if network.program is None or network.path is None:
        raise UnsupportedError(
            f"{network.origin}: nothing that Lava loads",
            needs="a .net file, or a compiled folder that holds one",
            remedy="snn2chip compile NETWORK --target loihi2 -o DIR",
        )
    if network.family is None:
        return _verify_folder(network, network.path, network.program, options, engine, plan)
    name, given = _given(network, network.program, options)
    plan = replace(plan, reset_interval=options.reset_interval, reset_offset=options.reset_offset)
    _require_static(network.program, given, plan)
    recordings = run_net(engine, network.path, network.program, given, plan)
    rows = compare_net(network.program, given, recordings, network.path.name)
    return _verification(network, name, given, plan, recordings, rows)


def _verify_folder(
    network: Network,
    folder: Path,
    program: Program,
    options: Options,
    engine: Engine,
    plan: Plan,
) -> Verification:
    """A compiled program and its ``network.net``; netx's resets make the program's windows.

    Lava starts once where samples may follow each other, else anew for each.
    """
    layout = _layout(folder, program, network.origin)
    name, given = _given(network, program, options)
    steps = len(given) + max(layout.latency.values())
    samples = given.shape[1]
    # Else so long an interval that nothing is reset twice in a run.
    interval = steps if layout.in_a_row else steps + len(layout.layers) + _SPARE
    plan = replace(plan, reset_interval=interval, reset_offset=layout.reset_offset)
    net = with_resets(read_net(folder / NET), interval, layout.reset_offset)
    whole = _as_read(np.asarray(given), steps, net, folder)
    if layout.in_a_row:
        whole = whole.swapaxes(0, 1).reshape(samples * steps, 1, *whole.shape[2:])
    recordings = run_net(engine, folder / NET, net, whole, plan).each_of(samples)
    rows = (
        *compare_net(net, whole, recordings, NET),
        *compare_program(program, layout.layers, layout.latency, given, recordings),
    )
    return replace(
        _verification(network, name, whole, plan, recordings, rows), samples=samples, steps=steps
    )


@dataclass(frozen=True)
class _Layout:
    """What holds of ``network.net``.

    Attributes:
        layers: index of the layer that holds a population.
        latency: Lava's steps before a population's first graph step.
        in_a_row: samples may follow each other in one run.
    """

    layers: Mapping[str, int]
    latency: Mapping[str, int]
    reset_offset: int
    in_a_row: bool


def _layout(folder: Path, program: Program, origin: str) -> _Layout:
    """As the program says it, with which the manifest must agree."""
    artefacts: Any = read_folder(folder).manifest.get("artefacts")
    found = artefacts.get("net") if isinstance(artefacts, dict) else None
    made = net_artefacts(program)
    if made.refused:
        reasons = "\n".join(map(str, made.refused))
        raise UnsupportedError(f"{origin}: no {NET}, which Lava would load\n{reasons}")
    if found is None or not (folder / NET).is_file():
        raise UnsupportedError(
            f"{origin}: no {NET}, which Lava would load",
            needs="layers one after another that lava-dl's file format holds",
            has="a compiled folder without them",
            remedy="compile the network again",
        )
    net = made.manifest["net"]
    if found != net:
        raise InputFileError(
            f"{origin}: manifest.json is damaged: its entry on {NET} is not the program's",
            needs=f"which layer of {NET} holds which population, and when it begins",
            remedy="compile the network again",
        )
    return _Layout(net["layers"], net["latency"], net["reset_offset"], net["samples_in_a_row"])


def _given(network: Network, program: Program, options: Options) -> tuple[str, Array]:
    """(name of the data, [step, sample, *shape]) of a few samples."""
    samples = scored_samples(network.graph, options, free=network.family is not None)
    given = samples.spikes[program.inputs[0].name]
    return samples.name, given if options.samples is not None else given[:, :_FEW]


def _as_read(given: Array, steps: int, net: Program, folder: Path) -> Array:
    """Input spikes in the shape in which the file takes them, and silence to the last step."""
    shape = net.inputs[0].shape
    if prod(shape) != prod(given.shape[2:]):
        raise InputFileError(
            f"{folder / NET}: takes {prod(shape)} values",
            needs=f"{prod(given.shape[2:])}, as the network's input has",
            remedy="compile the network again",
        )
    whole = np.zeros((steps, given.shape[1], *shape), given.dtype)
    whole[: len(given)] = given.reshape(*given.shape[:2], *shape)
    return whole


def _require_static(program: Program, given: Array, plan: Plan) -> None:
    """On a chip the values of input neurons are set once, before the run."""
    if plan.hardware and program.encoding.kind == "direct" and np.any(given[1:]):
        raise ConfigError(
            "--run-config hw with values that change over time",
            needs="one value for each input neuron: x [sample, *shape]",
            has="an input layer with neurons, whose biases are set before the run",
            remedy="static values, or --run-config sim",
        )


def _verification(
    network: Network,
    data: str,
    given: Array,
    plan: Plan,
    recordings: Recordings,
    rows: tuple[Compared, ...],
) -> Verification:
    return Verification(
        network=network.origin,
        data=data,
        samples=given.shape[1],
        steps=len(given),
        reset_interval=plan.reset_interval,
        reset_offset=plan.reset_offset,
        hardware=plan.hardware,
        versions=recordings.versions,
        populations=rows,
        notes=notes_on(rows, plan.hardware),
    )


def verify_firmware(
    network: Network, options: Options, engine: Engine, limit_s: float
) -> Verification:
    """SpiNNaker's firmware in emulated cores against ours, on the samples that the options name.

    Raises:
        ConfigError: a target of another family.
        WitnessError: sPyNNaker or its firmware failed.
    """
    require_one(network, "verify")
    program = compile_network(network, replace(options, samples=1)).check.program
    samples = scored_samples(network.graph, options)
    given = {k: x if options.samples else x[:, :_FEW] for k, x in samples.spikes.items()}
    rows, recordings = compare_firmware(engine, program, given, limit_s)
    first = next(iter(given.values()))
    return Verification(
        network=network.origin,
        data=samples.name,
        samples=first.shape[1],
        steps=len(first) + program.max_latency,
        reset_interval=None,
        reset_offset=0,
        hardware=False,
        versions=recordings.versions,
        populations=rows,
        notes=notes_on(rows, False),
        engine="the firmware",
    )


def verify_onnx(network: Network, options: Options) -> OnnxReport:
    """onnxruntime, which runs one step of the network again and again, against the float graph.

    Raises:
        DriftError: they give other spikes, or membranes; names the first.
        UnsupportedError: a ``.net`` file, or a network that is too large for an ONNX file.
        ConfigError: no samples, or onnxruntime is not installed.
    """
    require_one(network, "verify")
    if network.family is not None:
        raise UnsupportedError(
            f"{network.origin}: a program in a chip's integers in onnxruntime",
            needs="a network in floats: a checkpoint, a .nir or .onnx file or a bundled model",
            remedy="--engine lava",
        )
    samples = scored_samples(network.graph, options)
    few = {name: x if options.samples else x[:, :_FEW] for name, x in samples.spikes.items()}
    path = network.path or Path(network.graph.name)
    return prove(network.graph, few, to_bytes(network.graph), path)
