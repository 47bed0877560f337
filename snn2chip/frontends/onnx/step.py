"""One step of a Graph with explicit states, as ONNX nodes that know nothing of protobuf.

Inputs are the input populations and every state, outputs all other populations and every next
state; all are float64 with the batch as their first axis::

    <population>            spikes (or the membrane, where nothing spikes) of this step
    <population>.v          membrane                                       [batch, *shape]
    <population>.i          synaptic current                               [batch, *shape]
    <population>.sent       spikes that are sent a step late               [batch, *shape]
    <population>.history    outputs of the steps before, the latest first  [batch, delay, *shape]
    step                    number of the step, where a bias waits for it  [batch]

Sums are taken in the order of ``graph.oracle``; the neurons are ``neurons.step`` itself, traced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.onnx.linear import apply
from snn2chip.frontends.onnx.tracing import Node, Trace, Value
from snn2chip.graph import Dense, Graph, Population, Projection
from snn2chip.graph.operators import Array, Shape, weights_of
from snn2chip.neurons import State, initial_state, step

_LARGEST_HISTORY = 2**27
"""Values of a population's past outputs, per sample."""

_MOST_DELAYS = 4096
"""Delays of one projection that differ: each is a node of its own."""


@dataclass(frozen=True, eq=False)
class StateTensor:
    """A state of the network between two steps.

    Attributes:
        name, next: of the input and of the output.
        shape: without the batch axis.
        start: before the first step, broadcast to the shape.
    """

    name: str
    next: str
    shape: Shape
    start: Array


@dataclass(frozen=True, eq=False)
class Step:
    """The parts of an ONNX graph.

    Attributes:
        inputs, outputs: name -> shape without the batch axis.
        initializers: name -> array, only those that something depends on.
        tensors: population -> name of its output (or input).
        membranes: population -> name of the output that is its next membrane.
        parameters: (population, parameter) -> name of its initializer, used or not.
        projections: weight, bias and delay of each projection -> name of its initializer.
    """

    nodes: tuple[Node, ...]
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    initializers: Mapping[str, Array]
    states: tuple[StateTensor, ...]
    tensors: Mapping[str, str]
    membranes: Mapping[str, str]
    parameters: Mapping[tuple[str, str], str]
    projections: tuple[Mapping[str, str], ...]


def step_of(graph: Graph) -> Step:
    """The single step of a graph.

    Raises:
        UnsupportedError: delays or convolutions that are too large for it.
    """
    return _Builder(graph).build()


def tensor_name(name: str) -> str:
    """A name that is UTF-8 and has no end before its end; others stay as they are."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


class _Builder:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.trace = Trace({})
        self.tensors = {p.name: self.trace.fresh(tensor_name(p.name)) for p in graph.populations}
        self.inputs: dict[str, Shape] = {self.tensors[p.name]: p.shape for p in graph.inputs}
        self.results: dict[str, tuple[Value, Shape]] = {}
        self.states: list[StateTensor] = []
        self.parameters: dict[tuple[str, str], str] = {}
        self.projections: dict[int, dict[str, str]] = {}
        self.outputs: dict[str, Value] = {}
        self.histories: dict[str, tuple[Value, StateTensor]] = {}
        self.time: tuple[Value, StateTensor] | None = None

    def build(self) -> Step:
        graph = self.graph
        running = [p for p in graph.populations if not p.is_input]
        states = {p.name: self.begin(p) for p in running}
        for source in graph.populations:
            self.remember(source)
        self.count_steps()
        for p in graph.inputs:
            self.outputs[p.name] = Value(self.trace, self.tensors[p.name])
        for p in running:
            if (sent := states[p.name].get("sent")) is not None:
                self.outputs[p.name] = sent[0]
        following: list[tuple[Value, StateTensor]] = []
        for p in running:
            following += self.advance(p, states[p.name])
        following += [(self.shifted(name), state) for name, (_, state) in self.histories.items()]
        if self.time is not None:
            following.append((self.time[0] + 1.0, self.time[1]))
        results = {self.tensors[p.name]: (self.outputs[p.name], p.shape) for p in running}
        results |= {state.next: (value, state.shape) for value, state in following}
        for name, (value, _) in results.items():
            self.trace.name_as(value, name)
        nodes, initializers = self.trace.live(results)
        return Step(
            nodes,
            self.inputs,
            {name: shape for name, (_, shape) in results.items()},
            initializers,
            tuple(self.states),
            self.tensors,
            {name: parts["v"][1].next for name, parts in states.items()},
            self.parameters,
            tuple(self.projections[id(p)] for p in graph.projections),
        )

    def state(self, name: str, shape: Shape, start: Array) -> tuple[Value, StateTensor]:
        """A new input with its output."""
        name = self.trace.fresh(name)
        state = StateTensor(name, self.trace.fresh(f"{name}.next"), shape, start)
        self.states.append(state)
        self.inputs[name] = shape
        return Value(self.trace, name), state

    def begin(self, population: Population) -> dict[str, tuple[Value, StateTensor]]:
        options = self.graph.discretization.of(population.name)
        first = initial_state(population.neuron, (1, *population.shape), options)
        return {
            part: self.state(f"{self.tensors[population.name]}.{part}", population.shape, value[0])
            for part, value in first._asdict().items()
            if value is not None
        }

    def remember(self, source: Population) -> None:
        """The past outputs of a population whose spikes travel for some steps."""
        delays = [p.delay.largest for p in self.graph.projections if p.source == source.name]
        depth = max(delays, default=0)
        if depth * source.size > _LARGEST_HISTORY:
            raise UnsupportedError(
                f"population {source.name!r}: {source.size} neurons whose spikes travel for up to "
                f"{depth} steps",
                needs=f"at most {_LARGEST_HISTORY} past outputs, to be written as ONNX",
                remedy="shorter delays, or NIR: --format nir",
            )
        if depth:
            name = f"{self.tensors[source.name]}.history"
            shape = (depth, *source.shape)
            self.histories[source.name] = self.state(name, shape, np.zeros(()))

    def shifted(self, name: str) -> Value:
        """The history of the next step: this step's output before all but the oldest."""
        past, state = self.histories[name]
        latest = self.trace.add("Unsqueeze", self.outputs[name], self.trace.integers(1))
        depth = state.shape[0]
        if depth == 1:
            return latest
        ends = [self.trace.integers(k) for k in (0, depth - 1, 1)]
        return self.trace.add("Concat", latest, self.trace.add("Slice", past, *ends), axis=1)

    def count_steps(self) -> None:
        if any(self.waits(p) for p in self.graph.projections):
            self.time = self.state("step", (), np.zeros(()))

    def waits(self, projection: Projection) -> bool:
        """Whether a projection's bias acts only from some step on."""
        dropped = self.graph.discretization.early_bias == "dropped"
        return projection.bias is not None and dropped and projection.delay.smallest > 0

    def advance(
        self, population: Population, states: Mapping[str, tuple[Value, StateTensor]]
    ) -> list[tuple[Value, StateTensor]]:
        """The output of a population, and its next states."""
        name, neuron = population.name, population.neuron
        current: Any = None
        bias: Any = 0.0
        for projection in self.graph.incoming(name):
            arrived, offset = self.arriving(projection)
            current = arrived if current is None else current + arrived
            if offset is not None:
                bias = offset + bias
        made = {key: self.parameter(name, key, x) for key, x in neuron.parameters().items()}
        before: Any = {part: value for part, (value, _) in states.items()}
        traced: Any = replace(neuron, **made)  # type: ignore[arg-type]
        options = self.graph.discretization.of(name)
        output, after = step(
            traced, State(**before), np.zeros(()) if current is None else current, options, bias
        )
        self.outputs.setdefault(name, output)  # type: ignore[arg-type]
        return [(getattr(after, part), tensor) for part, (_, tensor) in states.items()]

    def parameter(self, population: str, key: str, array: Array) -> Value:
        """A parameter of the neurons; one number where they all have the same."""
        same = array.size and (array == array.flat[0]).all()
        values = np.asarray(array.flat[0] if same else array, np.float64)
        name, value = self.trace.initializer(f"{self.tensors[population]}.{key}", values)
        self.parameters[population, key] = name
        return value

    def arriving(self, projection: Projection) -> tuple[Value, Value | None]:
        """What a projection brings in this step, and its bias."""
        ends = self.tensors[projection.source], self.tensors[projection.target]
        names = self.projections.setdefault(id(projection), {})
        weights = weights_of(projection.operator)
        kept = weights if weights.dtype == np.float32 else weights.astype(np.float64, copy=False)
        label = "->".join(ends)
        names["weight"], weight = self.trace.initializer(f"{label}.weight", kept)
        delay = None
        if projection.delay.axis != "all":
            steps = projection.delay.steps.astype(np.int64)
            names["delay"], delay = self.trace.initializer(f"{label}.delay", steps)
        offset = None
        if projection.bias is not None:
            values = projection.bias
            values = values if values.dtype == np.float32 else values.astype(np.float64, copy=False)
            names["bias"], offset = self.trace.initializer(f"{label}.bias", values)
            if self.waits(projection):
                assert self.time is not None
                axes = (1,) * len(projection.operator.target_shape)
                now = self.trace.reshape(self.time[0], -1, *axes)
                offset = np.where(now >= float(projection.delay.smallest), offset, 0.0)  # type: ignore[call-overload]
        return self.delayed(projection, weight, delay), offset

    def delayed(self, projection: Projection, weight: Value, delay: Value | None) -> Value:
        operator, axis = projection.operator, projection.delay.axis
        different = [int(d) for d in np.unique(projection.delay.steps)]
        if len(different) > _MOST_DELAYS:
            raise UnsupportedError(
                f"projection {projection.name}: {len(different)} different delays",
                needs=f"at most {_MOST_DELAYS}, to be written as ONNX",
            )
        if delay is None:
            return apply(self.trace, operator, weight, self.sent(projection.source, different[0]))
        total: Any = None
        for steps in different:
            chosen = self.trace.add("Equal", delay, self.trace.constant(np.array(steps, np.int64)))
            chosen, x = chosen.astype(np.float64), self.sent(projection.source, steps)
            if axis == "source":
                part = x * chosen
            elif axis == "target":
                part = apply(self.trace, operator, weight, x) * chosen
            else:
                assert isinstance(operator, Dense)
                part = apply(self.trace, operator, weight * chosen, x)
            total = part if total is None else total + part
        return apply(self.trace, operator, weight, total) if axis == "source" else total

    def sent(self, source: str, delay: int) -> Value:
        """The output of a population some steps ago, [batch, *shape]."""
        if not delay:
            return self.outputs[source]
        past, _ = self.histories[source]
        index = self.trace.constant(np.array(delay - 1, np.int64))
        return self.trace.add("Gather", past, index, axis=1)
