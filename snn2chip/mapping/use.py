"""How much of each limit the cores use, and how many cores a network needs at the least.

The least number of cores by one limit is what all neurons need together over what a core has,
rounded up. What they need counts shared things once, however the neurons are split: the header of
an axon, the kernel of a convolution. No mapping can use fewer cores; one that keeps layers apart
needs at least the sum over layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snn2chip.core import Mapping as CoreMapping
from snn2chip.core import Program
from snn2chip.mapping.memory import SynapseMemory, core_words, memory_of, slice_words
from snn2chip.mapping.reach import OWN_AXONS, destinations
from snn2chip.targets.types import Target

Used = Mapping[int, int]
"""Core -> how much it uses."""


@dataclass(frozen=True, slots=True)
class LayerNeed:
    """What one population needs of a limit, and how many cores that fills at the least."""

    layer: str
    needed: int
    required_cores: int


@dataclass(frozen=True, eq=False)
class LimitUse:
    """How a mapping uses one limit of a core.

    Attributes:
        limit: name of the resource in the target's file.
        per_core: what a core has.
        used: of each core that uses any.
        layers: what each population needs, empty where that depends on the mapping alone.
    """

    limit: str
    unit: str
    per_core: int
    used: Used
    layers: tuple[LayerNeed, ...]

    @property
    def needed(self) -> int | None:
        """What the whole network needs at the least, None where that depends on the mapping."""
        return sum(layer.needed for layer in self.layers) if self.layers else None

    @property
    def required_cores(self) -> int | None:
        """Cores that the network needs at the least by this limit alone."""
        needed = self.needed
        return None if needed is None else -(-needed // self.per_core)


def limit_use(program: Program, target: Target, mapping: CoreMapping) -> tuple[LimitUse, ...]:
    """Use of every limit of a core that the target states."""
    memory = memory_of(target)
    found: list[LimitUse] = []

    def add(limit: str, unit: str, used: Used, needs: Mapping[str, int]) -> None:
        per_core = target.limit(limit)
        if per_core:
            layers = (LayerNeed(name, n, -(-n // per_core)) for name, n in needs.items())
            found.append(LimitUse(limit, unit, per_core, used, tuple(layers)))

    sizes = {population.name: population.size for population in program.populations}
    add("neurons_per_core", "neurons", _neurons(mapping), sizes)
    if memory is not None:
        words = _words(program, memory, mapping)
        add("synaptic_words_per_core", "words of synaptic memory", words, _least(program, memory))
    arriving, leaving = _axons(program, mapping) if _states_axons(target) else ({}, {})
    add("axons_in_per_core", "input axons", arriving, {})
    add("axons_out_per_core", "output axons", leaving, {})
    return tuple(found)


def _neurons(mapping: CoreMapping) -> Used:
    used: Counter[int] = Counter()
    for numbers in mapping.assignment.values():
        cores, neurons = np.unique(numbers, return_counts=True)
        used.update(dict(zip(cores.tolist(), neurons.tolist(), strict=True)))
    return used


def _words(program: Program, memory: SynapseMemory, mapping: CoreMapping) -> Used:
    used: Counter[int] = Counter()
    for projection in program.projections:
        used.update(core_words(memory, projection, mapping.assignment[projection.target]))
    return used


def _least(program: Program, memory: SynapseMemory) -> Mapping[str, int]:
    """Population -> words of its synapses with every header and kernel counted once."""
    once = replace(memory, per_header=None)
    return {
        population.name: sum(
            slice_words(once, projection, 0, population.size - 1)
            for projection in program.incoming(population.name)
        )
        for population in program.populations
    }


def _states_axons(target: Target) -> bool:
    return any(target.limit(f"axons_{side}_per_core") is not None for side in ("in", "out"))


def _axons(program: Program, mapping: CoreMapping) -> tuple[Used, Used]:
    """Source neurons that reach each core, and routes that leave it; see ``reach.OWN_AXONS``."""
    arriving: Counter[int] = Counter()
    leaving: Counter[int] = Counter()
    for population in program.populations:
        found = destinations(program, mapping, population.name, OWN_AXONS)
        if found is None:
            continue
        arriving.update(dict(zip(found.cores.tolist(), found.axons().tolist(), strict=True)))
        numbers = mapping.assignment[population.name]
        cores, home = np.unique(numbers, return_inverse=True)
        routes = np.bincount(home, found.degrees).astype(np.int64)
        leaving.update(dict(zip(cores.tolist(), routes.tolist(), strict=True)))
    return arriving, leaving
