"""How much of each limit the cores use, and how many cores a network needs at the least.

The least number of cores by one limit is what all neurons need together over what a core has,
rounded up. What they need counts shared things once, however the neurons are split: the header of
an axon, the kernel of a convolution. No mapping can use fewer cores; one that keeps layers apart
needs at least the sum over layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Mapping as CoreMapping
from snn2chip.core import Program
from snn2chip.mapping.memory import SynapseMemory, core_words, memory_of, slice_words
from snn2chip.mapping.partition.needs import THRESHOLD, fan_ins
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

    def add(
        limit: str, unit: str, used: Callable[[], Used], needs: Callable[[], Mapping[str, int]]
    ) -> None:
        per_core = target.limit(limit)
        if per_core:
            layers = (LayerNeed(name, n, -(-n // per_core)) for name, n in needs().items())
            found.append(LimitUse(limit, unit, per_core, used(), tuple(layers)))

    @cache
    def axons() -> tuple[Used, Used]:
        return axons_used(program, mapping)

    def none() -> Mapping[str, int]:
        return {}

    add("neurons_per_core", "neurons", lambda: neurons_used(mapping), lambda: _sizes(program))
    if memory is not None:
        add(
            "synaptic_words_per_core",
            "words of synaptic memory",
            lambda: words_used(program, memory, mapping),
            lambda: _least_words(program, memory),
        )
    add(
        "synapses_per_core",
        "synapses",
        lambda: synapses_used(program, mapping),
        lambda: {p.name: int(fan_ins(program, p).sum()) for p in program.populations},
    )
    add("axons_in_per_core", "input axons", lambda: axons()[0], none)
    add("axons_out_per_core", "output axons", lambda: axons()[1], none)
    add("thresholds_per_core", "thresholds", lambda: thresholds_used(program, mapping), none)
    return tuple(found)


def least_cores(program: Program, target: Target) -> int:
    """Cores without which no mapping keeps the limits on neurons, words and synapses."""
    memory, least = memory_of(target), [1]

    def add(limit: str, needs: Callable[[], Mapping[str, int]]) -> None:
        per_core = target.limit(limit)
        if per_core:
            least.append(-(-sum(needs().values()) // per_core))

    add("neurons_per_core", lambda: _sizes(program))
    if target.limit("populations_per_core") == 1:
        most = target.limit("neurons_per_core") or max(_sizes(program).values())
        least.append(sum(-(-size // most) for size in _sizes(program).values()))
    if memory is not None:
        add("synaptic_words_per_core", lambda: _least_words(program, memory))
    add(
        "synapses_per_core",
        lambda: {p.name: int(fan_ins(program, p).sum()) for p in program.populations},
    )
    return max(least)


def populations_used(mapping: CoreMapping) -> Used:
    """Populations that have neurons on each core."""
    used: Counter[int] = Counter()
    for numbers in mapping.assignment.values():
        used.update(np.unique(numbers).tolist())
    return used


def neurons_used(mapping: CoreMapping) -> Used:
    """Neurons of each core, inputs included."""
    used: Counter[int] = Counter()
    for numbers in mapping.assignment.values():
        cores, neurons = np.unique(numbers, return_counts=True)
        used.update(dict(zip(cores.tolist(), neurons.tolist(), strict=True)))
    return used


def words_used(program: Program, memory: SynapseMemory, mapping: CoreMapping) -> Used:
    """Words of synaptic memory of each core."""
    used: Counter[int] = Counter()
    for projection in program.projections:
        used.update(core_words(memory, projection, mapping.assignment[projection.target]))
    return used


def synapses_used(program: Program, mapping: CoreMapping) -> Used:
    """Synapses into the neurons of each core."""
    used: Counter[int] = Counter()
    for population in program.populations:
        if not program.on_host(population.name):
            used.update(_by_core(mapping.assignment[population.name], fan_ins(program, population)))
    return used


def axons_used(program: Program, mapping: CoreMapping) -> tuple[Used, Used]:
    """Source neurons that reach each core, and routes that leave it; see ``reach.OWN_AXONS``."""
    arriving: Counter[int] = Counter()
    leaving: Counter[int] = Counter()
    for population in program.populations:
        found = destinations(program, mapping, population.name, OWN_AXONS)
        if found is not None:
            arriving.update(dict(zip(found.cores.tolist(), found.axons().tolist(), strict=True)))
            leaving.update(_by_core(mapping.assignment[population.name], found.degrees))
    return arriving, leaving


def thresholds_used(program: Program, mapping: CoreMapping) -> Used:
    """Distinct thresholds of the neurons of each core."""
    distinct: dict[int, set[int]] = {}
    for population in program.populations:
        if THRESHOLD not in population.parameters:
            continue
        given = np.broadcast_to(population.parameters[THRESHOLD], population.shape).reshape(-1)
        for core, neurons in mapping.parts(population.name):
            distinct.setdefault(core, set()).update(np.unique(given[neurons]).tolist())
    return {core: len(values) for core, values in distinct.items()}


def _by_core(numbers: NDArray[np.int32], each: NDArray[np.int64]) -> Mapping[int, int]:
    """What neurons have, added up by their cores."""
    cores, home = np.unique(numbers, return_inverse=True)
    sums = np.bincount(home, each).astype(np.int64)
    return dict(zip(cores.tolist(), sums.tolist(), strict=True))


def _sizes(program: Program) -> Mapping[str, int]:
    return {p.name: p.size for p in program.populations if not program.on_host(p.name)}


def _least_words(program: Program, memory: SynapseMemory) -> Mapping[str, int]:
    """Population -> words of its synapses with every header and kernel counted once."""
    once = replace(memory, per_header=None)
    return {
        population.name: sum(
            slice_words(once, projection, 0, population.size - 1)
            for projection in program.incoming(population.name)
        )
        for population in program.populations
    }
