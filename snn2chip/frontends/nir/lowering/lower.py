"""A flat NIR graph into populations and projections.

1. Every root Input and every neuron becomes a population under its own name.
2. Every path of linear nodes between two of them becomes one projection: operators composed,
   delays added up.
3. A Flatten before neurons moves behind them where a convolution feeds them: the population takes
   the image's shape, which changes nothing since neurons are elementwise (``shapes``).
4. Cycles get the step of delay that NIR does not write down (``recurrence``).
5. A node that sums several sources adds its bias once: of the paths that share the rest of the way
   the one with the least delay owns it, since the node runs as soon as its first source does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from snn2chip.errors import InputFileError, UnsupportedError
from snn2chip.frontends.nir.lowering.cells import NEURON_KINDS, cell
from snn2chip.frontends.nir.lowering.delays import PathDelay, in_steps
from snn2chip.frontends.nir.lowering.nested import FlatGraph
from snn2chip.frontends.nir.lowering.params import Params
from snn2chip.frontends.nir.lowering.paths import LinearPart, Path, natural
from snn2chip.frontends.nir.lowering.recurrence import ordered, with_delays
from snn2chip.frontends.nir.lowering.shapes import unify_shapes
from snn2chip.frontends.nir.lowering.truncation import truncated
from snn2chip.frontends.nir.nodes import NirNode
from snn2chip.graph import Discretization, Operator, Population, Projection, identity
from snn2chip.graph.compose import compose, push_bias
from snn2chip.graph.operators import Identity
from snn2chip.neurons import Input


def populations_of(flat: FlatGraph, file: str) -> dict[str, Population]:
    """Inputs and neurons by name, in natural order.

    Raises:
        InputFileError: parameters that do not hold; no Input; an Input that something feeds.
    """
    sources = flat.sources()
    found: dict[str, Population] = {}
    for name in sorted(flat.nodes, key=natural):
        node = flat.nodes[name]
        if node.kind == "Input":
            if sources[name]:
                raise InputFileError(f"{file}: node {name!r}: an Input is fed by {sources[name]}")
            found[name] = Population(name, Input(), Params(node, file).shape("shape"))
        elif node.kind in NEURON_KINDS:
            neuron, shape = cell(node, file)
            Params(node, file).check_size(shape)
            found[name] = Population(name, neuron, shape)
    if not any(p.is_input for p in found.values()):
        raise InputFileError(f"{file}: the network has no Input", needs="an Input node")
    return found


def lower(
    flat: FlatGraph, file: str, discretization: Discretization
) -> tuple[tuple[Population, ...], tuple[Projection, ...], tuple[str, ...]]:
    """Populations in order, projections, and the names of the output populations.

    Args:
        discretization: its dt, which delays are multiples of, and the delays that it implies.

    Raises:
        InputFileError: nodes that do not fit each other.
        UnsupportedError: what projections cannot hold.
    """
    populations = populations_of(flat, file)
    linear = LinearPart(flat, {name: p.shape for name, p in populations.items()}, file)
    projections: list[Projection] = []
    paths: list[Path] = []
    for name, population in populations.items():
        if not population.is_input and linear.sources(name):
            _check_input_shape(linear, name, flat.nodes[name], population, file)
            for path in linear.paths_into(name):
                paths.append(path)
                projections.append(_projection(linear, path, name, file, discretization.dt))
    outputs = tuple(dict.fromkeys(_outputs(flat, linear, populations, file)))
    if not outputs:
        raise InputFileError(
            f"{file}: the network has no Output",
            needs="an Output node",
            remedy="add an edge from the last neurons to an Output",
        )
    reached = unify_shapes(populations, projections)
    found = with_delays(*reached, discretization, outputs)
    found = _with_biases(linear, paths, found)
    if discretization.weights == "int8":
        found = truncated(found)
    return (*ordered(reached[0], found, discretization), outputs)


def _check_input_shape(
    linear: LinearPart, name: str, node: NirNode, population: Population, file: str
) -> None:
    shape = linear.shape_into(name)
    if shape != population.shape:
        raise Params(node, file).mismatch(shape, population.shape)


def _projection(linear: LinearPart, path: Path, target: str, file: str, dt: float) -> Projection:
    """One path as one projection, without its bias."""
    where = f"{file}: {path.source} -> {target}"
    operator: Operator | None = None
    delay = PathDelay()
    for name in path.nodes:
        layer = linear.layers[name]
        if operator is None:
            operator = identity(layer.operator.source_shape)
        if layer.delay is not None:
            delay.add(in_steps(layer.delay, dt, where), operator, where)
            continue
        delay.pass_layer(layer.operator, where)
        operator = compose(layer.operator, operator, where)
    if operator is None:
        operator = identity(linear.shape_into(target))
    return Projection(path.source, target, operator, None, delay.delay(operator, where))


def _with_biases(
    linear: LinearPart, paths: Sequence[Path], projections: Sequence[Projection]
) -> list[Projection]:
    """The projections of ``paths`` with the biases that they own."""
    result = list(projections)
    owned: set[tuple[str, tuple[str, ...]]] = set()
    for k in sorted(range(len(paths)), key=lambda k: projections[k].delay.smallest):
        nodes, bias = paths[k].nodes, None
        for j, name in enumerate(nodes):
            rest = (projections[k].target, nodes[j:])
            layer = linear.layers[name]
            if layer.delay is None:
                own = None if rest in owned else layer.bias
                bias = push_bias(layer.operator, bias, own)
            owned.add(rest)
        if bias is not None and bias.any():
            bias = bias.reshape(projections[k].operator.target_shape)
            result[k] = replace(projections[k], bias=bias)
    return result


def _outputs(
    flat: FlatGraph, linear: LinearPart, populations: dict[str, Population], file: str
) -> Iterator[str]:
    """Populations that Output nodes read, in natural order of the Output nodes."""
    for name in sorted(flat.nodes, key=natural):
        node = flat.nodes[name]
        if node.kind != "Output":
            continue
        params = Params(node, file)
        shape, declared = linear.shape_into(name), params.shape("shape")
        if shape != declared:
            raise params.refuse(
                f"it states the shape {list(declared)}",
                needs=f"the shape {list(shape)} of what feeds it",
                remedy="export the network again, or correct the Output's shape",
            )
        paths = linear.paths_into(name)
        if len(paths) != 1:
            raise UnsupportedError(
                f"{params.where} sums {len(paths)} populations",
                needs="one population per Output",
                remedy="add an LI that sums them before the Output",
            )
        if any(not _only_reshapes(linear, node_name) for node_name in paths[0].nodes):
            raise UnsupportedError(
                f"{params.where} reads layers without a neuron ({', '.join(paths[0].nodes)})",
                needs="a neuron population before the Output",
                remedy="add an LI before the Output",
            )
        if populations[paths[0].source].is_input:
            raise UnsupportedError(
                f"{params.where} reads the Input {paths[0].source!r} itself",
                needs="a neuron population before the Output",
                remedy="add an LI before the Output",
            )
        yield paths[0].source


def _only_reshapes(linear: LinearPart, name: str) -> bool:
    layer = linear.layers[name]
    return (
        isinstance(layer.operator, Identity)
        and layer.delay is None
        and bool(np.all(layer.operator.scale == 1.0))
    )
