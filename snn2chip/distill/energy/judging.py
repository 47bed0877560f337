"""What a trained student costs on chips: its integer program run, mapped, counted and priced.

A budget is met where the integer program meets it on samples that trained nothing. A chip of which
only prices are known is priced on the spikes of the float graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import norse.torch as norse
import numpy as np
from numpy.typing import NDArray

from snn2chip.backends import find_backend
from snn2chip.data.few import CALIBRATION_SAMPLES
from snn2chip.distill.checkpoint import CheckpointMetadata
from snn2chip.distill.energy.expense import PJ_PER_NJ
from snn2chip.distill.energy.mapped import Prices
from snn2chip.distill.on_target import graph_of_student, samples_of
from snn2chip.energy.linear import spike_costs
from snn2chip.pipeline import Given, Network, Result, run
from snn2chip.pipeline.placing import placed_on
from snn2chip.pipeline.results.finish import energy_of

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Judged:
    """A trained student, and the samples that it is judged on.

    Attributes:
        student: in evaluation mode.
        calibration: training samples that integers' scales are picked from, values
            [sample, *input_shape].
        x, y: values and classes that are run.
        weight_bits: of integer programs; None for each target's own.
    """

    student: norse.SequentialState
    metadata: CheckpointMetadata
    calibration: Values
    x: Values
    y: NDArray[np.int64]
    weight_bits: int | None = None


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
        samples: that were run.
        silent: populations of neurons that never fired.
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
    samples: int
    silent: tuple[str, ...] = ()

    @property
    def total_nj(self) -> float:
        """Dynamic and, where it is known, static energy."""
        return self.dynamic_nj + (self.static_nj or 0.0)

    def met(self, budget_nj: float) -> bool:
        """Whether the dynamic energy lies within a budget, and no population is silent."""
        return self.dynamic_nj <= budget_nj and not self.silent


def priced_on(judged: Judged, choices: Sequence[Prices]) -> tuple[EnergyFigures, ...]:
    """A student priced on each of several chips, whatever it was trained for.

    Raises:
        ConfigError: no such target or table, or one that prices nothing.
        UnsupportedError: what a target has not.
    """
    made: dict[str, Result] = {}
    found = []
    for prices in choices:
        if prices.target not in made:
            made[prices.target] = _result(judged, prices)
        found.append(_figures(prices, made[prices.target]))
    return tuple(found)


def _result(judged: Judged, prices: Prices) -> Result:
    """The whole chain, as ``snn2chip simulate`` goes through it."""
    graph = graph_of_student(judged.student, judged.metadata)
    name = judged.metadata.data.name
    part = slice(0, CALIBRATION_SAMPLES)
    none = np.zeros(len(judged.calibration[part]), np.int64)
    given = Given(
        samples_of(graph, name, judged.x, judged.y),
        samples_of(graph, name, judged.calibration[part], none),
    )
    options = replace(prices.options, weight_bits=judged.weight_bits)
    return run(Network(graph, "a student in memory"), options, given=given)


def _figures(prices: Prices, result: Result) -> EnergyFigures:
    """Prices of a run, which may have been mapped for other prices of the same chip."""
    program, activity, target = result.program, result.activity, result.target
    backend = find_backend(target.family)
    network = Network(result.graph, result.graph.name)
    mapping, _ = placed_on(network, program, backend, target, prices.options, activity)
    report = energy_of(program, mapping, target, prices.table, activity)
    parts = spike_costs(program, mapping, target, prices.table).energy(activity)
    inputs = {p.name for p in program.inputs}
    each = activity.samples * PJ_PER_NJ
    fired = {layer.counts.name: layer.counts.spikes for layer in result.energy.layers}
    assert result.accuracy is not None
    return EnergyFigures(
        target=target.name,
        table=report.table,
        integers=result.simulated,
        accuracy=result.accuracy,
        spikes_nj=parts.of(parts.spikes_pj.keys() - inputs) / each,
        inputs_nj=parts.of(inputs) / each,
        updates_nj=sum(parts.updates_pj.values()) / each,
        constant_nj=parts.constant_pj / each,
        dynamic_nj=(report.dynamic_pj or 0.0) / each,
        static_nj=None if report.static_pj is None else report.static_pj / each,
        latency_us=report.latency_us,
        cores=mapping.cores_used,
        samples=activity.samples,
        silent=tuple(
            p.name
            for p in result.graph.populations
            if p.neuron.spiking and not p.is_input and not fired[p.name]
        ),
    )


def verdict(figures: EnergyFigures, budget_nj: float | None) -> dict[str, str]:
    """Lines of a card on a student that was trained for a chip's energy."""
    place = f"{figures.target}, {figures.table}"
    run = "integer program" if figures.integers else "float spikes"
    parts = {
        "spikes": figures.spikes_nj,
        "input": figures.inputs_nj,
        "updates": figures.updates_nj,
        "idle": figures.constant_nj,
    }
    shown = ", ".join(f"{name} {value:.4g}" for name, value in parts.items())
    rows = {
        f"trained for the energy of {place}": f"{figures.dynamic_nj:.4g} nJ dynamic per inference "
        f"({shown}); {run}, {figures.samples} samples of the validation share",
        f"accuracy of that, {place}": f"{100 * figures.accuracy:.2f} %",
    }
    if budget_nj is not None:
        said = "met" if figures.met(budget_nj) else "not met"
        without = f", without a spike of {', '.join(figures.silent)}" if figures.silent else ""
        rows[f"energy budget, {place}"] = (
            f"{said}: {figures.dynamic_nj:.4g} of {budget_nj:g} nJ{without}"
        )
    return rows
