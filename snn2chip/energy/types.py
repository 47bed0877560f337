"""What was counted per layer and what it costs. Frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LayerCounts:
    """Totals of one population and its incoming projections over all samples of a run.

    Attributes:
        kind: NIR's name of the neuron model, or ``input``.
        cores: number of distinct cores.
        spike_rate: spikes / (neurons * steps * samples).
        synaptic_events: one per spike and synapse, of the incoming projections.
        events_by_operator: the same by ``dense``, ``conv``, ``identity``.
        neuron_steps: neurons * steps * samples; 0 for inputs.
        neuron_updates: those with state, input, bias or a spike; 0 for inputs.
        packets: sent by this layer, one per spike and distinct destination core.
        packets_within_tile: packets whose destination core shares the sender's tile.
        hops_x, hops_y: mesh hops of this layer's packets along columns and rows.
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

    @property
    def hops(self) -> int:
        return self.hops_x + self.hops_y


@dataclass(frozen=True, eq=False)
class CoreCounts:
    """What one core did in every chip step: all that a time model needs.

    Attributes:
        layers: name -> neurons of that layer on the core, inputs included.
        neurons: neurons that are visited in every step; inputs are not.
        series: event -> how many in each [chip step, sample]; an absent event never happens.
            ``updates`` and ``spikes`` of its neurons, ``packets_out`` by its neurons and inputs,
            ``packets_in`` and ``events_dense``, ``events_conv``, ``events_identity`` of the
            spikes that reach it, in the step in which they are fired.
    """

    core: int
    layers: Mapping[str, int]
    neurons: int
    series: Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Counts:
    """Everything that is counted once and priced often.

    Attributes:
        steps: N, graph steps per sample.
        chip_steps: N + max L.
        layers: in program order.
        cores: in ascending order.
        tiles: tiles that hold a mapped core.
    """

    samples: int
    steps: int
    chip_steps: int
    layers: tuple[LayerCounts, ...]
    cores: tuple[CoreCounts, ...]
    tiles: int

    @property
    def cores_used(self) -> int:
        return len(self.cores)


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

    @property
    def energy_per_inference_nj(self) -> float | None:
        return None if self.total_pj is None else self.total_pj / self.samples / 1000.0
