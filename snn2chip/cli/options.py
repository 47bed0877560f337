"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from snn2chip.cli import console
from snn2chip.cli.outputs import SHOWN, Inputs
from snn2chip.errors import ConfigError, InputFileError

if TYPE_CHECKING:
    from snn2chip.pipeline import Network as OpenNetwork
    from snn2chip.pipeline import Options

DEFAULT_TARGET = "loihi2"

MAX = 2**31 - 1
"""Of steps and samples; more is a slip of the hand."""

Network: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        help="A .nir, .net or .onnx file, a checkpoint, a compiled folder, or a bundled model's "
        "name; without it the bundled digits student.",
        show_default=False,
    ),
]
GivenNetwork: TypeAlias = Annotated[
    str,
    typer.Argument(
        help="A .nir, .net or .onnx file, a checkpoint, a compiled folder, or a bundled model."
    ),
]
Chip: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        help="A bundled target's name, or a .toml file of yours.",
        show_default=f"{DEFAULT_TARGET}, or what a folder was compiled for",
    ),
]
DemoChip: TypeAlias = Annotated[
    str,
    typer.Option("--target", "-t", help="A bundled target's name, or a .toml file of yours."),
]
Data: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="A name of `snn2chip data list`, 'random' (synthetic, its energy means nothing), or "
        "an .npz file.",
        show_default="the data set named in the network's metadata",
    ),
]
Calibrate: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Data that scales are picked from, like --data.",
        show_default="the training split of --data",
    ),
]
CalibrationMethod: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--calibration",
        metavar="spikes|accuracy|mse|percentile|max",
        help="How scales are picked from it.",
        show_default="spikes, or max without data",
    ),
]
Percentile: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="Per cent of the weights that a range holds, of --calibration percentile.",
        show_default="99.9",
    ),
]
Granularity: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="layer|neuron",
        help="A scale and threshold per layer, or per neuron (of a convolution per channel).",
    ),
]
WeightBits: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--weight-bits",
        help="Width of the stored weights, the sign included.",
        show_default="the target's",
    ),
]
Steps: TypeAlias = Annotated[int | None, typer.Option(min=1, max=MAX, help="Steps per sample.")]
Samples: TypeAlias = Annotated[int | None, typer.Option(min=1, max=MAX, help="Samples to score.")]
Preset: TypeAlias = Annotated[
    str | None,
    typer.Option(help="The discretization of a framework, for example norse or snntorch."),
]
Dt: TypeAlias = Annotated[
    float | None, typer.Option(help="Length of a step, in the network file's own unit.")
]
PresetSet: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="Override one field of the discretization; repeatable."),
]
Reset: TypeAlias = Annotated[
    str | None, typer.Option(metavar="zero|value|subtract", help="What a spike does to the state.")
]
EncodingName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="none|if|rate|latency|direct",
        help="Values into spikes: 'if', 'rate' (random by --seed), 'latency'; 'direct' gives the "
        "values, on the reference target and on SpiNNaker.",
    ),
]
Repair: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--repair",
        help="Repair a malformed NIR file where there is one reading of it, and list the changes.",
    ),
]
PolicyName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--policy",
        metavar="budget=N|confidence=P|margin=P|entropy=P|gate=S|all",
        help="Which members of an ensemble answer.",
        show_default="the ensemble's own",
    ),
]
IdleMembers: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--idle",
        metavar="clocked|gated",
        help="What members of an ensemble do while others run.",
        show_default="the ensemble's own",
    ),
]
AllowLatency = Annotated[
    bool,
    typer.Option(
        "--allow-latency",
        help="Run cycles that are too tight for the chip with longer delays, reported as drift.",
    ),
]
FineBiases: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--fine-biases",
        help="Biases as fine as the chip holds them, finer than lava-dl's .net can.",
    ),
]
DropZeros: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--drop-zeros",
        help="Do not load synapses of weight 0: they have neither events nor memory.",
    ),
]
ArithmeticName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--arithmetic",
        metavar="chip|lava|brian2",
        help="What silicon holds, or what Lava (Loihi) or Brian2 (SpiNNaker 2) makes of it.",
        show_default="lava for a .net file, else chip",
    ),
]
ResetInterval: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--reset-interval",
        min=1,
        max=MAX,
        help="Clear the states of a .net file every so many steps, layer after layer as in netx.",
    ),
]
ResetOffset: TypeAlias = Annotated[
    int,
    typer.Option(
        "--reset-offset", min=0, max=MAX, help="Steps by which --reset-interval comes later."
    ),
]
Seed: TypeAlias = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Of everything that is drawn.")
]
MappingFile: TypeAlias = Annotated[
    Path | None, typer.Option("--mapping", help="A mapping.json that says which neuron goes where.")
]
Objective: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="packets|latency|cores|energy",
        help="What the mapping is to be good at.",
        show_default="cores are filled in order",
    ),
]
PartitionName: TypeAlias = Annotated[
    str,
    typer.Option(
        "--partition",
        metavar="auto|sequential|tiles|hypergraph",
        help="How neurons are split over cores; auto tries them for --objective.",
    ),
]
Cores: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MAX,
        help="Most cores that a mapping for latency or energy takes.",
        show_default="latency: a fifth more than needed; energy: all there are",
    ),
]
Chips: TypeAlias = Annotated[
    int, typer.Option(min=1, max=4096, help="Chips that the network may take.")
]
Costs: TypeAlias = Annotated[
    str | None, typer.Option(help="A cost table of the target.", show_default="the target's own")
]
RunFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        file_okay=False,
        help="Folder for the whole run, to be priced again.",
    ),
]
Timing: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Model of time: simple (the busiest core) or detailed (every message, through the "
        "links of the mesh)."
    ),
]
OtherTiming: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Model of time: simple or detailed.", show_default="that of the run"),
]
Device: TypeAlias = Annotated[
    str,
    typer.Option(metavar="cpu|cuda", help="Where layers are computed; the integers are the same."),
]


def key_values(pairs: list[str] | None) -> dict[str, str]:
    """``["a=1", "b=2"]`` as a dict.

    Raises:
        ConfigError: a pair without "=", or a key given twice.
    """
    values: dict[str, str] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key or not value:
            raise ConfigError(f"--preset-set {pair!r}", needs="KEY=VALUE, for example reset=zero")
        if key in values:
            raise ConfigError(f"--preset-set {key!r} is given twice", remedy="give it once")
        values[key] = value
    return values


def open_with_target(
    network: str | None, target: str | None, options: Options
) -> tuple[OpenNetwork, Options]:
    """The network, and the options with the target: the user's, the folder's, or the default."""
    from dataclasses import replace

    from snn2chip.pipeline import open_network

    opened = open_network(network, options)
    console.note(f"network: {opened.origin}")
    tell_repairs(opened)
    if target is None:
        target = opened.own_target or DEFAULT_TARGET
    return opened, replace(options, target=target)


def tell_repairs(network: OpenNetwork) -> None:
    """Lists what was changed in a malformed file."""
    for line in network.repair_notes:
        console.note(console.shown(line))


def inputs(network: str | None, target: str | None, options: Options) -> Inputs:
    """Every file or name that a command reads, by what the user calls it.

    Raises:
        InputFileError: there is no such mapping.
    """
    mapping = options.mapping
    if mapping is not None and len(str(mapping)) <= SHOWN and not os.path.lexists(mapping):
        raise InputFileError(
            f"--mapping {mapping}: there is no such file",
            needs="a mapping.json",
            remedy="compile the network, which writes one: snn2chip compile NETWORK -o DIR",
        )
    return {
        "network": network,
        "--target": target,
        "--data": options.data,
        "--calibrate": options.calibrate,
        "--mapping": mapping,
    }
