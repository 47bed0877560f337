"""Compiled lists of the cores that neurons reach. Loaded only through ``accelerate.kernels``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.kernels.accelerate import jit


@jit
def cores_of_sources(
    first: NDArray[Any],
    targets: NDArray[Any],
    column: NDArray[np.int32],
    starts: NDArray[np.int64],
    columns: NDArray[np.int32],
    numbers: NDArray[np.int32],
) -> int:
    """Distinct cores of each source's targets, ascending, with the synapses into each.

    Args:
        first, targets: as in ``graph.operators.Sparse``.
        column: core's column of each target neuron.
        starts: int64 [source + 1], overwritten.
        columns, numbers: int32 [synapse], overwritten up to the number that is returned.
    """
    end = 0
    for source in range(first.size - 1):
        begin = end
        starts[source] = begin
        for synapse in range(first[source], first[source + 1]):
            core = column[targets[synapse]]
            place = end
            while place > begin and columns[place - 1] >= core:
                place -= 1
            if place < end and columns[place] == core:
                numbers[place] += 1
                continue
            for later in range(end, place, -1):
                columns[later] = columns[later - 1]
                numbers[later] = numbers[later - 1]
            columns[place] = core
            numbers[place] = 1
            end += 1
    starts[first.size - 1] = end
    return end
