"""``snn2chip info``, ``check`` and ``compile``: a network, without running it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snn2chip.cli import console, outputs
from snn2chip.cli import options as o
from snn2chip.cli.groups import MappingFlags, grouped

if TYPE_CHECKING:
    from snn2chip.graph import Ensemble, Graph
    from snn2chip.neurons import Neuron


def info(
    network: o.GivenNetwork,
    preset: o.Preset = None,
    dt: o.Dt = None,
    preset_set: o.PresetSet = None,
    reset: o.Reset = None,
    repair: o.Repair = False,
    text: Annotated[bool, typer.Option("--text", help="The graph's text form instead.")] = False,
) -> None:
    """Populations, projections and parameters of a network."""
    from snn2chip.cli import programs
    from snn2chip.errors import ConfigError
    from snn2chip.graph.text import to_text
    from snn2chip.pipeline import Options, open_network

    chosen = Options(
        preset=preset,
        dt=dt,
        preset_set=o.key_values(preset_set),
        reset=reset,
        repair=repair,
    )
    outputs.check_files({}, o.inputs(network, None, chosen))
    opened = open_network(network, chosen)
    o.tell_repairs(opened)
    graph, program = opened.graph, opened.program
    if opened.family is not None and program is not None:
        if text:
            raise ConfigError(
                f"--text of {opened.origin}",
                has="a program in a chip's integers, and no graph",
                remedy="leave --text out",
            )
        console.out("\n\n".join(programs.sections(program)))
        return
    told = [] if opened.ensemble is None else [_members(opened.ensemble)]
    console.out(to_text(graph) if text else "\n\n".join([*told, *_sections(graph)]))


@grouped
def check(
    placed: MappingFlags,
    network: o.Network = None,
    target: o.Chip = None,
    preset: o.Preset = None,
    dt: o.Dt = None,
    preset_set: o.PresetSet = None,
    reset: o.Reset = None,
    encoding: o.EncodingName = None,
    repair: o.Repair = False,
    arithmetic: o.ArithmeticName = None,
    granularity: o.Granularity = "layer",
    weight_bits: o.WeightBits = None,
    fine_biases: o.FineBiases = False,
    drop_zeros: o.DropZeros = False,
    allow_latency: o.AllowLatency = False,
) -> None:
    """Every limit of the target that a network breaks, at once; nothing is simulated."""
    from snn2chip import pipeline
    from snn2chip.errors import counted
    from snn2chip.pipeline.types import PRICES_ONLY

    chosen = pipeline.Options(
        preset=preset,
        dt=dt,
        preset_set=o.key_values(preset_set),
        reset=reset,
        encoding=encoding,
        repair=repair,
        arithmetic=arithmetic,
        granularity=granularity,
        weight_bits=weight_bits,
        fine_biases=fine_biases,
        drop_zeros=drop_zeros,
        allow_latency=allow_latency,
        **asdict(placed),
    )
    outputs.check_files({}, o.inputs(network, target, chosen))
    opened, chosen = o.open_with_target(network, target, chosen)
    checked = pipeline.check(opened, chosen)
    console.refuse(checked.violations)
    mapping = checked.mapping
    rows = [
        (p.name, p.kind, p.size, len(set(mapping.assignment[p.name].tolist())))
        for p in checked.program.populations
    ]
    console.out(console.table(("population", "kind", "neurons", "cores"), rows))
    by = "" if checked.target.family != PRICES_ONLY else " by counts (number formats not checked)"
    console.out(
        f"{console.shown(checked.graph.name)} fits {console.shown(checked.target.name)}{by}: "
        + counted(mapping.cores_used, "core")
        + (", shared by layers" if sum(row[3] for row in rows) > mapping.cores_used else "")
    )
    told = set(opened.repair_notes)
    notes = (*checked.program.notes, *mapping.notes)
    for line in (line for line in notes if line not in told):
        console.note(f"note: {console.shown(line)}")


@grouped
def compile_(
    placed: MappingFlags,
    network: o.GivenNetwork,
    out: Annotated[Path, typer.Option("-o", "--out", file_okay=False, help="Folder to write.")],
    target: o.Chip = None,
    data: o.Data = None,
    calibrate: o.Calibrate = None,
    calibration: o.CalibrationMethod = None,
    percentile: o.Percentile = None,
    granularity: o.Granularity = "layer",
    weight_bits: o.WeightBits = None,
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
    require_net: Annotated[
        bool,
        typer.Option(
            "--require-net",
            help="End with 4 where lava-dl's .net cannot hold the network, instead of a note.",
        ),
    ] = False,
) -> None:
    """Write program, mapping, artefacts and manifest of a network for a target into a folder."""
    from snn2chip import pipeline
    from snn2chip.compiled import check_folder
    from snn2chip.report.folder import require_artefact, write_compiled

    chosen = pipeline.Options(
        data=data,
        calibrate=calibrate,
        calibration=calibration,
        percentile=percentile,
        granularity=granularity,
        weight_bits=weight_bits,
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
        **asdict(placed),
    )
    outputs.check_folder("-o", out, o.inputs(network, target, chosen))
    check_folder(out)
    opened, chosen = o.open_with_target(network, target, chosen)
    with console.progress() as progress:
        made = pipeline.compile_network(opened, chosen, progress)
    console.refuse(made.check.violations)
    if require_net:
        require_artefact(made, "network.net")
    files = write_compiled(out, opened, made, chosen)
    if made.check.target.formats:
        console.note(f"scales from {made.calibrated_on}")
    for error in made.artefacts.refused:
        console.note(f"left out, {error}")
    console.wrote(*files)


def _sections(graph: Graph) -> list[str]:
    from snn2chip.graph.linear import synapses

    neurons = sum(p.size for p in graph.populations if not p.is_input)
    total = sum(synapses(p.operator) for p in graph.projections)
    encoding = graph.encoding.kind + (f", {s} steps" if (s := graph.encoding.steps) else "")
    if graph.encoding.byte_scale != 1.0:
        encoding += f", bytes divided by {graph.encoding.byte_scale:g}"
    d = graph.discretization
    options = ", ".join(f"{name} {value}" for name, value in d.listed())
    head = [
        f"{console.shown(graph.name)}: {neurons:,} neurons, {total:,} synapses",
        f"discretization: {console.shown(options)}",
        f"encoding: {encoding}; readout: {graph.readout.kind} of "
        + console.shown(graph.outputs[0]),
    ]
    return ["\n".join(head), _populations(graph), _projections(graph)]


def _members(ensemble: Ensemble) -> str:
    """Policy and members in their order."""
    from snn2chip.graph.linear import synapses

    rows = []
    for place in ensemble.order:
        member = ensemble.members[place]
        neurons = sum(p.size for p in member.graph.populations if not p.is_input)
        total = sum(synapses(p.operator) for p in member.graph.projections)
        rows.append((member.name, neurons, total, f"{member.gain:g}"))
    head = f"ensemble of {len(rows)} members: {ensemble.policy.sentence}, idle {ensemble.idle}"
    table = console.table(("member", "neurons", "synapses", "gain"), rows)
    return f"{head}\n\n{table}"


def _populations(graph: Graph) -> str:
    rows = [
        (p.name, p.neuron.kind, "x".join(map(str, p.shape)), p.size, _parameters(p.neuron))
        for p in graph.populations
    ]
    return console.table(("population", "model", "shape", "neurons", "parameters"), rows)


def _parameters(neuron: Neuron) -> str:
    """Every parameter with its value, or its range where the neurons differ."""
    parts = []
    for name, values in neuron.parameters().items():
        low, high = float(values.min()), float(values.max())
        parts.append(f"{name} {low:.4g}" if low == high else f"{name} {low:.4g}..{high:.4g}")
    return ", ".join(parts) or "-"


def _projections(graph: Graph) -> str:
    from snn2chip.graph.linear import synapses
    from snn2chip.graph.operators import weights_of

    rows = [
        (
            p.name,
            type(p.operator).__name__.lower(),
            synapses(p.operator),
            weights_of(p.operator).size,
            "yes" if p.bias is not None else "no",
            p.delay.largest,
        )
        for p in graph.projections
    ]
    head = ("projection", "operator", "synapses", "weights", "bias", "delay")
    return console.table(head, rows)
