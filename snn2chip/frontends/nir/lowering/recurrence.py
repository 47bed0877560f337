"""The step of delay of recurrent paths, which NIR does not write down, and the order of a step.

Every framework runs the populations of a step one after another and takes the previous step's
spikes where a cycle closes. Where a cycle has no delay, the population of it that lies nearest to
the inputs runs first; what reaches it from within the cycle arrives one step later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from snn2chip.frontends.nir.lowering.paths import natural
from snn2chip.graph import Delay, Population, Projection
from snn2chip.graph.order import components, is_cyclic


def break_cycles(names: Sequence[str], projections: Sequence[Projection]) -> list[Projection]:
    """The same projections, with at least one step of delay in every cycle."""
    distance = _distances(names, projections)
    result = list(projections)
    while True:
        entry = _entry(names, result, distance)
        if entry is None:
            return result
        population, component = entry
        result = [
            _at_least_one(p) if p.target == population and p.source in component else p
            for p in result
        ]


def _entry(
    names: Sequence[str], projections: Sequence[Projection], distance: Mapping[str, int]
) -> tuple[str, set[str]] | None:
    """The first population of some cycle without delay, and the cycle's populations."""
    edges = [(p.source, p.target) for p in projections if p.delay.smallest == 0]
    for component in components(names, edges):
        if is_cyclic(component, edges):
            first = min(component, key=lambda name: (distance[name], natural(name)))
            return first, set(component)
    return None


def _distances(names: Sequence[str], projections: Sequence[Projection]) -> dict[str, int]:
    """Fewest projections from a population that nothing feeds; ``len(names)`` if none leads."""
    targets = {p.target for p in projections if p.source != p.target}
    reached = {name: 0 for name in names if name not in targets}
    front = list(reached)
    while front:
        nearer = set(front)
        step = {p.target for p in projections if p.source in nearer} - reached.keys()
        level = reached[front[0]] + 1
        reached.update(dict.fromkeys(step, level))
        front = sorted(step)
    return {name: reached.get(name, len(names)) for name in names}


def _at_least_one(projection: Projection) -> Projection:
    delay = Delay(np.maximum(projection.delay.steps, 1), projection.delay.axis)
    return Projection(
        projection.source, projection.target, projection.operator, projection.bias, delay
    )


def ordered(
    populations: Mapping[str, Population], projections: Sequence[Projection]
) -> tuple[tuple[Population, ...], tuple[Projection, ...]]:
    """Inputs first, then topological order; within cycles the order of a step.

    Projections come in the order of their targets, then of their sources.
    """
    names = sorted(populations, key=natural)
    edges = sorted({(p.source, p.target) for p in projections})
    instant = sorted({(p.source, p.target) for p in projections if p.delay.smallest == 0})
    order: list[str] = []
    for component in components(names, edges):
        inside = set(component)
        within = [(s, t) for s, t in instant if s in inside and t in inside]
        order.extend(name for (name,) in components(component, within))
    order.sort(key=lambda name: not populations[name].is_input)
    place = {name: k for k, name in enumerate(order)}
    arranged = sorted(projections, key=lambda p: (place[p.target], place[p.source]))
    return tuple(populations[name] for name in order), tuple(arranged)
