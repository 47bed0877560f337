"""What was counted per layer and what it costs. Frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Program
from snn2chip.core import Mapping as CoreMapping
from snn2chip.mapping.routes import NO_LINKS, LinkLoads, Routed

TIMINGS = ("simple", "detailed")
"""Models of time: the busiest core; and every message, through the links of the mesh."""


@dataclass(frozen=True, slots=True)
class InputCounts:
    """Totals of one incoming projection over all samples.

    Attributes:
        source: name of the population that the spikes come from.
        kind: ``dense``, ``conv``, ``identity`` or ``sparse``.
        neurons: of the source.
        spikes: of the source.
        weights: stored numbers; a shared kernel is stored once.
    """

    source: str
    kind: str
    neurons: int
    spikes: int
    synaptic_events: int
    weights: int


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
        chip_hops: links between chips that its packets cross, which are no hops of the mesh.
        packets_sent: packets that leave the core (fewer than ``packets`` with multicast).
        inputs: of each incoming projection.
        biases: stored biases, one per channel of a convolution; 0 where all are zero.
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
    inputs: tuple[InputCounts, ...] = ()
    biases: int = 0
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
        packets: that its spikes bring to cores, int64 [*shape].
        packets_sent: that leave its core: as many, or one per spike where routers copy them.
    """

    spikes: NDArray[np.int64]
    updates: NDArray[np.int64]
    synaptic_events: NDArray[np.int64]
    packets: NDArray[np.int64]
    packets_sent: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Flow:
    """Packets of one population between cores, over all steps and samples.

    Attributes:
        source, target: core numbers, int64 [pair]; each pair once.
        packets: that arrive, int64 [pair], above 0.
        routed: the runs along x and along y on which they travel.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    packets: NDArray[np.int64]
    routed: Routed


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


class Run(NamedTuple):
    """What was counted: a program, what it did, where its neurons lie, and which were idle."""

    program: Program
    activity: Activity
    mapping: CoreMapping
    idle: frozenset[str] = frozenset()


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
        run: what was counted, for times that follow single messages.
        links: packets over the links of the mesh.
        copies: routers copy packets on their way to several cores.
    """

    samples: int
    steps: int
    chip_steps: int
    layers: tuple[LayerCounts, ...]
    series: CoreSeries
    neurons: Mapping[str, NeuronCounts]
    flows: Mapping[str, Flow]
    tiles: int
    run: Run | None = None
    links: LinkLoads = NO_LINKS
    copies: bool = False

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
class CoreCost:
    """Totals of one core over all samples.

    Attributes:
        layers: name -> neurons of that layer on it, inputs included.
        counts: as of a layer; ``packets`` are those it sends.
        packets_in: that reach it.
        busy_ns: summed over steps, or None where the table has no times.
    """

    core: int
    layers: Mapping[str, int]
    counts: LayerCounts
    packets_in: int
    energy_pj: LayerEnergy
    busy_ns: float | None


@dataclass(frozen=True, slots=True)
class CoreCosts:
    """Costs of a run by core and by step.

    Attributes:
        cores: ascending.
        slowest: per chip step the core that most samples wait for, its largest layer and its
            largest term; empty where the table has no times.
        barrier_ns: time of the barrier in each step, or None.
    """

    cores: tuple[CoreCost, ...]
    slowest: tuple[Bottleneck, ...]
    barrier_ns: float | None


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


@dataclass(frozen=True, slots=True)
class EnergyTotals:
    """Energies in pJ over all samples, and the latency; None where nothing is priced.

    Attributes:
        dynamic_pj: sum of the layers' totals.
        static_pj: power that flows whatever happens, times modelled time.
        total_pj: dynamic plus static, as far as they are known.
        latency_us: mean modelled time per sample over N + max L chip steps.
    """

    dynamic_pj: float | None
    static_pj: float | None
    total_pj: float | None
    latency_us: float | None


@dataclass(frozen=True, slots=True)
class EnergyRange:
    """Totals with every constant at the low, and at the high end of its range."""

    low: EnergyTotals
    high: EnergyTotals


@dataclass(frozen=True, slots=True)
class RealTime:
    """Whether every core does the work of a tick within the tick.

    Attributes:
        tick_ns: length of a tick.
        busiest_ns: longest work of a core in a tick, None where the table does not say how long
            its events take.
        core, layer: the core of that work, and its largest layer.
        late: share of (core, tick, sample) whose work is longer than the tick.
    """

    tick_ns: float
    busiest_ns: float | None
    core: int | None
    layer: str | None
    late: float | None

    @property
    def kept(self) -> bool | None:
        """Whether no work is longer than the tick, None where that is not known."""
        return None if self.busiest_ns is None else self.busiest_ns <= self.tick_ns


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
        timing: the model of time, one of ``TIMINGS``.
        range: the totals at the ends of the constants' ranges, None where no constant has one.
        real_time: the check of ticks, None where the chip's steps have no fixed length.
        cycles: mean clock cycles per sample, None where the table states no clock.
        by_core: the same by core and by step, None where only layers were priced.
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
    range: EnergyRange | None = None
    real_time: RealTime | None = None
    cycles: float | None = None
    by_core: CoreCosts | None = None
    links: LinkLoads = NO_LINKS
    timing: str = TIMINGS[0]

    @property
    def energy_per_inference_nj(self) -> float | None:
        return None if self.total_pj is None else self.total_pj / self.samples / 1000.0
