"""A Graph as NIR: ``read_graph`` of what is written equals the graph (``graph.equality``).

1. A population is its node, under its own name. A projection is a chain of nodes between the two,
   named ``<source>-><target>`` and the node's kind.
2. Delays that the discretization implies (a step in every cycle, latencies) are left out, as every
   framework expects.
3. A population without reset is a membrane and a Threshold. One with a v_reset all the same, or
   with a floor, keeps its node, and other readers reset it.
4. A population that both a convolution and a matrix feed is written flat, behind a Flatten.
5. Refused by name, since NIR has no room for them: delays per synapse that are no sum of delays per
   source and target, matrices into images, convolutions with unequal padding or more than two
   axes, and biases that vary within a convolution's channel.

nir 1.0.8 itself infers the shapes of grouped convolutions and non-square kernels wrongly and reads
such files with ``type_check=False`` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir.links import Link, projection_links
from snn2chip.frontends.nir.lowering.recurrence import delayed, with_delays
from snn2chip.frontends.nir.lowering.thresholds import SPIKING
from snn2chip.frontends.nir.metadata import KEY, Metadata, to_text
from snn2chip.frontends.nir.nodes import NirGraph, NirNode, Param
from snn2chip.frontends.nir.storage.writer import write_nodes
from snn2chip.graph import Conv, Delay, Dense, Discretization, Graph, Population, Projection
from snn2chip.graph.operators import Shape
from snn2chip.graph.order import components
from snn2chip.neurons import IF, LIF, CubaLIF
from snn2chip.neurons.presets import overrides_of

_MEMBRANES = {spiking: membrane for membrane, spiking in SPIKING.items()}


def write_graph(graph: Graph, path: str | Path) -> None:
    """Writes a graph as a NIR file, whole or not at all.

    Raises:
        UnsupportedError: something that NIR cannot hold, by name.
        ConfigError: the file cannot be written.
    """
    write_nodes(nodes_of(graph), path)


def nodes_of(graph: Graph) -> NirGraph:
    """The NIR node graph of a graph, with metadata.

    Raises:
        UnsupportedError: something that NIR cannot hold, by name.
    """
    shapes = _written_shapes(graph)
    emitter = _Emitter({p.name for p in graph.populations})
    for population in graph.populations:
        node = _population(population, shapes[population.name])
        if _is_thresholded(population, graph.discretization.of(population.name)):
            emitter.thresholded(node)
        else:
            emitter.nodes[population.name] = node
    for projection in _implicit(graph):
        ends = shapes[projection.source], shapes[projection.target]
        links = list(projection_links(projection, *ends, graph.discretization.dt))
        emitter.chain(projection, links, ends[0])
    for name in graph.outputs:
        node_name = emitter.fresh("output" if len(graph.outputs) == 1 else f"output {name}")
        shape = np.array(shapes[name], np.int64)
        emitter.nodes[node_name] = NirNode("Output", {"shape": shape}, node_name)
        emitter.edges.append((emitter.exit(name), node_name))
    metadata = {KEY: to_text(metadata_of(graph))}
    return NirGraph(emitter.nodes, tuple(emitter.edges), metadata, name=graph.name)


def metadata_of(graph: Graph) -> Metadata:
    """What a file says about running the graph."""
    return Metadata(
        dt=graph.discretization.dt,
        preset=graph.discretization.preset,
        overrides=overrides_of(graph.discretization),
        encoding=graph.encoding,
        readout=graph.readout,
        classes=graph.classes,
        data=graph.data,
        split_seed=graph.split_seed,
        outputs=graph.outputs,
        module=graph.module,
    )


def _population(population: Population, shape: Shape) -> NirNode:
    if population.is_input:
        return NirNode("Input", {"shape": np.array(shape, np.int64)}, population.name)
    values = population.neuron.parameters().items()
    params: dict[str, Param] = {name: value.reshape(shape) for name, value in values}
    return NirNode(population.neuron.kind, params, population.name)


def _is_thresholded(population: Population, d: Discretization) -> bool:
    """Whether a population is a membrane and a Threshold, and nothing of it would be lost so."""
    neuron = population.neuron
    if not isinstance(neuron, IF | LIF | CubaLIF) or d.reset != "none" or neuron.v_reset.any():
        return False
    floor = d.if_floor if isinstance(neuron, IF) else d.v_floor
    return floor == "none" and d.initial_v != "v_reset"


def _written_shapes(graph: Graph) -> dict[str, Shape]:
    """Shape of each population in the file, after rule 4.

    Raises:
        UnsupportedError: a matrix feeds an image that no convolution into it declares.
    """
    shapes = {p.name: p.shape for p in graph.populations}
    for projection in graph.projections:
        name, operator = projection.target, projection.operator
        if not isinstance(operator, Dense) or len(operator.target_shape) == 1:
            continue
        into = any(isinstance(p.operator, Conv) for p in graph.incoming(name))
        if not into or any(
            p.source == name and not isinstance(p.operator, Dense) for p in graph.projections
        ):
            raise UnsupportedError(
                f"projection {projection.name}: a matrix into an image of shape "
                f"{list(operator.target_shape)}",
                needs="the reverse of a Flatten, which NIR has not",
                remedy="keep the layers that it was composed of in the NIR file",
            )
        shapes[name] = (prod(operator.target_shape),)
    return shapes


def _implicit(graph: Graph) -> list[Projection]:
    """The projections without the delays that a reader adds by itself.

    Each cycle by itself: where the reader would choose another projection, its delays are kept.

    Raises:
        UnsupportedError: a delay shorter than the latency that the discretization implies.
    """
    d = graph.discretization
    names = [p.name for p in graph.populations]
    parts = components(names, [(p.source, p.target) for p in graph.projections])
    home = {name: k for k, part in enumerate(parts) for name in part}
    plain = [delayed(p, p.delay.steps - d.input_latency) for p in graph.projections]
    bare = [
        replace(p, delay=Delay())
        if home[p.source] == home[p.target]
        and p.delay.axis == "all"
        and p.delay.largest == d.recurrent_delay
        else short
        for p, short in zip(graph.projections, plain, strict=True)
    ]
    populations = {p.name: p for p in graph.populations}
    read = with_delays(populations, bare, d, graph.outputs)
    kept = {
        home[mine.target]
        for mine, other in zip(graph.projections, read, strict=True)
        if mine.delay.largest != other.delay.largest
    }
    written = [
        long if home[long.target] in kept else short
        for long, short in zip(plain, bare, strict=True)
    ]
    back = with_delays(populations, written, d, graph.outputs)
    for mine, short, other in zip(graph.projections, written, back, strict=True):
        if short.delay.smallest < 0 or (mine.delay.steps != other.delay.steps).any():
            raise UnsupportedError(
                f"projection {mine.name}: a delay of {mine.delay.smallest} steps",
                needs=f"delays that preset {d.preset!r} with input_latency {d.input_latency} and "
                f"recurrent_delay {d.recurrent_delay} gives",
                remedy="set both options to those that the delays were made with",
            )
    return written


@dataclass
class _Emitter:
    """Collects nodes and edges under names that are still free."""

    taken: set[str]
    nodes: dict[str, NirNode] = field(default_factory=dict)
    exits: dict[str, str] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)

    def fresh(self, name: str) -> str:
        """``name``, or the first of name#2, name#3, ... that is free."""
        found, k = name, 1
        while found in self.taken:
            k += 1
            found = f"{name}#{k}"
        self.taken.add(found)
        return found

    def thresholded(self, node: NirNode) -> None:
        """A spiking neuron as its membrane and a Threshold, which has no reset."""
        exit_ = self.fresh(f"{node.name} Threshold")
        params = dict(node.params)
        threshold = {"threshold": params.pop("v_threshold")}
        del params["v_reset"]
        self.nodes[node.name] = NirNode(_MEMBRANES[node.kind], params, node.name)
        self.nodes[exit_] = NirNode("Threshold", threshold, exit_)
        self.edges.append((node.name, exit_))
        self.exits[node.name] = exit_

    def exit(self, name: str) -> str:
        """The node that a population's spikes come from."""
        return self.exits.get(name, name)

    def chain(self, projection: Projection, links: Sequence[Link], source: Shape) -> None:
        """The nodes of one projection; a second direct edge gets a Scale of 1."""
        last = self.exit(projection.source)
        if not links and (last, projection.target) in self.edges:
            links = [("Scale", {"scale": np.ones(source)})]
        for kind, params in links:
            name = self.fresh(f"{projection.name} {kind}")
            self.nodes[name] = NirNode(kind, params, name)
            self.edges.append((last, name))
            last = name
        self.edges.append((last, projection.target))
