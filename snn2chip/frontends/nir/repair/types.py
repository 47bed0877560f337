"""What a repair is, and how one changes nodes of nested graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from snn2chip.frontends.nir.nodes import NirGraph, NirNode, Param


@dataclass(frozen=True)
class Repair:
    """One thing that was changed in a malformed file.

    Attributes:
        node: name of the node or graph, in nested graphs the path.
        cause: what was wrong.
        change: what it was replaced by, and why there is no other reading.
    """

    node: str
    cause: str
    change: str

    def __str__(self) -> str:
        return f"{self.node}: {self.cause}; {self.change}"


def leaves(graph: NirGraph, prefix: str = "") -> Iterator[tuple[str, NirNode]]:
    """All nodes that are no graphs, by their full names."""
    for key, node in graph.nodes.items():
        if isinstance(node, NirGraph):
            yield from leaves(node, f"{prefix}{key}/")
        else:
            yield prefix + key, node


def with_params(
    graph: NirGraph, changed: Mapping[str, Mapping[str, Param]], prefix: str = ""
) -> NirGraph:
    """The graph with other parameters of the nodes that ``changed`` holds by their full names."""
    nodes: dict[str, NirNode | NirGraph] = {}
    for key, node in graph.nodes.items():
        if isinstance(node, NirGraph):
            nodes[key] = with_params(node, changed, f"{prefix}{key}/")
        elif prefix + key in changed:
            nodes[key] = replace(node, params=dict(changed[prefix + key]))
        else:
            nodes[key] = node
    return replace(graph, nodes=nodes)


def in_each_graph(
    graph: NirGraph,
    change: Callable[[NirGraph, str], tuple[NirGraph, list[Repair]]],
    prefix: str = "",
) -> tuple[NirGraph, list[Repair]]:
    """``change`` applied to every graph and its path, the innermost first."""
    nodes: dict[str, NirNode | NirGraph] = {}
    found: list[Repair] = []
    for key, node in graph.nodes.items():
        if isinstance(node, NirGraph):
            nodes[key], more = in_each_graph(node, change, f"{prefix}{key}/")
            found += more
        else:
            nodes[key] = node
    changed, more = change(replace(graph, nodes=nodes), prefix)
    return changed, found + more
