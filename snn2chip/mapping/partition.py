"""Sequential fill: populations in program order, each on cores of its own.

A core takes as many neurons, in flattened C order, as the target's neurons and synaptic words per
core allow. Inputs occupy cores too, as in SANA-FE and in Intel's published map of PilotNet.
"""

from __future__ import annotations

from collections.abc import Callable

from snn2chip.core import Program
from snn2chip.core.mapping import Slice
from snn2chip.mapping.memory import memory_of, slice_words
from snn2chip.targets.types import Target

Fits = Callable[[int, int], bool]


def partition(program: Program, target: Target) -> dict[str, tuple[Slice, ...]]:
    """Population -> its slices; cores are numbered from 0 and may exceed those of the chip."""
    cores: dict[str, tuple[Slice, ...]] = {}
    core = 0
    for population in program.populations:
        fits = _fits(program, target, population.name)
        cuts = _fill(population.size, target.limit("neurons_per_core") or population.size, fits)
        slices = [Slice(first, last, core + k) for k, (first, last) in enumerate(cuts)]
        cores[population.name] = tuple(slices)
        core += len(slices)
    return cores


def _fits(program: Program, target: Target, name: str) -> Fits:
    """Whether neurons ``first`` to ``last`` of a population fit one core's synaptic memory."""
    memory, limit = memory_of(target), target.limit("synaptic_words_per_core")
    incoming = program.incoming(name)
    if memory is None or limit is None or not incoming:
        return lambda first, last: True

    def fits(first: int, last: int) -> bool:
        return sum(slice_words(memory, p, first, last) for p in incoming) <= limit

    return fits


def _fill(size: int, most: int, fits: Fits) -> list[tuple[int, int]]:
    """(first, last) of each core; words grow with ``last``, so the largest is found by bisection.

    A neuron that fits no core alone is no reason to give each neuron a core: then only ``most``
    counts, and the limits report the neuron.
    """
    cuts = []
    first = 0
    while first < size:
        low, high = first, min(first + most, size) - 1
        if fits(first, first):
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if fits(first, middle) else (low, middle - 1)
        cuts.append((first, high))
        first = high + 1
    return cuts
