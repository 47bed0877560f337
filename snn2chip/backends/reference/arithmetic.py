"""The float64 reference: the graph itself, run by the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.engine.arithmetic import Product, Scan, State
from snn2chip.errors import UnsupportedError
from snn2chip.graph import Discretization, Graph
from snn2chip.graph.linear import apply
from snn2chip.graph.operators import Array, Operator, weights_of, with_weights
from snn2chip.neurons import NEURONS, CubaLI, CubaLIF, Neuron, initial_state, step
from snn2chip.neurons import State as NeuronState

_BIAS = "bias"


def realise(graph: Graph) -> Program:
    """The graph as a program of its own float64 numbers, without latencies."""
    populations = tuple(
        ProgramPopulation(
            name=p.name,
            model="input" if p.is_input else p.neuron.kind,
            kind="input" if p.is_input else p.neuron.kind,
            shape=p.shape,
            parameters={} if p.is_input else {**p.neuron.parameters(), _BIAS: _bias(graph, p.name)},
            spiking=p.neuron.spiking,
        )
        for p in graph.populations
    )
    projections = tuple(
        ProgramProjection(
            source=p.source,
            target=p.target,
            operator=with_weights(p.operator, weights_of(p.operator).astype(np.float64)),
            delay=p.delay,
        )
        for p in graph.projections
    )
    return Program(
        name=graph.name,
        arithmetic="float64",
        populations=populations,
        projections=projections,
        outputs=graph.outputs,
        readout=graph.readout,
        encoding=graph.encoding,
        classes=graph.classes,
    )


def _bias(graph: Graph, name: str) -> Array:
    """Sum of the biases of all projections into a population, [*shape]."""
    biases = [p.bias for p in graph.incoming(name) if p.bias is not None]
    return np.asarray(sum(biases, np.zeros(graph.population(name).shape)))


class Float64:
    """Plain float64 arithmetic in the graph's discretization."""

    name = "float64"

    def __init__(self, discretization: Discretization) -> None:
        self._discretization = discretization

    def product(self, projection: ProgramProjection, operator: Operator) -> Product:
        """Float sums; spikes are cast to float64."""

        def product(spikes: NDArray[Any]) -> Array:
            return apply(operator, spikes.astype(np.float64))

        return product

    def initial(self, population: ProgramPopulation, samples: int) -> State:
        """Membranes at v_leak or 0, as the discretization says."""
        neuron = _neuron(population)
        state = initial_state(neuron, (samples, *population.shape), self._discretization)
        return {"v": state.v} if state.i is None else {"v": state.v, "i": state.i}

    def scan(
        self,
        population: ProgramPopulation,
        state: State,
        current: Array,
        arrived: NDArray[np.bool_],
        record: bool,
    ) -> Scan:
        """Step by step through ``snn2chip.neurons.step``."""
        neuron, bias = _neuron(population), population.parameters[_BIAS]
        cuba = isinstance(neuron, CubaLIF | CubaLI)
        held = NeuronState(state["v"], state["i"] if cuba else None)
        output = np.empty(current.shape, bool if population.spiking else np.float64)
        updated = np.empty(current.shape, bool)
        records: dict[str, list[Array]] = {"v": [], "i": []}
        drive = current + bias
        for k in range(len(current)):
            busy = held.v != 0 if held.i is None else (held.v != 0) | (held.i != 0)
            result, held = step(neuron, held, drive[k], self._discretization)
            output[k] = result
            updated[k] = (
                busy | arrived[k] | (bias != 0) | (result != 0 if neuron.spiking else False)
            )
            records["v"].append(held.v)
            if held.i is not None:
                records["i"].append(held.i)
        after = {"v": held.v} if held.i is None else {"v": held.v, "i": held.i}
        peak = max((float(np.abs(v).max(initial=0)) for v in records["v"]), default=0.0)
        kept = {name: np.stack(values) for name, values in records.items() if values}
        return Scan(
            output,
            updated,
            after,
            kept if record else {},
            peak_v=peak,
            peak_input=float(np.abs(drive).max(initial=0)),
        )


def _neuron(population: ProgramPopulation) -> Neuron:
    """The neuron model of a float64 population."""
    if population.model not in NEURONS:
        raise UnsupportedError(f"population {population.name!r}: no model {population.model!r}")
    parameters = {k: v for k, v in population.parameters.items() if k != _BIAS}
    return NEURONS[population.model](**parameters)
