"""The reference run of a Graph: float64, step by step, one population after another.

Slow and obvious: every engine, target and framework is compared with it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from snn2chip.graph.linear import apply
from snn2chip.graph.operators import Array, Dense, with_weights
from snn2chip.graph.order import is_instant
from snn2chip.graph.types import Graph, Projection
from snn2chip.neurons import State, initial_state, step

FloatArray = NDArray[np.float64]


def run_graph(graph: Graph, spikes: Array | Mapping[str, Array]) -> dict[str, FloatArray]:
    """Outputs and membranes of all populations.

    Args:
        spikes: input [step, sample, *shape], or one such array per input by name. Other values
            than 0 and 1 are taken as they are.

    Returns:
        by population name its output [step, sample, *shape]: numbers of spikes, or the membrane
        where nothing spikes; and as ``<name>.v`` the membrane after the step's reset.

    Raises:
        ValueError: an input is missing, has another shape, or differs from the other inputs in
            steps or samples; a projection without delay comes
            from a population that runs later; a population is called like another's membrane.
    """
    _check(graph)
    given = _inputs(graph, spikes)
    steps, samples = next(iter(given.values())).shape[:2]
    outputs: dict[str, FloatArray] = dict(given)
    states: dict[str, State] = {}
    running = [p for p in graph.populations if not p.is_input]
    options = {p.name: graph.discretization.of(p.name) for p in running}
    for population in running:
        shape = (samples, *population.shape)
        states[population.name] = initial_state(population.neuron, shape, options[population.name])
        outputs[population.name] = np.zeros((steps, *shape))
        outputs[f"{population.name}.v"] = np.zeros((steps, *shape))
    for t in range(steps):
        for name, state in states.items():
            if state.sent is not None:
                outputs[name][t] = state.sent
        for population in running:
            name = population.name
            current, bias = np.zeros((samples, *population.shape)), np.zeros(population.shape)
            for projection in graph.incoming(name):
                current += arriving(projection, outputs[projection.source], t)
                if projection.bias is not None and _bias_acts(graph, projection, t):
                    bias += projection.bias
            outputs[name][t], states[name] = step(
                population.neuron, states[name], current, options[name], bias
            )
            outputs[f"{name}.v"][t] = states[name].v
    return outputs


def _check(graph: Graph) -> None:
    place = {p.name: k for k, p in enumerate(graph.populations)}
    for name in place:
        if f"{name}.v" in place:
            raise ValueError(f"population {name + '.v'!r} is called like the membrane of {name!r}")
    for projection in graph.projections:
        source = graph.population(projection.source)
        if (
            is_instant(projection, source, graph.discretization)
            and place[projection.source] >= place[projection.target]
        ):
            raise ValueError(f"{projection.name} has no delay but its source runs later")


def _inputs(graph: Graph, spikes: Array | Mapping[str, Array]) -> dict[str, FloatArray]:
    if not isinstance(spikes, Mapping):
        if len(graph.inputs) != 1:
            raise ValueError(f"{graph.name} has {len(graph.inputs)} inputs: give one array each")
        spikes = {graph.inputs[0].name: spikes}
    found = {}
    for population in graph.inputs:
        if population.name not in spikes:
            raise ValueError(f"no values for the input {population.name!r}")
        array = np.asarray(spikes[population.name], np.float64)
        if array.shape[2:] != population.shape:
            raise ValueError(
                f"input {population.name!r} has shape {population.shape}, "
                f"the values [step, sample, *shape] have {array.shape}"
            )
        found[population.name] = array
    runs = {name: array.shape[:2] for name, array in found.items()}
    if len(set(runs.values())) > 1:
        told = ", ".join(f"{run} of {name!r}" for name, run in runs.items())
        raise ValueError(f"the inputs differ in (steps, samples): {told}")
    return found


def _bias_acts(graph: Graph, projection: Projection, t: int) -> bool:
    """Whether a bias acts at step t; see ``Discretization.early_bias``."""
    return graph.discretization.early_bias == "kept" or t >= projection.delay.smallest


def arriving(projection: Projection, sent: FloatArray, t: int) -> FloatArray:
    """What reaches the targets at step t of the outputs ``sent`` [step, sample, *source_shape]."""
    steps, axis, operator = projection.delay.steps, projection.delay.axis, projection.operator
    total = np.zeros((sent.shape[1], *operator.target_shape))
    for delay in np.unique(steps):
        if delay > t:
            continue
        chosen, x = steps == delay, sent[t - delay]
        if axis == "source":
            total += apply(operator, x * chosen)
        elif axis == "target":
            total += apply(operator, x) * chosen
        elif axis == "synapse":
            assert isinstance(operator, Dense)
            total += apply(with_weights(operator, operator.weight * chosen), x)
        else:
            total += apply(operator, x)
    return total
