"""One step of latency per synapse: what populations lag by, and cycles too tight for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from snn2chip.backends.base import formats_of
from snn2chip.core import Limit, Program, Violation, chip_delay
from snn2chip.errors import UnsupportedError
from snn2chip.graph import Graph, Projection
from snn2chip.graph.order import components, is_cyclic, latencies
from snn2chip.targets.types import Target

DELAY = Limit(
    "synaptic-delay",
    "delay_max",
    "synapses delay by so many steps beyond their own",
    "shorter delays, or a larger dt",
)


def late_projections(program: Program, target: Target) -> Iterator[Violation]:
    """Projections whose synapses are to delay longer than the chip's can."""
    most = formats_of(target)[DELAY.key]
    for projection in program.projections:
        beyond = int(chip_delay(program, projection).max()) - 1
        if beyond > int(most.value):
            yield DELAY.broken(
                target.name,
                projection.name,
                f"{beyond} steps of synaptic delay",
                f"{most.value} steps",
                most.source,
            )


def chip_latencies(graph: Graph) -> dict[str, int]:
    """Latency of each population, one step per synapse.

    Raises:
        UnsupportedError: a cycle that needs an answer sooner than the chip can give it.
    """
    try:
        return latencies(
            [p.name for p in graph.populations],
            [p.name for p in graph.inputs],
            _least_delays(graph),
        )
    except ValueError:
        raise UnsupportedError(
            "a cycle through " + ", ".join(repr(name) for name in _in_cycles(graph)),
            needs="as many steps of delay as it has synapses, since each takes a step on the chip",
            has="fewer steps of delay in the graph",
            remedy="a delay of one step more per projection of the cycle, or --allow-latency to "
            "run with longer delays and read the drift",
        ) from None


def allow_latency(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """The graph with as much delay in its cycles as the chip needs, and what was changed.

    Only projections that lead back (from a population to itself or to an earlier one of its cycle)
    are delayed, one step at a time.
    """
    relaxed = graph
    while not _is_feasible(relaxed):
        relaxed = _one_step_later(relaxed)
    pairs = zip(graph.projections, relaxed.projections, strict=True)
    return relaxed, tuple(_note(before, after) for before, after in pairs if after is not before)


def _note(before: Projection, after: Projection) -> str:
    added = after.delay.largest - before.delay.largest
    return (
        f"{before.name}: {added} step{'' if added == 1 else 's'} of delay added, because every "
        "synapse takes a step (modelled)"
    )


def _least_delays(graph: Graph) -> dict[tuple[str, str], int]:
    """Least delay by source and target; a constant current (encoding ``direct``) takes no step."""
    least: dict[tuple[str, str], int] = {}
    inputs = {p.name for p in graph.inputs} if graph.encoding.kind == "direct" else ()
    for p in graph.projections:
        key = (p.source, p.target)
        delay = p.delay.smallest + (p.source in inputs)
        least[key] = min(delay, least.get(key, delay))
    return least


def _is_feasible(graph: Graph) -> bool:
    try:
        chip_latencies(graph)
    except UnsupportedError:
        return False
    return True


def _in_cycles(graph: Graph) -> list[str]:
    edges = [(p.source, p.target) for p in graph.projections]
    groups = components([p.name for p in graph.populations], edges)
    return [name for group in groups if is_cyclic(group, edges) for name in group]


def _one_step_later(graph: Graph) -> Graph:
    """Every projection that leads back within a cycle, one step later."""
    edges = [(p.source, p.target) for p in graph.projections]
    groups = components([p.name for p in graph.populations], edges)
    group_of = {name: k for k, group in enumerate(groups) for name in group}
    place = {p.name: k for k, p in enumerate(graph.populations)}
    return replace(
        graph,
        projections=tuple(
            replace(p, delay=replace(p.delay, steps=p.delay.steps + 1))
            if group_of[p.source] == group_of[p.target] and place[p.source] >= place[p.target]
            else p
            for p in graph.projections
        ),
    )
