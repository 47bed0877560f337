"""What a trained student costs on chips: its integer program run, mapped, counted and priced.

A budget is met where the integer program meets it on samples that trained nothing. A chip of which
only prices are known is priced on the spikes of the float graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import norse.torch as norse
import numpy as np
from numpy.typing import NDArray

from snn2chip.backends import find_backend
from snn2chip.core import Activity, Program
from snn2chip.distill.checkpoint import CheckpointMetadata
from snn2chip.distill.energy.mapped import Prices, encoded, float_run
from snn2chip.distill.quantized.integers import IntegerSide
from snn2chip.drift import accuracy
from snn2chip.energy.linear import spike_costs
from snn2chip.graph import Graph
from snn2chip.pipeline import Network
from snn2chip.pipeline.placing import placed_on
from snn2chip.pipeline.results.finish import energy_of
from snn2chip.targets import load_target

Values = NDArray[np.float64]
PJ_PER_NJ = 1000.0


@dataclass(frozen=True, slots=True)
class EnergyFigures:
    """Energy per inference in nJ by one cost table; None where the table does not tell.

    Attributes:
        integers: of the chip's integer program; otherwise of the float graph's spikes.
        accuracy: of the program that was priced, on the samples of these figures.
        spikes_nj: of the neurons' spikes: their packets, hops and synaptic events.
        inputs_nj: of the input's spikes.
        updates_nj: of neuron updates, beyond the price of inactive neurons.
        constant_nj: of neurons and synapses that do nothing.
        dynamic_nj: all of these, as the report prices them.
        static_nj: of power that flows whatever happens, over the modelled time.
        cores: in use.
    """

    target: str
    table: str
    integers: bool
    accuracy: float
    spikes_nj: float
    inputs_nj: float
    updates_nj: float
    constant_nj: float
    dynamic_nj: float
    static_nj: float | None
    latency_us: float | None
    cores: int

    @property
    def total_nj(self) -> float:
        """Dynamic and, where it is known, static energy."""
        return self.dynamic_nj + (self.static_nj or 0.0)

    def met(self, budget_nj: float) -> bool:
        """Whether the dynamic energy lies within a budget."""
        return self.dynamic_nj <= budget_nj


def priced_on(
    student: norse.SequentialState,
    metadata: CheckpointMetadata,
    calibration: Values,
    samples: tuple[Values, NDArray[np.int64]],
    choices: Sequence[Prices],
    weight_bits: int | None = None,
) -> tuple[EnergyFigures, ...]:
    """A student priced on each of several chips, whatever it was trained for.

    Args:
        student: in evaluation mode.
        calibration: training samples that integers' scales are picked from, values
            [sample, *input_shape].
        samples: that are run: values, and classes [sample].
        weight_bits: of integer programs; None for each target's own.

    Raises:
        ConfigError: no such target or table, or one that prices nothing.
        UnsupportedError: what a target has not.
    """
    made: dict[str, tuple[Graph, Program, Activity]] = {}
    found = []
    for prices in choices:
        if prices.target not in made:
            made[prices.target] = _run(
                student, metadata, calibration, samples[0], prices.target, weight_bits
            )
        found.append(_figures(prices, *made[prices.target], samples[1]))
    return tuple(found)


def _run(
    student: norse.SequentialState,
    metadata: CheckpointMetadata,
    calibration: Values,
    x: Values,
    name: str,
    weight_bits: int | None,
) -> tuple[Graph, Program, Activity]:
    """The program that a target is priced with, and what it does on the samples."""
    target = load_target(name)
    backend = find_backend(target.family)
    if backend.scale_candidates:
        backend = backend.with_scales(target, weight_bits=weight_bits)
    side = IntegerSide((target, backend), metadata, calibration)
    graph = side.graph(student)
    if not backend.scale_candidates:
        return graph, backend.realise(graph, target), float_run(graph, encoded(graph, x))
    quantized = side.searched(graph, side.reference(graph))
    return graph, quantized.program, quantized.run(x)


def _figures(
    prices: Prices,
    graph: Graph,
    program: Program,
    activity: Activity,
    y: NDArray[np.int64],
) -> EnergyFigures:
    target = load_target(prices.target)
    backend = find_backend(target.family)
    network = Network(graph, graph.name)
    run = None if prices.objective is None else activity
    mapping, _ = placed_on(network, program, backend, target, prices.options, run)
    report = energy_of(program, mapping, target, prices.table, activity)
    parts = spike_costs(program, mapping, target, prices.table).energy(activity)
    inputs = {p.name for p in program.inputs}
    each = activity.samples * PJ_PER_NJ
    right = accuracy(activity, y)
    assert right is not None
    return EnergyFigures(
        target=target.name,
        table=report.table,
        integers=bool(backend.scale_candidates),
        accuracy=right,
        spikes_nj=sum(pj for n, pj in parts.spikes_pj.items() if n not in inputs) / each,
        inputs_nj=sum(pj for n, pj in parts.spikes_pj.items() if n in inputs) / each,
        updates_nj=sum(parts.updates_pj.values()) / each,
        constant_nj=parts.constant_pj / each,
        dynamic_nj=(report.dynamic_pj or 0.0) / each,
        static_nj=None if report.static_pj is None else report.static_pj / each,
        latency_us=report.latency_us,
        cores=mapping.cores_used,
    )
