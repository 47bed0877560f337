"""A Threshold behind a membrane that is never reset: together a spiking neuron without reset.

NIR's Threshold is z = x > threshold. Behind an LI, a CubaLI or an I it compares the membrane that
was updated in the same step, as a LIF, CubaLIF or IF does, whose reset is left out. (Spyx writes
its neurons without reset this way.) The pair becomes one population under the name of the first,
with ``reset`` none. A Threshold on anything else has no membrane, and is refused.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir.lowering.nested import FlatGraph
from snn2chip.frontends.nir.lowering.params import Params
from snn2chip.frontends.nir.nodes import Edge, NirNode
from snn2chip.neurons import Discretization

SPIKING = {"LI": "LIF", "CubaLI": "CubaLIF", "I": "IF"}
"""The spiking form of each membrane."""

_FLOORS = {"LIF": "v_floor", "CubaLIF": "v_floor", "IF": "if_floor"}


def merge_thresholds(flat: FlatGraph, file: str) -> tuple[FlatGraph, tuple[str, ...]]:
    """The graph without Threshold nodes, and the names of the populations without reset.

    Raises:
        UnsupportedError: a Threshold without a membrane of its own before it.
        InputFileError: its threshold is no array of finite numbers.
    """
    thresholds = [name for name, node in flat.nodes.items() if node.kind == "Threshold"]
    if not thresholds:
        return flat, ()
    sources = flat.sources()
    targets: dict[str, list[str]] = {name: [] for name in flat.nodes}
    for source, target in flat.edges:
        targets[source].append(target)
    nodes = dict(flat.nodes)
    gone: set[str] = set()
    exits: dict[str, str] = {}
    for name in thresholds:
        way = _way_back(name, flat, sources)
        membrane = way[-1]
        if nodes[membrane].kind not in SPIKING:
            raise _no_membrane(name, nodes, sources, file)
        for inner, outer in zip(way[1:], way, strict=False):
            if targets[inner] != [outer]:
                raise _read_otherwise(name, membrane, nodes, file)
        nodes[membrane] = _merged(nodes[membrane], nodes[name], file)
        gone.update(way[:-1])
        exits[name] = membrane
    edges: tuple[Edge, ...] = tuple(
        (exits.get(source, source), target) for source, target in flat.edges if target not in gone
    )
    left = {name: node for name, node in nodes.items() if name not in gone}
    return FlatGraph(left, edges), tuple(exits.values())


def without_reset(
    discretization: Discretization, populations: tuple[str, ...], flat: FlatGraph
) -> Discretization:
    """The discretization with ``reset`` none, and no floor, for the populations of thresholds.

    Their membranes start at rest, where they had no v_reset. What the user or the file says of a
    population stays.
    """
    said = {(owner, name) for owner, name, _ in discretization.exceptions}
    options = {
        f"{population}.{option}": "none"
        for population in populations
        for option in ("reset", _FLOORS[flat.nodes[population].kind])
        if (population, option) not in said and getattr(discretization, option) != "none"
    }
    if discretization.initial_v == "v_reset":
        starts = (p for p in populations if (p, "initial_v") not in said)
        options |= {f"{population}.initial_v": "v_leak" for population in starts}
    return discretization.override(**options)


def _way_back(name: str, flat: FlatGraph, sources: dict[str, list[str]]) -> list[str]:
    """The Threshold, the ports of nested graphs before it, and the first node that is none."""
    way = [name]
    while len(sources[way[-1]]) == 1:
        way.append(sources[way[-1]][0])
        if flat.nodes[way[-1]].kind != "Pass":
            break
    return way


def _merged(membrane: NirNode, threshold: NirNode, file: str) -> NirNode:
    value = Params(threshold, file).array("threshold")
    params = {**membrane.params, "v_threshold": value, "v_reset": np.zeros(value.shape)}
    return replace(membrane, kind=SPIKING[membrane.kind], params=params)


def _no_membrane(
    name: str, nodes: dict[str, NirNode], sources: dict[str, list[str]], file: str
) -> UnsupportedError:
    before = ", ".join(f"{s!r} ({nodes[s].kind})" for s in sources[name][:5]) or "nothing"
    return UnsupportedError(
        f"{file}: node {name!r} (Threshold) has no membrane to compare: it reads {before}",
        needs="one LI, CubaLI or I before it, whose spikes it makes",
        remedy="put an LI with tau = dt and r = 1 before it, whose membrane is its input",
    )


def _read_otherwise(
    name: str, membrane: str, nodes: dict[str, NirNode], file: str
) -> UnsupportedError:
    return UnsupportedError(
        f"{file}: node {membrane!r} ({nodes[membrane].kind}) feeds the Threshold {name!r} and "
        "other nodes",
        needs="a population that sends spikes or its membrane, not both",
        remedy=f"give the others a copy of {membrane!r} of their own",
    )
