"""Orders of a network's populations: topological order, cycles, and chip latencies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from snn2chip.graph.types import Population, Projection
from snn2chip.neurons import Discretization


def is_instant(projection: Projection, source: Population, discretization: Discretization) -> bool:
    """Whether a projection's target needs what its source sends in the same step.

    Spikes that are sent a step late are known before the step.
    """
    late = discretization.output_latency > 0 and source.neuron.spiking and not source.is_input
    return projection.delay.smallest <= 0 and not late


def components(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Strongly connected components in topological order; members keep the order of ``names``.

    Tarjan's algorithm without recursion.
    """
    successors: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        successors[source].append(target)
    position = {name: k for k, name in enumerate(names)}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    on_stack: set[str] = set()
    stack: list[str] = []
    found: list[list[str]] = []
    for root in reversed(names):
        if root in index:
            continue
        work = [(root, iter(successors[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, children = work[-1]
            child = next(children, None)
            if child is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    members = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        members.append(member)
                        if member == node:
                            break
                    found.append(sorted(members, key=position.__getitem__))
            elif child not in index:
                index[child] = low[child] = len(index)
                stack.append(child)
                on_stack.add(child)
                work.append((child, iter(successors[child])))
            elif child in on_stack:
                low[node] = min(low[node], index[child])
    return found[::-1]


def is_cyclic(component: Sequence[str], edges: Iterable[tuple[str, str]]) -> bool:
    """Whether a component holds a cycle: several members, or a self-loop."""
    return len(component) > 1 or (component[0], component[0]) in set(edges)


def latencies(
    names: Sequence[str], inputs: Sequence[str], edges: Mapping[tuple[str, str], int]
) -> dict[str, int]:
    """Least latency L(p) of each population on a chip whose synapse takes one step.

    Every projection p->q with least graph delay d must have d + L(q) - L(p) >= 1, inputs at 0:
    longest paths with weight 1 - d (Bellman-Ford).

    Args:
        edges: (source, target) -> least graph delay in steps.

    Raises:
        ValueError: a cycle has fewer delay steps than synapses, so no latency makes it exact.
    """
    latency = dict.fromkeys(names, 0)
    for _ in range(len(names) + 1):
        changed = False
        for (source, target), delay in edges.items():
            needed = latency[source] + 1 - delay
            if needed > latency[target] and target not in inputs:
                latency[target] = needed
                changed = True
        if not changed:
            return latency
    raise ValueError("a cycle has fewer delay steps than synapses")
