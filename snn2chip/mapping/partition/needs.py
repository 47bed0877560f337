"""What neurons of one population take of a core, limit by limit.

Each need is a number that never falls when neurons are added, and whether it stays within the
target's limit. Needs that follow from the number of neurons alone are asked with that number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.graph.linear import fan_in
from snn2chip.graph.operators import Dense, Identity, Sparse
from snn2chip.mapping.memory import SynapseMemory, memory_of, repeats, words_on
from snn2chip.mapping.reach import OWN_AXONS
from snn2chip.targets.types import Target

Neurons = NDArray[np.intp]

THRESHOLD = "vth"
"""The parameter of a program's neurons that a core holds as a profile."""


class Need(Protocol):
    """One limited quantity.

    Attributes:
        limit: key of the resource.
        most: the limit's value.
        by_number: whether it follows from the number of neurons alone.
    """

    @property
    def limit(self) -> str: ...

    @property
    def most(self) -> int: ...

    @property
    def by_number(self) -> bool: ...

    def amount(self, neurons: Neurons) -> int:
        """How much these neurons take together on one core."""


@dataclass(frozen=True)
class Count:
    """Neurons of a core."""

    most: int
    limit: str = "neurons_per_core"
    by_number: bool = True

    def amount(self, neurons: Neurons) -> int:
        return int(neurons.size)


class Words:
    """Synaptic words of a core."""

    limit = "synaptic_words_per_core"

    def __init__(
        self, memory: SynapseMemory, incoming: Sequence[ProgramProjection], most: int
    ) -> None:
        self.most, self._memory, self._incoming = most, memory, incoming
        self.by_number = all(isinstance(p.operator, Dense | Identity) for p in incoming)
        self._sources = {
            p: BackwardSynapses(p.operator) for p in incoming if isinstance(p.operator, Sparse)
        }

    def amount(self, neurons: Neurons) -> int:
        return sum(
            words_on(
                self._memory,
                p,
                neurons,
                self._sources[p].of(neurons) if p in self._sources else None,
            )
            for p in self._incoming
        )


class AxonsIn:
    """Distinct source neurons that reach a core; see ``reach.OWN_AXONS``."""

    limit = "axons_in_per_core"

    def __init__(self, incoming: Sequence[ProgramProjection], most: int) -> None:
        self.most, self._incoming = most, incoming
        self.by_number = all(isinstance(p.operator, Dense) for p in incoming)
        self._sources = {
            p: BackwardSynapses(p.operator) for p in incoming if isinstance(p.operator, Sparse)
        }

    def amount(self, neurons: Neurons) -> int:
        whole = {
            p.source: prod(p.operator.source_shape)
            for p in self._incoming
            if isinstance(p.operator, Dense)
        }
        reached: dict[str, list[NDArray[np.int64]]] = {}
        for p in self._incoming:
            if p.source not in whole:
                sparse = p in self._sources
                found = self._sources[p].of(neurons) if sparse else neurons.astype(np.int64)
                reached.setdefault(p.source, []).append(found)
        distinct = (repeats(np.concatenate(parts)).size for parts in reached.values())
        return (sum(whole.values()) + sum(distinct)) if neurons.size else 0


@dataclass(frozen=True, eq=False)
class AxonsOut:
    """Routes that leave a core: pairs of one of its neurons and a destination core."""

    most: int
    routes: NDArray[np.int64]
    limit: str = "axons_out_per_core"
    by_number: bool = False

    def amount(self, neurons: Neurons) -> int:
        return int(self.routes[neurons].sum())


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Distinct thresholds of the neurons of a core."""

    most: int
    given: NDArray[np.generic]
    limit: str = "thresholds_per_core"
    by_number: bool = False

    def amount(self, neurons: Neurons) -> int:
        return int(np.unique(self.given[neurons]).size)


@dataclass(frozen=True, eq=False)
class Synapses:
    """Synapses into the neurons of a core."""

    most: int
    number: NDArray[np.int64]
    limit: str = "synapses_per_core"
    by_number: bool = False

    def amount(self, neurons: Neurons) -> int:
        return int(self.number[neurons].sum())


def fan_ins(program: Program, population: ProgramPopulation) -> NDArray[np.int64]:
    """Incoming synapses of each neuron, int64 [neuron]."""
    total = np.zeros(population.size, np.int64)
    for projection in program.incoming(population.name):
        total += fan_in(projection.operator).reshape(-1)
    return total


class BackwardSynapses:
    """Sources of the synapses into each target neuron."""

    def __init__(self, operator: Sparse) -> None:
        from scipy.sparse import csr_array

        shape = prod(operator.source_shape), prod(operator.target_shape)
        ones = np.ones(operator.targets.size, np.int8)
        links = csr_array((ones, operator.targets, operator.first), shape=shape).tocsc()
        self._sources, self._first = links.indices, links.indptr.astype(np.int64)

    def of(self, neurons: Neurons) -> NDArray[np.int64]:
        """Source of every synapse into these neurons, int64 [synapse]."""
        first, number = self._first[neurons], np.diff(self._first)[neurons]
        ends = np.cumsum(number)
        offset = np.arange(int(ends[-1]) if ends.size else 0) + (first - ends + number).repeat(
            number
        )
        found: NDArray[np.int64] = self._sources[offset].astype(np.int64)
        return found


def needs_of(
    program: Program,
    target: Target,
    population: ProgramPopulation,
    routes: NDArray[np.int64] | None = None,
    thresholds: bool = True,
) -> tuple[Need, ...]:
    """Every need of a population that the target limits.

    Args:
        routes: destination cores of each neuron, [neuron], where they are known.
        thresholds: count distinct thresholds.
    """
    incoming = program.incoming(population.name)
    counted = [p for p in incoming if isinstance(p.operator, OWN_AXONS)]
    memory, found = memory_of(target), list[Need]()
    if (most := target.limit("neurons_per_core")) is not None:
        found.append(Count(most))
    if (most := target.limit(Words.limit)) is not None and memory is not None and incoming:
        found.append(Words(memory, incoming, most))
    if (most := target.limit("synapses_per_core")) is not None and incoming:
        found.append(Synapses(most, fan_ins(program, population)))
    if (most := target.limit(AxonsIn.limit)) is not None and counted:
        found.append(AxonsIn(counted, most))
    if (most := target.limit("axons_out_per_core")) is not None and routes is not None:
        found.append(AxonsOut(most, routes))
    given = population.parameters.get(THRESHOLD)
    most = target.limit("thresholds_per_core") if thresholds else None
    if most is not None and given is not None and given.size > 1:
        found.append(Thresholds(most, np.broadcast_to(given, population.shape).reshape(-1)))
    return tuple(found)
