"""A trained student on a chip: its integer program, run, counted and priced on the test split."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import norse.torch as norse
import numpy as np
from numpy.typing import NDArray

from snn2chip.data import Split, encode
from snn2chip.data.few import CALIBRATION_SAMPLES
from snn2chip.distill.checkpoint import CheckpointMetadata
from snn2chip.energy.linear import spike_costs
from snn2chip.errors import UnsupportedError
from snn2chip.frontends.checkpoint import metadata_of, nodes_of_module
from snn2chip.frontends.nir.read import graph_of
from snn2chip.graph import Graph
from snn2chip.pipeline import Given, Network, Options, Result, Samples, run
from snn2chip.pipeline.results.comparing import choice_of

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class TargetFigures:
    """A student on one chip; what is None is not known there.

    Attributes:
        accuracy: of the chip's program; of the float network on chips that have prices only.
        simulated: the accuracy is that of the chip's own arithmetic.
        float_spikes, spikes: per sample, of all populations but the input, in the float graph and
            on the chip.
        input_spikes: per sample.
        synaptic_events: per sample.
        dynamic_nj, static_nj: energy per sample by the table ``costs``.
        spikes_nj, inputs_nj, neurons_nj: what of the dynamic energy follows the spikes of neurons,
            follows those of the input, and is paid for updates and idle neurons.
        cores, violations: of its mapping.
        refused: why the chip cannot run it; all figures are None then.
    """

    target: str
    accuracy: float | None = None
    simulated: bool = True
    float_spikes: float | None = None
    spikes: float | None = None
    input_spikes: float | None = None
    synaptic_events: float | None = None
    dynamic_nj: float | None = None
    static_nj: float | None = None
    spikes_nj: float | None = None
    inputs_nj: float | None = None
    neurons_nj: float | None = None
    costs: str = ""
    cores: int | None = None
    violations: int = 0
    refused: str = ""


def graph_of_student(
    student: norse.SequentialState, metadata: CheckpointMetadata, name: str = "student"
) -> Graph:
    """The graph of a student in evaluation mode."""
    nodes, _ = nodes_of_module(student, metadata_of(metadata), metadata.input_shape, name)
    return graph_of(nodes, name, None, None, None)


def run_on_target(
    student: norse.SequentialState,
    metadata: CheckpointMetadata,
    split: Split,
    target: str,
    costs: str | None = None,
    drop_zeros: bool = False,
) -> Result:
    """The whole chain for a student in memory, scored on the test part of its split.

    Args:
        costs: name of a cost table, or None for the target's default.
        drop_zeros: synapses of weight 0 are not loaded.

    Raises:
        UnsupportedError: the chip has not what the student needs.
    """
    graph = graph_of_student(student, metadata)
    x_train, y_train = split.x_train[:CALIBRATION_SAMPLES], split.y_train[:CALIBRATION_SAMPLES]
    given = Given(
        samples_of(graph, metadata.data.name, split.x_test, split.y_test),
        samples_of(graph, metadata.data.name, x_train, y_train),
    )
    network = Network(graph, "a student in memory")
    options = Options(target=target, costs=costs, drop_zeros=drop_zeros)
    return run(network, options, given=given)


def figures_on_target(
    student: norse.SequentialState,
    metadata: CheckpointMetadata,
    split: Split,
    target: str,
    drop_zeros: bool = False,
) -> TargetFigures:
    """What a card says of a student on a chip, ``loihi1:sanafe_nahuku`` with a cost table."""
    choice = choice_of(target)
    place = choice.place, choice.costs
    try:
        made = run_on_target(student, metadata, split, *place, drop_zeros)
        named = target if choice.costs else made.target.name
        return replace(figures_of_result(made), target=named)
    except UnsupportedError as error:
        return TargetFigures(target, refused=str(error.what))


def figures_of_result(result: Result) -> TargetFigures:
    """Figures per sample of a run."""
    layers = [layer.counts for layer in result.energy.layers]
    samples = result.activity.samples
    inner = [layer for layer in layers if layer.kind != "input"]
    spikes = sum(layer.spikes for layer in inner) / samples
    reference = spikes
    if result.reference is not None:
        names = {layer.name for layer in inner}
        rasters = (p.spikes for n, p in result.reference.populations.items() if n in names)
        reference = sum(int(raster.unpack().sum()) for raster in rasters) / samples
    energy = result.energy
    return TargetFigures(
        target=result.target.name,
        accuracy=result.accuracy,
        simulated=result.simulated,
        float_spikes=reference,
        spikes=spikes,
        input_spikes=sum(layer.spikes for layer in layers if layer.kind == "input") / samples,
        synaptic_events=sum(layer.synaptic_events for layer in inner) / samples,
        dynamic_nj=_nj(energy.dynamic_pj, samples),
        static_nj=_nj(energy.static_pj, samples),
        **energy_parts(result),
        costs=energy.table,
        cores=result.mapping.cores_used,
        violations=len(result.violations),
    )


def energy_parts(result: Result) -> dict[str, Any]:
    """The dynamic energy per sample in nJ by what it follows; nothing where it is not priced.

    ``spikes_nj`` follows the spikes of neurons, ``inputs_nj`` those of inputs, ``neurons_nj`` the
    updates.
    """
    energy, samples = result.energy, result.activity.samples
    if energy.dynamic_pj is None or result.ensemble is not None:  # a policy leaves spikes out
        return {}
    costs = spike_costs(result.program, result.mapping, result.target, energy.table)
    found = costs.energy(result.activity)
    inputs = {population.name for population in result.program.inputs}
    return {
        "spikes_nj": _nj(found.of(found.spikes_pj.keys() - inputs), samples),
        "inputs_nj": _nj(found.of(inputs), samples),
        "neurons_nj": _nj(found.neurons_pj, samples),
    }


def _nj(energy_pj: float | None, samples: int) -> float | None:
    return None if energy_pj is None else energy_pj / samples / 1000.0


def samples_of(graph: Graph, name: str, x: Values, y: NDArray[np.int64]) -> Samples:
    """Encoded values x [sample, *input_shape] with their classes y [sample]."""
    steps = graph.encoding.steps
    assert steps is not None
    values = np.asarray(x, np.float64)
    spikes = {graph.inputs[0].name: encode(values, graph.encoding, steps)}
    return Samples(name, spikes, y, synthetic=False)
