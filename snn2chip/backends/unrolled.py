"""Projections as lists of synapses, source by source: what PyNN and py-spinnaker2 take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program, ProgramProjection, chip_delay
from snn2chip.graph.linear import apply
from snn2chip.graph.operators import Operator

Integers = NDArray[np.int64]

_PART = 256
"""Sources that are looked at together."""


def delays_of(
    program: Program, projection: ProgramProjection, sources: Integers, targets: Integers
) -> Integers:
    """Delay of every synapse on the chip."""
    steps = chip_delay(program, projection)
    match projection.delay.axis:
        case "source":
            return steps.reshape(-1)[sources]
        case "target":
            return steps.reshape(-1)[targets]
        case "synapse":
            size = int(np.prod(projection.operator.source_shape))
            found: Integers = steps.reshape(-1, size)[targets, sources]
            return found
        case _:
            return np.full(len(sources), int(steps))


def synapses(operator: Operator) -> tuple[Integers, Integers, Integers]:
    """Flat sources, flat targets and words of all synapses that are not 0, source by source."""
    size = int(np.prod(operator.source_shape))
    found: list[tuple[Integers, Integers, Integers]] = []
    for first in range(0, size, _PART):
        count = min(_PART, size - first)
        one = np.zeros((count, size))
        one[np.arange(count), first + np.arange(count)] = 1.0
        rows = apply(operator, one.reshape(count, *operator.source_shape)).reshape(count, -1)
        sources, targets = np.nonzero(rows)
        words = np.rint(rows[sources, targets]).astype(np.int64)
        found.append((sources + first, targets, words))
    sources, targets, words = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return sources, targets, words
