"""The float64 reference: the graph itself, run by the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.engine.arithmetic import Product, Scan, State
from snn2chip.errors import UnsupportedError
from snn2chip.graph import Discretization, Graph, Population
from snn2chip.graph.linear import apply
from snn2chip.graph.operators import Array, Operator, weights_of, with_weights
from snn2chip.neurons import NEURONS, Neuron, initial_state, step
from snn2chip.neurons import State as NeuronState

_BIAS, _LATE, _STARTS = "bias", "late_bias", "late_bias_starts"
_BIASES = (_BIAS, _LATE, _STARTS)


def realise(graph: Graph) -> Program:
    """The graph as a program of its own float64 numbers, without latencies."""
    several = [
        p.name
        for p in graph.populations
        if p.neuron.spiking and not p.is_input and graph.discretization.of(p.name).reset == "multi"
    ]
    populations = tuple(
        ProgramPopulation(
            name=p.name,
            model="input" if p.is_input else p.neuron.kind,
            kind="input" if p.is_input else p.neuron.kind,
            shape=p.shape,
            parameters={} if p.is_input else {**p.neuron.parameters(), **_biases(graph, p)},
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
        notes=tuple(
            f"{name}: several spikes of a neuron in one step count as one event" for name in several
        ),
    )


def _biases(graph: Graph, population: Population) -> dict[str, Array]:
    """Biases into a population: [*shape] from the first step on, and [k, *shape] from step [k] on.

    The second kind are those of delayed projections where the discretization drops them early.
    """
    dropped = graph.discretization.early_bias == "dropped"
    always, late, starts = np.zeros(population.shape), [], []
    for projection in graph.incoming(population.name):
        if projection.bias is None:
            continue
        start = projection.delay.smallest if dropped else 0
        if start == 0:
            always = always + projection.bias
        else:
            late.append(np.broadcast_to(projection.bias, population.shape))
            starts.append(start)
    stacked = np.stack(late) if late else np.zeros((0, *population.shape))
    return {_BIAS: always, _LATE: stacked, _STARTS: np.array(starts, np.int64)}


class Float64:
    """Plain float64 arithmetic in the graph's discretization, population by population."""

    name = "float64"
    exact = False

    def __init__(self, discretization: Discretization) -> None:
        self._discretization = discretization

    def product(self, projection: ProgramProjection, operator: Operator) -> Product:
        """Float sums; spikes are cast to float64."""

        def product(spikes: NDArray[Any]) -> Array:
            return apply(operator, spikes.astype(np.float64))

        return product

    def initial(self, population: ProgramPopulation, samples: int) -> State:
        """Membranes at v_leak or 0, as the discretization says."""
        options = self._discretization.of(population.name)
        state = initial_state(_neuron(population), (samples, *population.shape), options)
        return {"step": np.zeros((), np.int64), **_named(state)}

    def spike_dtype(self, population: ProgramPopulation) -> np.dtype[Any]:
        """Numbers where a neuron may send several spikes in a step."""
        several = self._discretization.of(population.name).reset == "multi"
        return np.dtype(np.int32 if several else bool)

    def known(self, population: ProgramPopulation, state: State) -> Array | None:
        """Spikes of the step before, where they are sent a step late."""
        return state.get("sent")

    def scan(
        self,
        population: ProgramPopulation,
        state: State,
        current: Array,
        arrived: NDArray[np.bool_],
        record: bool,
    ) -> Scan:
        """Step by step through ``snn2chip.neurons.step``."""
        neuron, first = _neuron(population), int(state["step"])
        options = self._discretization.of(population.name)
        held = NeuronState(state["v"], state.get("i"), state.get("sent"))
        kind = self.spike_dtype(population) if population.spiking else np.float64
        output = np.empty(current.shape, kind)
        updated = np.empty(current.shape, bool)
        records: dict[str, list[Array]] = {"v": [], "i": []}
        bias = _bias_per_step(population, first, len(current))
        changes = 0
        for k in range(len(current)):
            busy = held.v != 0 if held.i is None else (held.v != 0) | (held.i != 0)
            before = held.v
            result, held = step(neuron, held, current[k], options, bias[k])
            changes += held.v.size if first + k == 0 else int(np.count_nonzero(held.v != before))
            output[k] = result
            fired = neuron.spiking & (result != 0)
            updated[k] = busy | arrived[k] | (bias[k] != 0) | fired
            records["v"].append(held.v)
            if held.i is not None:
                records["i"].append(held.i)
        after: State = {"step": np.array(first + len(current)), **_named(held)}
        peak = max((float(np.abs(v).max(initial=0)) for v in records["v"]), default=0.0)
        kept = {name: np.stack(values) for name, values in records.items() if values}
        return Scan(
            output,
            updated,
            after,
            kept if record else {},
            peak_v=peak,
            peak_input=float(np.abs(current + bias).max(initial=0)),
            membrane_changes=changes,
        )


def _named(state: NeuronState) -> dict[str, Array]:
    """A neuron state's arrays by name, without those that the model has not."""
    return {name: value for name, value in state._asdict().items() if value is not None}


def _bias_per_step(population: ProgramPopulation, first: int, steps: int) -> Array:
    """Summed biases [step, 1, *shape] of the steps from ``first`` on."""
    parameters = population.parameters
    time = np.arange(first, first + steps)
    acts = time[:, None] >= parameters[_STARTS]
    late = np.tensordot(acts.astype(np.float64), parameters[_LATE], axes=1)
    total: Array = parameters[_BIAS] + late
    return total[:, None]


def _neuron(population: ProgramPopulation) -> Neuron:
    """The neuron model of a float64 population."""
    if population.model not in NEURONS:
        raise UnsupportedError(f"population {population.name!r}: no model {population.model!r}")
    parameters = {k: v for k, v in population.parameters.items() if k not in _BIASES}
    return NEURONS[population.model](**parameters)
