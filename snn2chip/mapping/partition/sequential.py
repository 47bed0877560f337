"""Sequential fill: populations in program order, each on cores of its own.

A core takes as many neurons, in flattened C order, as the target's limits on neurons, synaptic
words, axons and thresholds per core allow at once. Inputs occupy cores too, as in SANA-FE and in
Intel's published map of PilotNet; those whose values stay on the host have none.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Mapping as CoreMapping
from snn2chip.core import Program
from snn2chip.mapping.partition.fill import Parts, fill
from snn2chip.mapping.partition.needs import needs_of
from snn2chip.mapping.reach import OWN_AXONS, destinations
from snn2chip.targets.types import Target

Routes = Mapping[str, NDArray[np.int64]]
Partition = Mapping[str, Parts]
"""Population -> the part of each neuron; parts of different populations share no core."""

_ROUNDS = 16
"""Rounds of the fill beyond one per population: a split may pass back through all of them."""


def sequential(program: Program, target: Target) -> dict[str, Parts]:
    """Parts of every population; together they may be more than the chip has cores.

    Distinct thresholds count where the chip has the cores that this takes; otherwise they are
    left to the limits, whose remedy is fewer thresholds and not fewer neurons.
    """
    found = settled(program, target, thresholds=True)
    cores = target.limit("cores")
    if cores is not None and number_of_parts(found) > cores:
        found = settled(program, target, thresholds=False)
    return found


def settled(program: Program, target: Target, thresholds: bool) -> dict[str, Parts]:
    """The fill in the neurons' own order.

    Routes that leave a core depend on how many cores the targets take, so the fill is repeated
    until no population needs more cores than before; then, where routes of single neurons still
    became more, with the most that each neuron ever had.
    """
    parts = _fill_all(program, target, {}, thresholds)
    if target.limit("axons_out_per_core") is None:
        return parts
    routes, settled_once = dict(routes_of(program, parts)), False
    for _ in range(_ROUNDS + len(program.populations)):
        before = {name: int(numbers.max(initial=-1)) for name, numbers in parts.items()}
        parts = _fill_all(program, target, routes, thresholds)
        settled_once |= all(numbers.max(initial=-1) <= before[n] for n, numbers in parts.items())
        again = routes_of(program, parts)
        if settled_once:
            if all((now <= routes[name]).all() for name, now in again.items()):
                break
            again = {name: np.maximum(now, routes[name]) for name, now in again.items()}
        routes = dict(again)
    return parts


def _fill_all(
    program: Program, target: Target, routes: Routes, thresholds: bool
) -> dict[str, Parts]:
    return {
        population.name: fill(
            np.arange(0 if program.on_host(population.name) else population.size),
            needs_of(program, target, population, routes.get(population.name), thresholds),
        )
        for population in program.populations
    }


def number_of_parts(partition: Partition) -> int:
    """Cores that a partition takes."""
    return sum(int(parts.max(initial=-1)) + 1 for parts in partition.values())


def numbered(partition: Partition) -> dict[str, NDArray[np.int32]]:
    """Core of each neuron: parts are numbered through, population after population."""
    first, found = 0, {}
    for name, parts in partition.items():
        found[name] = parts + np.int32(first)
        first += int(parts.max(initial=-1)) + 1
    return found


def routes_of(program: Program, partition: Partition) -> Routes:
    """Destination cores of each neuron that count as axons, per population: [neuron]."""
    mapping = CoreMapping("", numbered(partition), {})
    found = {p.name: destinations(program, mapping, p.name, OWN_AXONS) for p in program.populations}
    return {name: reach.degrees for name, reach in found.items() if reach is not None}
