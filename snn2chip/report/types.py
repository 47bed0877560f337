"""The report as data: one frozen object that every printer reads.

The fields of each class are the keys of the JSON report, in its order, so ``Report.to_dict`` is a
plain walk and ``schema.json`` says the same thing a second time. What only pictures need lives in
``figures``, which is not in the JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from math import isfinite
from typing import Any

import numpy as np

from snn2chip.backends import Fidelity
from snn2chip.core import Drift, Violation
from snn2chip.energy.metrics import NeuroBench
from snn2chip.energy.types import Baseline, Bottleneck, RealTime
from snn2chip.graph import Discretization, Encoding
from snn2chip.pipeline import CurvePoint, Quantization
from snn2chip.report.chip.types import (
    CoreRow,
    LinkRow,
    MeshInfo,
    Price,
    StepTimes,
    Utilization,
)
from snn2chip.report.ensemble.types import EnsembleInfo
from snn2chip.report.figures import Figures

SCHEMA = "snn2chip/report/1"
TERMS = ("synapse", "neuron", "packet", "hop")
"""Terms of a layer's energy, in the order they are printed."""


@dataclass(frozen=True, slots=True)
class Tool:
    """Who made the report."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class NetworkInfo:
    """What was deployed."""

    name: str
    populations: int
    projections: int
    neurons: int
    synapses: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    readout: str
    encoding: Encoding
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """What it was deployed on, and who says what that costs.

    Attributes:
        cores: number of cores that the chip has, or None where its file does not say.
        cost_label: what the cost table says of itself.
        simulated: the run is of the chip's own arithmetic; else the accuracy is that of
            ``arithmetic`` and the chip's drift is not known.
    """

    name: str
    title: str
    cores: int | None
    cost_table: str
    cost_label: str
    sha256: str
    arithmetic: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class RunInfo:
    """How it was run.

    Attributes:
        steps: graph steps per sample; ``chip_steps`` adds the chip's latency.
        accuracy: of the simulated chip, None without labels.
        synthetic: the samples mean nothing, and neither does their energy.
        quantization: how scales were picked, None where the program was made before.
        notes: lossy choices made while compiling.
        warnings: population -> event of the arithmetic -> how often.
    """

    samples: int
    steps: int
    chip_steps: int
    seed: int
    accuracy: float | None
    data: str
    synthetic: bool
    calibrated_on: str
    quantization: Quantization | None
    notes: tuple[str, ...]
    warnings: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Terms:
    """Energy in pJ over all samples. None is unpriced; ``total`` is None where every term is."""

    synapse: float | None
    neuron: float | None
    packet: float | None
    hop: float | None
    total: float | None

    def term(self, name: str) -> float | None:
        """The term called ``name``, one of ``TERMS``."""
        value: float | None = getattr(self, name)
        return value


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A population with its incoming projections; counts over all samples."""

    name: str
    kind: str
    shape: tuple[int, ...]
    neurons: int
    synapses: int
    cores: int
    spikes: int
    spike_rate: float | None
    synaptic_events: int
    neuron_steps: int
    neuron_updates: int
    packets: int
    packets_sent: int
    hops: int
    energy_pj: Terms
    time_ns: float | None


@dataclass(frozen=True, slots=True)
class RangeEnd:
    """Totals with every constant of the cost table at one end of its range."""

    dynamic_pj: float | None
    static_pj: float | None
    total_pj: float | None
    energy_per_inference_nj: float | None
    latency_us: float | None


@dataclass(frozen=True, slots=True)
class Range:
    """Both ends, between which the totals lie as far as the table knows."""

    low: RangeEnd
    high: RangeEnd


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the layers, and what belongs to no layer.

    Attributes:
        cycles: mean clock cycles per inference of the busiest core, None without a clock.
        range: None where no constant of the table has a range.
        real_time: None where the chip's steps have no fixed length.
    """

    neurons: int
    synapses: int
    spikes: int
    synaptic_events: int
    neuron_steps: int
    neuron_updates: int
    packets: int
    packets_sent: int
    hops: int
    energy_pj: Terms
    static_pj: float | None
    total_pj: float | None
    energy_per_inference_nj: float | None
    latency_us: float | None
    cores_used: int
    cycles: float | None
    range: Range | None
    real_time: RealTime | None


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """A limit that the user set.

    Attributes:
        measured: None where it is not known, which keeps no limit.
    """

    name: str
    limit: float
    measured: float | None
    kept: bool


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that a reader is told about one run.

    Attributes:
        neurobench: NeuroBench's metrics of the trained network, where it ran, then of the chip.
        thresholds: limits that the user set on the run.
        curve: figures per inference by the number of steps; empty where they were not asked for.
        ensemble: members and who answered, None of a single network.
        cores: used cores, ascending.
        links: of the mesh that packets cross, ordered by place.
        latency: by chip step, None where no time is modelled.
        prices: every constant of the cost table, in its order.
    """

    schema: str
    tool: Tool
    network: NetworkInfo
    discretization: Discretization
    target: TargetInfo
    fidelity: Fidelity
    run: RunInfo
    drift: tuple[Drift, ...]
    layers: tuple[LayerRow, ...]
    totals: Totals
    bottleneck: Bottleneck | None
    baseline: Baseline | None
    neurobench: tuple[NeuroBench, ...]
    curve: tuple[CurvePoint, ...]
    ensemble: EnsembleInfo | None
    thresholds: tuple[ThresholdRow, ...]
    unpriced: tuple[str, ...]
    assumptions: tuple[str, ...]
    violations: tuple[Violation, ...]
    mesh: MeshInfo
    utilization: Utilization
    cores: tuple[CoreRow, ...]
    links: tuple[LinkRow, ...]
    latency: StepTimes | None
    prices: tuple[Price, ...]
    figures: Figures

    def to_dict(self) -> dict[str, Any]:
        """The JSON report: plain dicts, lists, strings, ints and finite floats."""
        parts = (f.name for f in fields(self) if f.name != "figures")
        return {name: plain(getattr(self, name)) for name in parts}


def plain(value: Any) -> Any:
    """``value`` in JSON's types; numbers that are not finite become None."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return finite(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value]


def finite(value: float | np.floating[Any] | None) -> float | None:
    """A Python float, or None where ``value`` is missing, infinite or not a number."""
    return float(value) if value is not None and isfinite(value) else None
