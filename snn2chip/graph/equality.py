"""Structural equality of Graphs: same populations, operators, delays and ways to run them.

The order of populations and the graph's name do not count. A delay per source or target that is
the same everywhere equals one delay for all, a delay per synapse that only its source or target
decides equals one of that axis, no bias equals a bias of zeros, and padding behind
an image counts only as far as the kernel reaches.
"""

from __future__ import annotations

from collections import defaultdict
from math import prod

import numpy as np

from snn2chip.graph.operators import (
    Array,
    Conv,
    Identity,
    Operator,
    Shape,
    Sparse,
    weights_of,
)
from snn2chip.graph.types import Graph, Population, Projection

_SETTINGS = (
    "outputs", "discretization", "readout", "encoding", "classes", "data", "split_seed"
)  # fmt: skip


def equal(a: Graph, b: Graph) -> bool:
    """Whether two graphs are the same network, run in the same way."""
    return not differences(a, b)


def differences(a: Graph, b: Graph) -> list[str]:
    """What differs between two graphs, one line each."""
    found = [
        f"{name}: {getattr(a, name)!r} and {getattr(b, name)!r}"
        for name in _SETTINGS
        if getattr(a, name) != getattr(b, name)
    ]
    ours, theirs = ({p.name: p for p in graph.populations} for graph in (a, b))
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in ours or name not in theirs:
            found.append(f"population {name!r} is only in one")
        else:
            found.extend(_population(ours[name], theirs[name]))
    mine, others = _by_ends(a), _by_ends(b)
    for ends in sorted(mine.keys() | others.keys()):
        found.extend(_projections(f"{ends[0]}->{ends[1]}", mine[ends], others[ends]))
    return found


def _population(a: Population, b: Population) -> list[str]:
    if (a.neuron.kind, a.shape) != (b.neuron.kind, b.shape):
        return [f"population {a.name!r}: {a.neuron.kind} {a.shape}, {b.neuron.kind} {b.shape}"]
    theirs = b.neuron.parameters()
    return [
        f"population {a.name!r}: {name}"
        for name, value in a.neuron.parameters().items()
        if not np.array_equal(value, theirs[name])
    ]


def _by_ends(graph: Graph) -> defaultdict[tuple[str, str], list[Projection]]:
    found: defaultdict[tuple[str, str], list[Projection]] = defaultdict(list)
    for projection in graph.projections:
        found[projection.source, projection.target].append(projection)
    return found


def _projections(name: str, a: list[Projection], b: list[Projection]) -> list[str]:
    """Parallel projections are compared as a set; the nearest pair says what differs."""
    if len(a) != len(b):
        return [f"projection {name}: {len(a)} and {len(b)} of them"]
    left, found = list(b), []
    for mine in a:
        ranked = sorted(left, key=lambda other: len(_projection(mine, other)))
        left.remove(ranked[0])
        found += [f"projection {name}: {part}" for part in _projection(mine, ranked[0])]
    return found


def _projection(a: Projection, b: Projection) -> list[str]:
    found = []
    if _form(a.operator) != _form(b.operator):
        found.append(f"{_form(a.operator)} and {_form(b.operator)}")
    elif not np.array_equal(weights_of(a.operator), weights_of(b.operator)):
        found.append("weights")
    if not np.array_equal(_bias(a), _bias(b)):
        found.append("bias")
    (axis_a, steps_a), (axis_b, steps_b) = _delay(a), _delay(b)
    if axis_a != axis_b or not np.array_equal(steps_a, steps_b):
        found.append("delay")
    return found


def _form(operator: Operator) -> tuple[object, ...]:
    """Everything but the weights."""
    ends: tuple[str, Shape, Shape] = (
        type(operator).__name__,
        operator.source_shape,
        operator.target_shape,
    )
    if isinstance(operator, Sparse):
        return (*ends, operator.targets.tolist(), operator.first.tolist())
    if not isinstance(operator, Conv):
        return ends
    before = tuple(pair[0] for pair in operator.padding)
    kernel = operator.weight.shape
    return (*ends, kernel, operator.stride, before, operator.dilation, operator.groups)


def _bias(projection: Projection) -> Array:
    if projection.bias is None:
        return np.zeros(prod(projection.operator.target_shape))
    return projection.bias.reshape(-1)


def _delay(projection: Projection) -> tuple[str, Array]:
    """Axis and steps; through an identity the sources are the targets."""
    delay = projection.delay
    if delay.largest == delay.smallest:
        return "all", np.array(delay.largest)
    if isinstance(projection.operator, Identity):
        return "element", delay.steps.reshape(-1)
    if delay.axis == "synapse":
        if (delay.steps == delay.steps[:1]).all():
            return "source", delay.steps[0]
        if (delay.steps == delay.steps[:, :1]).all():
            return "target", delay.steps[:, 0]
        return "synapse", delay.steps
    return delay.axis, delay.steps.reshape(-1)
