"""Delays that NIR does not write down, of recurrent paths and of all others, and a step's order.

Every framework runs the populations of a step one after another and takes the previous step's
spikes where a cycle closes. Where a cycle has no delay, the population of it that lies nearest to
the inputs runs first, among equally near ones that farthest from the outputs; what reaches it from
within the cycle arrives ``recurrent_delay`` steps later. Only where both distances are equal do
names decide. All other projections are ``input_latency`` steps late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from snn2chip.frontends.nir.lowering.paths import natural
from snn2chip.graph import Delay, Discretization, Population, Projection
from snn2chip.graph.order import components, is_cyclic, is_instant


def with_delays(
    populations: Mapping[str, Population],
    projections: Sequence[Projection],
    discretization: Discretization,
    outputs: Sequence[str],
) -> list[Projection]:
    """The same projections in the same order, with the delays that the discretization implies.

    Args:
        outputs: names of the populations that the network's outputs read.
    """
    names = list(populations)
    distance = _distances(names, projections, outputs)
    steps = max(discretization.recurrent_delay, 1)
    result = list(projections)
    recurrent: set[int] = set()

    def instant(projection: Projection) -> bool:
        if discretization.recurrent_delay > 0:
            return projection.delay.smallest == 0
        return is_instant(projection, populations[projection.source], discretization)

    while True:
        entry = _entry(names, [p for p in result if instant(p)], distance)
        if entry is None:
            break
        population, component = entry
        for k, projection in enumerate(result):
            closes = projection.target == population and projection.source in component
            if closes and instant(projection):
                result[k] = delayed(projection, np.maximum(projection.delay.steps, steps))
                recurrent.add(k)
    late = discretization.input_latency
    return [
        p if k in recurrent or not late else delayed(p, p.delay.steps + late)
        for k, p in enumerate(result)
    ]


def _entry(
    names: Sequence[str],
    instant: Sequence[Projection],
    distance: Mapping[str, tuple[int, int]],
) -> tuple[str, set[str]] | None:
    """The first population of some cycle without delay, and the cycle's populations."""
    edges = [(p.source, p.target) for p in instant]
    for component in components(names, edges):
        if is_cyclic(component, edges):
            first = min(component, key=lambda name: (distance[name], natural(name)))
            return first, set(component)
    return None


def _distances(
    names: Sequence[str], projections: Sequence[Projection], outputs: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Fewest projections from what nothing feeds, and minus the fewest to an output."""
    forth = {(p.source, p.target) for p in projections}
    back = {(target, source) for source, target in forth}
    targets = {target for source, target in forth if source != target}
    after = _fewest(names, [name for name in names if name not in targets], forth)
    ahead = _fewest(names, outputs, back)
    return {name: (after[name], -ahead[name]) for name in names}


def _fewest(
    names: Sequence[str], start: Sequence[str], edges: Iterable[tuple[str, str]]
) -> dict[str, int]:
    """Fewest edges from a start; ``len(names)`` if none leads to a name."""
    following: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        following[source].append(target)
    reached = dict.fromkeys(start, 0)
    front = list(start)
    while front:
        level = reached[front[0]] + 1
        front = list({t for name in front for t in following[name]} - reached.keys())
        reached.update(dict.fromkeys(front, level))
    return {name: reached.get(name, len(names)) for name in names}


def delayed(projection: Projection, steps: NDArray[np.int64]) -> Projection:
    """The same projection with other steps of delay per the same axis."""
    return replace(projection, delay=Delay(steps, projection.delay.axis))


def ordered(
    populations: Mapping[str, Population],
    projections: Sequence[Projection],
    discretization: Discretization,
) -> tuple[tuple[Population, ...], tuple[Projection, ...]]:
    """Inputs first, then topological order; within cycles the order of a step.

    Projections come in the order of their targets, then of their sources.
    """
    names = sorted(populations, key=natural)
    edges = sorted({(p.source, p.target) for p in projections})
    instant = sorted(
        {
            (p.source, p.target)
            for p in projections
            if is_instant(p, populations[p.source], discretization)
        }
    )
    order: list[str] = []
    for component in components(names, edges):
        inside = set(component)
        within = [(s, t) for s, t in instant if s in inside and t in inside]
        order.extend(name for (name,) in components(component, within))
    order.sort(key=lambda name: not populations[name].is_input)
    place = {name: k for k, name in enumerate(order)}
    arranged = sorted(projections, key=lambda p: (place[p.target], place[p.source]))
    return tuple(populations[name] for name in order), tuple(arranged)
