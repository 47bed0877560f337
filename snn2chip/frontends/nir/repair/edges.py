"""Edges that name nodes which do not exist.

A name that is missing means a node of the same graph if, first match wins,

1. it is a path into a nested graph that ends at one of its ports (``lif1.input``);
2. it is the node's name behind the name of the graph itself (``lif1.lif`` inside ``lif1``);
3. it differs from one node's name only in ".", "/", "-" or "_";
4. it is the only name that is missing, and one node alone is named by no edge.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from snn2chip.frontends.nir.nodes import Edge, NirGraph, NirNode
from snn2chip.frontends.nir.repair.types import Repair, in_each_graph

_PORTS = ("Input", "Output")
_SEPARATORS = re.compile(r"[./_-]+")


def repair_edges(graph: NirGraph) -> tuple[NirGraph, list[Repair]]:
    """The graph with edges between nodes that exist, where there is one reading."""
    return in_each_graph(graph, _in_graph)


def _in_graph(graph: NirGraph, prefix: str) -> tuple[NirGraph, list[Repair]]:
    named = list(dict.fromkeys(end for edge in graph.edges for end in edge))
    missing = [name for name in named if name not in graph.nodes]
    own = prefix.rstrip("/").rpartition("/")[2]
    meant: dict[str, str] = {}
    for name in missing:
        for rule in (_port_of_nested, lambda n, g: _behind_own_name(n, g, own), _spelt_otherwise):
            found = rule(name, graph)
            if found is not None:
                meant[name] = found
                break
    left = [name for name in missing if name not in meant]
    unnamed = [name for name in graph.nodes if name not in named and name not in meant.values()]
    if len(left) == len(unnamed) == 1 and _may_stand(left[0], unnamed[0], graph):
        meant[left[0]] = unnamed[0]
    if not meant:
        return graph, []
    edges: tuple[Edge, ...] = tuple((meant.get(a, a), meant.get(b, b)) for a, b in graph.edges)
    repairs = [_repair(prefix, old, new, old in left) for old, new in meant.items()]
    return replace(graph, edges=edges), repairs


def _repair(prefix: str, old: str, new: str, only: bool) -> Repair:
    why = "the only node that no edge names" if only else "another spelling of the same name"
    return Repair(
        f"{prefix}{new}",
        f"edges name {old!r}, which does not exist",
        f"they mean {new!r}, {why}",
    )


Rule = Callable[[str, NirGraph], str | None]


def _port_of_nested(name: str, graph: NirGraph) -> str | None:
    found = []
    for key, node in graph.nodes.items():
        inside = name[len(key) + 1 :]
        if isinstance(node, NirGraph) and name[: len(key)] == key and name[len(key)] in "./_-":
            port = node.nodes.get(inside)
            if isinstance(port, NirNode) and port.kind in _PORTS:
                found.append(key)
    return found[0] if len(found) == 1 else None


def _behind_own_name(name: str, graph: NirGraph, own: str) -> str | None:
    rest = name[len(own) + 1 :]
    behind = bool(own) and name.startswith(own) and name[len(own) : len(own) + 1] in tuple("./_-")
    return rest if behind and rest in graph.nodes else None


def _spelt_otherwise(name: str, graph: NirGraph) -> str | None:
    plain = _SEPARATORS.sub("_", name)
    found = [key for key in graph.nodes if _SEPARATORS.sub("_", key) == plain]
    return found[0] if len(found) == 1 else None


def _may_stand(name: str, node: str, graph: NirGraph) -> bool:
    """Nothing feeds an Input of the file or of a graph, and nothing comes from an Output."""
    found = graph.nodes[node]
    kind = "NIRGraph" if isinstance(found, NirGraph) else found.kind
    fed, feeds = (any(edge[end] == name for edge in graph.edges) for end in (1, 0))
    return not (kind == "Input" and fed) and not (kind == "Output" and feeds)
