"""Series of events per core, in chip steps: what a time model is priced from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Mapping, Program, ProgramPopulation, Raster
from snn2chip.energy.blocks import per_slice, weighted
from snn2chip.energy.types import CoreCounts
from snn2chip.graph.operators import Conv, Dense, Identity, Operator
from snn2chip.mapping.reach import destinations, synapses_into

_ROWS = 1 << 25
"""Weights [row, neuron] that are held at once."""


def kind_of(operator: Operator) -> str:
    """``dense``, ``conv`` or ``identity``."""
    match operator:
        case Dense():
            return "dense"
        case Conv():
            return "conv"
        case Identity():
            return "identity"


class CoreTally:
    """Sums events of all populations into series of [chip step, sample] per core."""

    def __init__(self, program: Program, activity: Activity, mapping: Mapping) -> None:
        self._program, self._activity, self._mapping = program, activity, mapping
        self._shape = (activity.steps + program.max_latency, activity.samples)
        self._layers: dict[int, dict[str, int]] = {}
        self._neurons: dict[int, int] = {}
        self._series: dict[int, dict[str, NDArray[np.int64]]] = {}
        for population in program.populations:
            self._add_neurons(population)
            self._add_spikes(population)

    def cores(self) -> tuple[CoreCounts, ...]:
        """The series of each core, in ascending order."""
        return tuple(
            CoreCounts(core, layers, self._neurons.get(core, 0), self._series.get(core, {}))
            for core, layers in sorted(self._layers.items())
        )

    def _add(self, core: int, event: str, latency: int, values: NDArray[np.int64]) -> None:
        series = self._series.setdefault(core, {})
        if event not in series:
            series[event] = np.zeros(self._shape, np.int64)
        series[event][latency : latency + len(values)] += values

    def _add_neurons(self, population: ProgramPopulation) -> None:
        """Neurons of each core, their updates and their spikes; inputs have neither."""
        name, slices = population.name, sorted(self._mapping.cores[population.name])
        for part in slices:
            neurons = part.last - part.first + 1
            layers = self._layers.setdefault(part.core, {})
            layers[name] = layers.get(name, 0) + neurons
            if not population.is_input:
                self._neurons[part.core] = self._neurons.get(part.core, 0) + neurons
        if population.is_input:
            return
        activity = self._activity.populations[name]
        for event, raster in (("updates", activity.updated), ("spikes", activity.spikes)):
            sums = per_slice(raster, [part.first for part in slices])
            for part, values in zip(slices, sums, strict=True):
                self._add(part.core, event, population.latency, values)

    def _add_spikes(self, population: ProgramPopulation) -> None:
        """Packets and synaptic events that a population's spikes cause."""
        name, latency = population.name, population.latency
        spikes = self._activity.populations[name].spikes
        slices = self._mapping.cores[name]
        cores, reach = destinations(self._program, self._mapping, name)

        def add(core: int, event: str, values: NDArray[np.int64]) -> None:
            self._add(core, event, latency, values)

        rows = _Rows(spikes, add)
        for core, row in zip(cores, reach, strict=True):
            rows.add(core, "packets_in", row.astype(np.int64))
        routes = reach.sum(axis=0, dtype=np.int64)
        for part in slices if cores else ():
            mine = np.zeros_like(routes)
            mine[part.first : part.last + 1] = routes[part.first : part.last + 1]
            rows.add(part.core, "packets_out", mine)
        for projection in self._program.outgoing(name):
            event = f"events_{kind_of(projection.operator)}"
            for part in self._mapping.cores[projection.target]:
                rows.add(part.core, event, synapses_into(projection.operator, part))
        rows.flush()


class _Rows:
    """Weighted sums of one raster, many rows at a time; equal weights need no unpacking."""

    def __init__(self, raster: Raster, sink: Callable[[int, str, NDArray[np.int64]], None]) -> None:
        self._raster, self._sink = raster, sink
        self._total = raster.per_step()
        self._rows: list[tuple[int, str, NDArray[np.int64]]] = []

    def add(self, core: int, event: str, weights: NDArray[np.int64]) -> None:
        """Count ``weights`` [neuron] per spike as ``event`` on ``core``."""
        if (weights == weights[0]).all():
            if weights[0]:
                self._sink(core, event, weights[0] * self._total)
            return
        self._rows.append((core, event, weights))
        if len(self._rows) * weights.size >= _ROWS:
            self.flush()

    def flush(self) -> None:
        """Sum the rows that wait."""
        if not self._rows:
            return
        sums = weighted(self._raster, np.stack([weights for _, _, weights in self._rows]))
        for (core, event, _), values in zip(self._rows, sums, strict=True):
            self._sink(core, event, values)
        self._rows.clear()
