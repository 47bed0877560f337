"""Runs in float32 against the exact graph: is every differing spike one that rounding explains?

A spike that rounding moves changes everything after it, so two runs cannot be compared as they
are. Each population of the graph is therefore driven by what the other run sent (teacher-forced),
and after a step in which its own spikes differ it goes on from the other run's membrane. What then
differs must have lain at the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.graph import Discretization, Graph, Population
from snn2chip.graph.operators import Array
from snn2chip.graph.oracle import arriving
from snn2chip.neurons import CubaLIF, Neuron, State, initial_state, step

TOLERANCE = 1e-5
"""Largest distance of a borderline membrane from its threshold, relative above 1."""

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Borderline:
    """What a teacher-forced comparison found.

    Attributes:
        values: outputs of spiking populations compared: steps x samples x neurons.
        spikes: of the recording.
        differing: outputs that differ.
        beyond: differing outputs whose membrane lies further than ``TOLERANCE`` from its threshold.
        farthest: the largest such distance among the differing ones, relative above 1.
        membrane: largest difference of a membrane where the outputs are equal, relative above 1.
        first: (population, step, sample, flat neuron) of the first difference beyond, or None.
    """

    values: int
    spikes: int
    differing: int
    beyond: int
    farthest: float
    membrane: float
    first: tuple[str, int, int, int] | None

    @property
    def explained(self) -> bool:
        """Whether every difference is a borderline one."""
        return self.beyond == 0


def teacher_forced(
    graph: Graph, recording: Mapping[str, Array], spikes: Array | Mapping[str, Array]
) -> Borderline:
    """Compares a recording with the graph, population by population.

    Args:
        graph: of an exact export; populations must send their spikes in the step they fire in.
        recording: ``<population>`` outputs and ``<population>.v`` membranes after the step,
            [step, sample, neuron], as ``Framework.record`` gives them.
        spikes: input of the recording [step, sample, *shape], or one array per input by name.

    Raises:
        ValueError: populations of the graph are missing, or send late.
    """
    if graph.discretization.output_latency:
        raise ValueError(f"{graph.name}: populations that send late cannot be compared so")
    given = spikes if isinstance(spikes, Mapping) else {graph.inputs[0].name: spikes}
    sent: dict[str, Floats] = {name: np.asarray(a, np.float64) for name, a in given.items()}
    for population in graph.populations:
        if not population.is_input:
            sent[population.name] = _shaped(population, recording, population.name)
    parts = [
        _population(graph, population, recording, sent)
        for population in graph.populations
        if not population.is_input
    ]
    firsts = [part.first for part in parts if part.first is not None]
    return Borderline(
        values=sum(part.values for part in parts),
        spikes=sum(part.spikes for part in parts),
        differing=sum(part.differing for part in parts),
        beyond=sum(part.beyond for part in parts),
        farthest=max((part.farthest for part in parts), default=0.0),
        membrane=max((part.membrane for part in parts), default=0.0),
        first=min(firsts, key=lambda first: first[1], default=None),
    )


def _shaped(population: Population, recording: Mapping[str, Array], name: str) -> Floats:
    if name not in recording:
        raise ValueError(f"the recording has no {name!r}")
    array = np.asarray(recording[name], np.float64)
    return array.reshape(*array.shape[:2], *population.shape)


def _population(
    graph: Graph,
    population: Population,
    recording: Mapping[str, Array],
    sent: Mapping[str, Floats],
) -> Borderline:
    """One population, driven by what all others and itself sent in the recording."""
    name, neuron = population.name, population.neuron
    options = graph.discretization.of(name)
    outputs, membranes = sent[name], _shaped(population, recording, f"{name}.v")
    state = initial_state(neuron, outputs.shape[1:], options)
    differing = np.zeros(outputs.shape, np.bool_)
    distance, membrane = np.zeros(outputs.shape), 0.0
    for t in range(len(outputs)):
        current, bias = _drive(graph, population, sent, t)
        compared = _compared(neuron, state, current, bias, options)
        output, state = step(neuron, state, current, options, bias)
        apart = np.abs(state.v - membranes[t]) / np.maximum(1.0, np.abs(membranes[t]))
        if neuron.spiking:
            differing[t] = output != outputs[t]
            distance[t] = _distance(neuron, compared, options)
            state = state._replace(v=np.where(differing[t], membranes[t], state.v))
        membrane = max(membrane, float(apart[~differing[t]].max(initial=0.0)))
    beyond = differing & (distance > TOLERANCE)
    first = None
    if beyond.any():
        flat = beyond.reshape(*beyond.shape[:2], -1)
        t, sample, index = (int(k) for k in np.unravel_index(int(flat.argmax()), flat.shape))
        first = (name, t, sample, index)
    return Borderline(
        values=outputs.size if neuron.spiking else 0,
        spikes=int(outputs.sum()) if neuron.spiking else 0,
        differing=int(differing.sum()),
        beyond=int(beyond.sum()),
        farthest=float(distance[differing].max(initial=0.0)),
        membrane=membrane,
        first=first,
    )


def _drive(
    graph: Graph, population: Population, sent: Mapping[str, Floats], t: int
) -> tuple[Floats, Floats]:
    """Summed input and bias of step t."""
    samples = next(iter(sent.values())).shape[1]
    current, bias = np.zeros((samples, *population.shape)), np.zeros(population.shape)
    early = graph.discretization.early_bias == "kept"
    for projection in graph.incoming(population.name):
        current += arriving(projection, sent[projection.source], t)
        if projection.bias is not None and (early or t >= projection.delay.smallest):
            bias += projection.bias
    return current, bias


def _compared(
    neuron: Neuron, state: State, current: Floats, bias: Floats, d: Discretization
) -> Floats:
    """The membrane that a step compares with the threshold."""
    time = d.cuba_reset_time if isinstance(neuron, CubaLIF) else d.reset_time
    if not neuron.spiking or time in ("leak", "fire"):
        return step(neuron, state, current, d, bias)[1].v
    plain = replace(d, reset="none", reset_time="spike", cuba_reset_time="spike", v_floor="none")
    v = step(neuron, state, current, replace(plain, if_floor="none"), bias)[1].v
    if time == "both" and d.reset == "subtract":
        threshold = neuron.parameters()["v_threshold"]
        above = state.v > threshold if d.fires == ">" else state.v >= threshold
        v = np.where(above, v - threshold, v)
    return v


def _distance(neuron: Neuron, v: Floats, d: Discretization) -> Floats:
    """From the threshold, or, where several spikes are sent, from its nearest multiple."""
    threshold = neuron.parameters()["v_threshold"]
    level = threshold
    if d.reset == "multi":
        with np.errstate(divide="ignore", invalid="ignore"):
            level = np.maximum(np.rint(v / threshold), 1.0) * threshold
    return np.abs(v - level) / np.maximum(1.0, np.abs(level))
