"""Series of events per core, in chip steps: what a time model is priced from."""

from __future__ import annotations

from collections.abc import Mapping as Map
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Mapping, Program, ProgramPopulation
from snn2chip.energy.tally import Weights, tally
from snn2chip.energy.types import CoreSeries
from snn2chip.graph.linear import synapses
from snn2chip.graph.operators import Conv, Dense, Identity, Operator, Sparse
from snn2chip.mapping.reach import Reach, reach


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


def core_series(
    program: Program, activity: Activity, mapping: Mapping, reached: Map[str, Reach | None]
) -> CoreSeries:
    """Events of all populations, summed per core.

    Args:
        reached: population -> where its spikes go, as ``destinations`` gives it.
    """
    return _Series(program, activity, mapping).run(reached)


class _Series:
    """Sums events of all populations into arrays [chip step, sample, core]."""

    def __init__(self, program: Program, activity: Activity, mapping: Mapping) -> None:
        self._program, self._activity, self._mapping = program, activity, mapping
        numbers = [np.unique(cores) for cores in mapping.assignment.values()]
        self._cores = np.unique(np.concatenate(numbers)).astype(np.int64)
        total = sum(synapses(p.operator) for p in program.projections)
        self._dtype = np.dtype(np.int32 if total < 2**31 else np.int64)
        self._events: dict[str, NDArray[Any]] = {}

    def run(self, reached: Map[str, Reach | None]) -> CoreSeries:
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
            self._add_spikes(population, homes, reached[population.name])
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
        self, population: ProgramPopulation, homes: NDArray[np.int64], reached: Reach | None
    ) -> None:
        """Packets and synaptic events that a population's spikes cause."""
        if reached is None:
            return
        spikes = self._activity.populations[population.name].spikes
        out = Weights.single(homes, reached.degrees)
        tally(spikes, out, self._of("packets_out", population))
        arriving = self._weights(reached)
        tally(spikes, arriving.ones(), self._of("packets_in", population))
        for projection in self._program.outgoing(population.name):
            into = reach(projection.operator, self._mapping.assignment[projection.target])
            event = f"events_{kind_of(projection.operator)}"
            tally(spikes, self._weights(into), self._of(event, population))

    def _weights(self, found: Reach) -> Weights:
        matrix = found.synapses
        columns = np.searchsorted(self._cores, found.cores)[matrix.indices]
        return Weights(found.row_of, matrix.indptr.astype(np.int64), columns, matrix.data)

    def _of(self, event: str, population: ProgramPopulation) -> NDArray[Any]:
        """The event's array in the population's window, [step, sample, core]."""
        steps, samples = self._activity.steps, self._activity.samples
        if event not in self._events:
            shape = (steps + self._program.max_latency, samples, self._cores.size)
            self._events[event] = np.zeros(shape, self._dtype)
        return self._events[event][population.latency : population.latency + steps]
