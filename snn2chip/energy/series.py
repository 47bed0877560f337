"""Series of events per core, in chip steps: what a time model is priced from."""

from __future__ import annotations

from collections.abc import Mapping as Map
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Mapping, Program, ProgramPopulation
from snn2chip.energy.tally import Weights, tally
from snn2chip.energy.types import CoreSeries
from snn2chip.graph.linear import synapses
from snn2chip.graph.operators import Conv, Dense, Identity, Operator, Sparse
from snn2chip.mapping.reach import Reach, reach, union


def kind_of(operator: Operator) -> str:
    """``dense``, ``conv``, ``identity`` or ``sparse``."""
    match operator:
        case Dense():
            return "dense"
        case Conv():
            return "conv"
        case Identity():
            return "identity"
        case Sparse():
            return "sparse"


@dataclass(frozen=True, eq=False)
class Reached:
    """Where the spikes of a program go on a mapping.

    Attributes:
        synapses: population -> per outgoing projection, the kind of operator and its synapses;
            those of idle populations are left out.
        packets: population -> all of them together; None where it reaches none.
    """

    synapses: Map[str, tuple[tuple[str, Reach], ...]]
    packets: Map[str, Reach | None]

    @classmethod
    def of(
        cls, program: Program, mapping: Mapping, idle: AbstractSet[str] = frozenset()
    ) -> Reached:
        """Each projection once; packets reach idle populations all the same."""
        found = {
            p.name: [
                (out, reach(out.operator, mapping.assignment[out.target]))
                for out in program.outgoing(p.name)
            ]
            for p in program.populations
        }
        synapses = {
            name: tuple((kind_of(p.operator), r) for p, r in each if p.target not in idle)
            for name, each in found.items()
        }
        packets = {name: union([r for _, r in each]) for name, each in found.items()}
        return cls(synapses, packets)


def core_series(
    program: Program,
    activity: Activity,
    mapping: Mapping,
    reached: Reached,
    copies: bool = False,
) -> CoreSeries:
    """Events of all populations, summed per core; ``copies`` as in ``count``."""
    return _Series(program, activity, mapping, copies).run(reached)


class _Series:
    """Sums events of all populations into arrays [chip step, sample, core]."""

    def __init__(
        self, program: Program, activity: Activity, mapping: Mapping, copies: bool
    ) -> None:
        self._copies = copies
        self._program, self._activity, self._mapping = program, activity, mapping
        numbers = [np.unique(cores) for cores in mapping.assignment.values()]
        self._cores = np.unique(np.concatenate(numbers)).astype(np.int64)
        total = sum(synapses(p.operator) for p in program.projections)
        self._dtype = np.dtype(np.int32 if total < 2**31 else np.int64)
        self._events: dict[str, NDArray[Any]] = {}

    def run(self, reached: Reached) -> CoreSeries:
        """The series."""
        layers: list[dict[str, int]] = [{} for _ in self._cores]
        visited = np.zeros(self._cores.size, np.int64)
        for population in self._program.populations:
            homes = self._homes(population.name)
            neurons = np.bincount(homes, minlength=self._cores.size)
            for core in np.flatnonzero(neurons).tolist():
                layers[core][population.name] = int(neurons[core])
            if not population.is_input:
                visited += neurons
                self._add_neurons(population, homes)
            self._add_spikes(population, homes, reached)
        events = {name: np.moveaxis(array, -1, 0) for name, array in self._events.items()}
        return CoreSeries(self._cores, tuple(layers), visited, events)

    def _homes(self, name: str) -> NDArray[np.int64]:
        """Index of each neuron's core."""
        return np.searchsorted(self._cores, self._mapping.assignment[name])

    def _add_neurons(self, population: ProgramPopulation, homes: NDArray[np.int64]) -> None:
        run = self._activity.populations[population.name]
        once = Weights.single(homes, np.ones(homes.size, np.int64))
        tally(run.updated, once, self._of("updates", population))
        tally(run.spikes, once, self._of("spikes", population))

    def _add_spikes(
        self, population: ProgramPopulation, homes: NDArray[np.int64], reached: Reached
    ) -> None:
        """Packets and synaptic events that a population's spikes cause."""
        packets = reached.packets[population.name]
        if packets is None:
            return
        spikes = self._activity.populations[population.name].spikes
        degrees = np.minimum(packets.degrees, 1) if self._copies else packets.degrees
        out = Weights.single(homes, degrees)
        tally(spikes, out, self._of("packets_out", population))
        arriving = self._of("packets_in", population)
        projections = reached.synapses[population.name]
        only = len(self._program.outgoing(population.name)) == len(projections) == 1
        if not only:
            tally(spikes, self._weights(packets).ones(), arriving)
        for kind, found in projections:
            events = self._of(f"events_{kind}", population)
            alone = arriving if only else None
            tally(spikes, self._weights(found), events, alone)

    def _weights(self, found: Reach) -> Weights:
        matrix, columns = found.synapses, found.synapses.indices
        if found.cores.size < self._cores.size:
            columns = np.searchsorted(self._cores, found.cores)[columns]
        return Weights(found.row_of, matrix.indptr, columns, matrix.data)

    def _of(self, event: str, population: ProgramPopulation) -> NDArray[Any]:
        """The event's array in the population's window, [step, sample, core]."""
        steps, samples = self._activity.steps, self._activity.samples
        if event not in self._events:
            shape = (steps + self._program.max_latency, samples, self._cores.size)
            self._events[event] = np.zeros(shape, self._dtype)
        return self._events[event][population.latency : population.latency + steps]
