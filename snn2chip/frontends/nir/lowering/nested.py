"""Nested NIR graphs into one flat graph: names joined by "/", ports turned into passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from snn2chip.errors import InputFileError, UnsupportedError, did_you_mean
from snn2chip.frontends.nir.nodes import Edge, NirGraph, NirNode


@dataclass(frozen=True, eq=False)
class FlatGraph:
    """A graph without nested graphs.

    Attributes:
        nodes: by full name; the Input and Output of a nested graph are of kind ``Pass``.
        edges: between full names, each once.
    """

    nodes: Mapping[str, NirNode]
    edges: tuple[Edge, ...]

    def sources(self) -> dict[str, list[str]]:
        """Names of the nodes that feed each node, in the order of the edges."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            found[target].append(source)
        return found


def flatten(graph: NirGraph, file: str) -> FlatGraph:
    """The flat graph.

    Raises:
        InputFileError: an edge names a node that does not exist, comes from an Output, or is
            stated twice.
        UnsupportedError: an edge to a nested graph with several inputs, or from one with several
            outputs: NIR's edges cannot say which.
    """
    nodes: dict[str, NirNode] = {}
    edges: list[Edge] = []
    for full, node in _leaves(graph, outermost=True):
        if full in nodes:
            raise InputFileError(f"{file}: two nodes are called {full!r}", remedy="rename one")
        nodes[full] = node
    for prefix, part in _graphs(graph, ""):
        where = f"{file}: graph {part.name!r}" if prefix else file
        for source, target in part.edges:
            for end in (source, target):
                if end not in part.nodes:
                    raise _unknown_node(where, (source, target), end, part)
            start = _port(part, prefix, source, "Output", where)
            stop = _port(part, prefix, target, "Input", where)
            if nodes[start].kind == "Output":
                raise InputFileError(
                    f"{where}: the edge {source!r} -> {target!r} comes from an Output",
                    needs="edges from an Input, a layer or a neuron",
                    remedy="let the edge begin at the node that feeds the Output",
                )
            edges.append((start, stop))
    if len(set(edges)) < len(edges):
        double = Counter(edges).most_common(1)[0][0]
        raise InputFileError(
            f"{file}: the edge {double[0]!r} -> {double[1]!r} is stated twice",
            needs="each edge once",
            remedy="a node that shall count twice needs a Scale",
        )
    return FlatGraph(nodes, tuple(edges))


def _unknown_node(where: str, edge: Edge, missing: str, graph: NirGraph) -> InputFileError:
    return InputFileError(
        f"{where}: the edge {edge[0]!r} -> {edge[1]!r} names {missing!r}, which does not exist",
        needs="edges between nodes of the same graph",
        has="nodes " + ", ".join(sorted(graph.nodes)[:20]),
        remedy=f"rename the node or correct the edge; {did_you_mean(missing, list(graph.nodes))}",
    )


def _leaves(graph: NirGraph, *, outermost: bool) -> Iterator[tuple[str, NirNode]]:
    for key, node in graph.nodes.items():
        if isinstance(node, NirGraph):
            yield from _leaves(node, outermost=False)
        elif outermost:
            yield key, NirNode(node.kind, node.params, key)
        elif node.kind in ("Input", "Output"):
            yield node.name, NirNode("Pass", node.params, node.name)
        else:
            yield node.name, node


def _graphs(graph: NirGraph, prefix: str) -> Iterator[tuple[str, NirGraph]]:
    yield prefix, graph
    for key, node in graph.nodes.items():
        if isinstance(node, NirGraph):
            yield from _graphs(node, f"{prefix}{key}/")


def _port(graph: NirGraph, prefix: str, name: str, kind: str, where: str) -> str:
    """Full name of a node, or of the only port of a nested graph."""
    node = graph.nodes[name]
    if not isinstance(node, NirGraph):
        return prefix + name
    ports = [key for key, inner in node.nodes.items() if _is_port(inner, kind)]
    if not ports:
        raise InputFileError(
            f"{where}: the nested graph {name!r} has no node of kind {kind}",
            needs=f"an {kind}, where the edge that names the graph ends",
            remedy=f"add an {kind} to the nested graph",
        )
    if len(ports) != 1:
        raise UnsupportedError(
            f"{where}: the nested graph {name!r} has {len(ports)} nodes of kind {kind}",
            needs="one, since an edge names the graph and not its port",
            remedy=f"give the nested graph one {kind}, or write its nodes into the outer graph",
        )
    return f"{prefix}{name}/{ports[0]}"


def _is_port(node: NirNode | NirGraph, kind: str) -> bool:
    return isinstance(node, NirNode) and node.kind == kind
