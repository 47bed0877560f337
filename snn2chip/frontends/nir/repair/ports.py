"""Missing Input and Output nodes, of the file and of nested graphs.

One is added where a single place for it exists: before the only part of the graph that nothing
feeds, behind the only part that feeds nothing. A part is a node, or a cycle with one neuron.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from snn2chip.frontends.nir.lowering.cells import NEURON_KINDS
from snn2chip.frontends.nir.nodes import NirGraph, NirNode, Param
from snn2chip.frontends.nir.repair.types import Repair
from snn2chip.graph.order import components

_IMAGE_AXES = {"Conv1d": 1, "Conv2d": 2}


def repair_ports(graph: NirGraph) -> tuple[NirGraph, list[Repair]]:
    """The graph with the ports that it lacks; those of nested graphs get their shape later."""
    return _in_graph(graph, "", needs=("Input", "Output"))


def _in_graph(
    graph: NirGraph, prefix: str, needs: tuple[str, ...]
) -> tuple[NirGraph, list[Repair]]:
    nodes, found = dict(graph.nodes), []
    fed = {target for _, target in graph.edges}
    used = {source for source, _ in graph.edges}
    for key, node in graph.nodes.items():
        if isinstance(node, NirGraph):
            wanted = tuple(port for port, ends in (("Input", fed), ("Output", used)) if key in ends)
            nodes[key], more = _in_graph(node, f"{prefix}{key}/", wanted)
            found += more
    graph = replace(graph, nodes=nodes)
    for port in needs:
        graph, more = _with_port(graph, prefix, port)
        found += more
    return graph, found


def _with_port(graph: NirGraph, prefix: str, port: str) -> tuple[NirGraph, list[Repair]]:
    if any(_kind(node) == port for node in graph.nodes.values()):
        return graph, []
    place = _only_end(graph, port)
    params: dict[str, Param] = {}
    if place is not None and port == "Input" and not prefix:
        shape = _taken(graph.nodes[place])
        if shape is None:
            return graph, []
        params["shape"] = np.array(shape, np.int64)
    if place is None:
        return graph, []
    key = port.lower()
    while key in graph.nodes:
        key += "#"
    node = NirNode(port, params, prefix + key)
    edge = (key, place) if port == "Input" else (place, key)
    repaired = replace(graph, nodes={**graph.nodes, key: node}, edges=(*graph.edges, edge))
    what = "nothing feeds" if port == "Input" else "feeds nothing"
    change = f"one is added at {place!r}, the only node that {what}"
    return repaired, [Repair(prefix + key, f"the graph has no {port}", change)]


def _only_end(graph: NirGraph, port: str) -> str | None:
    """The only node that nothing outside its cycle feeds (port Input), or that feeds nothing."""
    names = list(graph.nodes)
    edges = [(a, b) for a, b in graph.edges if a in graph.nodes and b in graph.nodes]
    end = 1 if port == "Input" else 0
    found = []
    for part in components(names, edges):
        inside = set(part)
        if any(edge[end] in inside and edge[1 - end] not in inside for edge in edges):
            continue
        neurons = [name for name in part if _kind(graph.nodes[name]) in NEURON_KINDS]
        found.append(part if len(part) == 1 else neurons)
    ends = [part for part in found if [_kind(graph.nodes[n]) for n in part] not in _PORT_ONLY]
    return ends[0][0] if len(ends) == 1 and len(ends[0]) == 1 else None


_PORT_ONLY = (["Input"], ["Output"])
"""Ports that no edge names are no end of the network."""


def _kind(node: NirNode | NirGraph) -> str:
    return "NIRGraph" if isinstance(node, NirGraph) else node.kind


def _taken(node: NirNode | NirGraph) -> tuple[int, ...] | None:
    """The shape that a node takes, where its parameters alone say so."""
    if isinstance(node, NirGraph):
        ports = [n for n in node.nodes.values() if isinstance(n, NirNode) and n.kind == "Input"]
        return _whole(ports[0].params.get("shape")) if len(ports) == 1 else None
    arrays = {k: np.asarray(v) for k, v in node.params.items() if not isinstance(v, str)}
    match node.kind:
        case "Affine" | "Linear" if np.ndim(arrays.get("weight", 0)) == 2:
            return (arrays["weight"].shape[1],)
        case "Scale" | "Delay" | "Threshold":
            return _shape_of(arrays, node.kind.lower())
        case "Flatten":
            return _whole(arrays.get("input_type"))
        case "Conv1d" | "Conv2d":
            return _image(arrays, _IMAGE_AXES[node.kind])
        case kind if kind in NEURON_KINDS:
            return _shape_of(arrays, "r")
    return None


def _image(arrays: Mapping[str, Any], axes: int) -> tuple[int, ...] | None:
    sides = _whole(arrays.get("input_shape"))
    groups = _whole(arrays.get("groups", np.array(1)))
    if sides is None or groups is None or np.ndim(arrays.get("weight", 0)) != axes + 2:
        return None
    sides = sides * axes if len(sides) == 1 else sides
    return (arrays["weight"].shape[1] * groups[0], *sides)


def _shape_of(arrays: Mapping[str, Any], key: str) -> tuple[int, ...] | None:
    return arrays[key].shape or None if key in arrays else None


def _whole(value: Any) -> tuple[int, ...] | None:
    """A shape, if the value is one."""
    if value is None or isinstance(value, str):
        return None
    array = np.asarray(value).reshape(-1)
    with np.errstate(invalid="ignore"):
        good = array.size and array.size < 8 and ((array >= 1) & (array < 2**31)).all()
    return tuple(int(n) for n in array) if good else None
