"""What was counted per layer and what it costs. Frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.mapping.routes import NO_LINKS, Flow, LinkLoads


@dataclass(frozen=True, slots=True)
class LayerCounts:
    """Totals of one population and its incoming projections over all samples of a run.

    Attributes:
        kind: NIR's name of the neuron model, or ``input``.
        cores: number of distinct cores.
        spike_rate: spikes / (neurons * steps * samples).
        synaptic_events: one per spike and synapse, of the incoming projections.
        events_by_operator: the same by ``dense``, ``conv``, ``identity``, ``sparse``.
        neuron_steps: neurons * steps * samples; 0 for inputs.
        neuron_updates: those with state, input, bias or a spike; 0 for inputs.
        packets: sent by this layer, one per spike and distinct destination core.
        packets_within_tile: packets whose destination core shares the sender's tile.
        packets_between_chips: packets whose destination core lies on another chip.
        hops_x, hops_y: mesh hops of this layer's packets along columns and rows.
        chip_hops: links between chips that its packets cross.
        packets_sent: packets that leave the core (fewer than ``packets`` with multicast).
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    neurons: int
    synapses: int
    cores: int
    spikes: int
    spike_rate: float
    synaptic_events: int
    events_by_operator: dict[str, int]
    neuron_steps: int
    neuron_updates: int
    packets: int
    packets_sent: int
    packets_within_tile: int
    hops_x: int
    hops_y: int
    packets_between_chips: int = 0
    chip_hops: int = 0

    @property
    def hops(self) -> int:
        return self.hops_x + self.hops_y


@dataclass(frozen=True, eq=False)
class NeuronCounts:
    """Totals of the neurons of one population over all steps and samples.

    Attributes:
        spikes: int64 [*shape].
        updates: int64 [*shape]; zeros for inputs.
        synaptic_events: that its spikes cause, int64 [*shape].
        packets: that its spikes send, int64 [*shape].
    """

    spikes: NDArray[np.int64]
    updates: NDArray[np.int64]
    synaptic_events: NDArray[np.int64]
    packets: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CoreSeries:
    """What each core did in every chip step: all that a time model needs.

    Attributes:
        cores: core numbers, ascending, int64 [core].
        layers: of each core, name -> neurons of that layer on it, inputs included.
        visited: neurons that are visited in every step, int64 [core]; inputs are not.
        events: event -> how many in each [core, chip step, sample]; an absent event never
            happens. ``updates`` and ``spikes`` of a core's neurons, ``packets_out`` by its neurons
            and inputs, ``packets_in`` and ``events_dense``, ``events_conv``, ``events_identity``,
            ``events_sparse`` of the spikes that reach it, in the step in which they are fired.
    """

    cores: NDArray[np.int64]
    layers: tuple[Mapping[str, int], ...]
    visited: NDArray[np.int64]
    events: Mapping[str, NDArray[np.integer[Any]]]


@dataclass(frozen=True, eq=False)
class Counts:
    """Everything that is counted once and priced often.

    Attributes:
        steps: N, graph steps per sample.
        chip_steps: N + max L.
        layers: in program order.
        series: by core.
        neurons, flows: by population.
        tiles: tiles that hold a mapped core.
        links: packets over the links of the mesh.
    """

    samples: int
    steps: int
    chip_steps: int
    layers: tuple[LayerCounts, ...]
    series: CoreSeries
    neurons: Mapping[str, NeuronCounts]
    flows: Mapping[str, Flow]
    tiles: int
    links: LinkLoads = NO_LINKS

    @property
    def cores_used(self) -> int:
        return int(self.series.cores.size)


@dataclass(frozen=True, slots=True)
class LayerEnergy:
    """Energy in pJ over all samples; None where the table has no price, never 0 for unknown."""

    synapse: float | None
    neuron: float | None
    packet: float | None
    hop: float | None
    total: float | None


@dataclass(frozen=True, slots=True)
class Layer:
    """One row of the report."""

    counts: LayerCounts
    energy_pj: LayerEnergy
    time_ns: float | None


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The core that sets the time of most steps, its layer and the term that dominates it."""

    core: int
    layer: str
    term: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """A quantized ANN of the same shape on ordinary 45 nm logic, for comparison."""

    name: str
    macs_per_inference: int
    energy_per_inference_nj: float
    compute_nj: float
    memory_nj: float
    assumptions: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class EnergyReport:
    """Counts priced by one cost table.

    Attributes:
        table: name of the cost table; ``label`` is what it says of itself.
        dynamic_pj: sum of the layers' totals; None where nothing is priced.
        static_pj: static power times modelled time, over all samples, or None.
        total_pj: dynamic plus static (static left out, and listed as unpriced, where unknown);
            None where nothing is priced.
        latency_us: mean modelled time per sample over N + max L chip steps, or None.
        step_ns: mean modelled time per chip step, one value per step, or empty.
        unpriced: terms that have no price in the table, one line each.
        assumptions: sentences that a reader must know.
        links: packets over the links of the mesh, over all samples.
    """

    table: str
    label: str
    samples: int
    layers: tuple[Layer, ...]
    dynamic_pj: float | None
    static_pj: float | None
    total_pj: float | None
    latency_us: float | None
    step_ns: tuple[float, ...]
    bottleneck: Bottleneck | None
    unpriced: tuple[str, ...]
    assumptions: tuple[str, ...]
    links: LinkLoads = NO_LINKS

    @property
    def energy_per_inference_nj(self) -> float | None:
        return None if self.total_pj is None else self.total_pj / self.samples / 1000.0
