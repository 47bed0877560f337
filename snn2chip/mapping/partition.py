"""Sequential fill: populations in program order, each on cores of its own.

A core takes as many neurons, in flattened C order, as the target's limits on neurons, synaptic
words and axons per core allow at once. Inputs occupy cores too, as in SANA-FE and in Intel's
published map of PilotNet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Mapping as CoreMapping
from snn2chip.core import Program
from snn2chip.core.mapping import Slice
from snn2chip.graph.operators import Operator
from snn2chip.mapping.memory import memory_of, slice_words
from snn2chip.mapping.reach import OWN_AXONS, destinations, reach
from snn2chip.targets.types import Target

Fits = Callable[[int, int], bool]
"""Whether neurons ``first`` to ``last`` fit a core; once False it stays so for larger ``last``."""

Routes = Mapping[str, NDArray[np.int64]]

_ROUNDS = 16
"""Rounds of the fill beyond one per population: a split may pass back through all of them."""


def partition(program: Program, target: Target) -> dict[str, tuple[Slice, ...]]:
    """Population -> its slices; cores are numbered from 0 and may exceed those of the chip.

    Routes that leave a core depend on how many cores the targets take, so the fill is repeated
    until no population needs more cores than before.
    """
    cores = _fill_all(program, target, {})
    if target.limit("axons_out_per_core") is None:
        return cores
    for _ in range(_ROUNDS + len(program.populations)):
        before = {name: len(slices) for name, slices in cores.items()}
        cores = _fill_all(program, target, _routes(program, cores))
        if all(len(slices) <= before[name] for name, slices in cores.items()):
            break
    return cores


def _fill_all(program: Program, target: Target, routes: Routes) -> dict[str, tuple[Slice, ...]]:
    cores: dict[str, tuple[Slice, ...]] = {}
    core = 0
    for population in program.populations:
        most = target.limit("neurons_per_core") or population.size
        rules = [
            *_memory_rule(program, target, population.name),
            *_axons_in_rule(program, target, population.name),
            *_axons_out_rule(target, routes.get(population.name)),
        ]
        cuts = _fill(population.size, most, rules)
        slices = [Slice(first, last, core + k) for k, (first, last) in enumerate(cuts)]
        cores[population.name] = tuple(slices)
        core += len(slices)
    return cores


def _memory_rule(program: Program, target: Target, name: str) -> list[Fits]:
    """Synaptic words of a core."""
    memory, limit = memory_of(target), target.limit("synaptic_words_per_core")
    incoming = program.incoming(name)
    if memory is None or limit is None or not incoming:
        return []

    def fits(first: int, last: int) -> bool:
        return sum(slice_words(memory, p, first, last) for p in incoming) <= limit

    return [fits]


def _axons_in_rule(program: Program, target: Target, name: str) -> list[Fits]:
    """Distinct source neurons that reach a core; see ``reach.OWN_AXONS``."""
    limit = target.limit("axons_in_per_core")
    incoming = [p for p in program.incoming(name) if isinstance(p.operator, OWN_AXONS)]
    if limit is None or sum(program.population(p.source).size for p in incoming) <= limit:
        return []

    def fits(first: int, last: int) -> bool:
        reached: dict[str, NDArray[np.bool_]] = {}
        for p in incoming:
            row = _reaches(p.operator, first, last)
            reached[p.source] = reached[p.source] | row if p.source in reached else row
        return sum(int(np.count_nonzero(row)) for row in reached.values()) <= limit

    return [fits]


def _axons_out_rule(target: Target, routes: NDArray[np.int64] | None) -> list[Fits]:
    """Routes that leave a core: pairs of one of its neurons and a destination core."""
    limit = target.limit("axons_out_per_core")
    if limit is None or routes is None:
        return []
    total = np.concatenate([[0], np.cumsum(routes)])
    return [lambda first, last: int(total[last + 1] - total[first]) <= limit]


def _routes(program: Program, cores: dict[str, tuple[Slice, ...]]) -> Routes:
    """Destination cores of each neuron, per population: [neuron]."""
    mapping = CoreMapping.from_slices("", cores, {})
    found = {p.name: destinations(program, mapping, p.name, OWN_AXONS) for p in program.populations}
    return {name: reach.degrees for name, reach in found.items() if reach is not None}


def _reaches(operator: Operator, first: int, last: int) -> NDArray[np.bool_]:
    """Source neurons with a synapse into the target neurons ``first`` to ``last``."""
    inside = np.full(prod(operator.target_shape), -1, np.int32)
    inside[first : last + 1] = 0
    found = reach(operator, inside)
    column = found.synapses[:, [int(np.searchsorted(found.cores, 0))]].toarray()[:, 0]
    reached: NDArray[np.bool_] = column[found.row_of] > 0
    return reached


def _fill(size: int, most: int, rules: Sequence[Fits]) -> list[tuple[int, int]]:
    """(first, last) of each core, the largest ``last`` that keeps every rule, by bisection.

    A rule that a neuron breaks alone is no reason to give each neuron a core: it is left out
    there, and the limits report the neuron.
    """
    cuts = []
    first = 0
    while first < size:
        low, high = first, min(first + most, size) - 1
        kept = [rule for rule in rules if rule(first, first)]
        while low < high:
            middle = (low + high + 1) // 2
            if all(rule(first, middle) for rule in kept):
                low = middle
            else:
                high = middle - 1
        cuts.append((first, high))
        first = high + 1
    return cuts
