"""From a result to a report: definitions of the report's numbers, and nothing about their looks.

Counts and energies are totals over the run's samples. A term without a price is None, never 0.
Nothing here depends on the clock, the machine or the place of a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any

from snn2chip import __version__
from snn2chip.backends.reference import ReferenceBackend
from snn2chip.energy.metrics import NeuroBench, neurobench
from snn2chip.energy.types import EnergyRange, EnergyTotals, Layer, LayerEnergy
from snn2chip.mapping.use import limit_use
from snn2chip.pipeline import Judgement, Result
from snn2chip.report.chip import build as chip
from snn2chip.report.ensemble.build import acted, acted_reference, ensemble_info
from snn2chip.report.figures import figures
from snn2chip.report.types import (
    SCHEMA,
    TERMS,
    LayerRow,
    NetworkInfo,
    Range,
    RangeEnd,
    Report,
    RunInfo,
    TargetInfo,
    Terms,
    ThresholdRow,
    Tool,
    Totals,
    finite,
)

_SUMMED = (
    "neurons",
    "synapses",
    "spikes",
    "synaptic_events",
    "neuron_steps",
    "neuron_updates",
    "packets",
    "packets_sent",
    "hops",
)


def build(result: Result, judgement: Judgement | None = None) -> Report:
    """The report of one run, with the user's limits where they were judged."""
    layers = tuple(_layer(layer) for layer in result.energy.layers)
    totals = _totals(result, layers)
    uses = limit_use(result.program, result.target, result.mapping)
    return Report(
        schema=SCHEMA,
        tool=Tool("snn2chip", __version__),
        network=_network(result, totals),
        discretization=result.graph.discretization,
        target=_target(result),
        fidelity=result.fidelity,
        run=_run(result),
        drift=result.drift,
        layers=layers,
        totals=totals,
        bottleneck=result.energy.bottleneck,
        baseline=result.baseline,
        neurobench=tuple(_neurobench(result)),
        curve=result.curve,
        ensemble=ensemble_info(result),
        thresholds=_thresholds(judgement),
        unpriced=result.energy.unpriced,
        assumptions=result.energy.assumptions,
        violations=result.violations,
        mesh=chip.mesh(result.target),
        utilization=chip.utilization(result, uses),
        cores=chip.cores(result, uses),
        links=chip.links(result.energy.links),
        latency=chip.step_times(result.energy),
        prices=chip.prices(result),
        figures=figures(result.program, acted(result)),
    )


def _thresholds(judgement: Judgement | None) -> tuple[ThresholdRow, ...]:
    verdicts = () if judgement is None else judgement.verdicts
    return tuple(ThresholdRow(v.name, float(v.limit), finite(v.measured), v.kept) for v in verdicts)


def _neurobench(result: Result) -> Iterator[NeuroBench]:
    """Of the float graph, where it ran on the samples, and of the program."""
    graph = result.graph
    if (reference := acted_reference(result)) is not None:
        yield neurobench(graph, ReferenceBackend().program(graph), reference)
    yield neurobench(graph, result.program, acted(result))


def _layer(layer: Layer) -> LayerRow:
    counts: Any = layer.counts
    return LayerRow(
        name=counts.name,
        kind=counts.kind,
        shape=tuple(int(size) for size in counts.shape),
        cores=int(counts.cores),
        spike_rate=finite(counts.spike_rate),
        energy_pj=_terms(layer.energy_pj),
        time_ns=finite(layer.time_ns),
        **{name: int(getattr(counts, name)) for name in _SUMMED},
    )


def _terms(energy: LayerEnergy) -> Terms:
    return Terms(*(finite(getattr(energy, name)) for name in (*TERMS, "total")))


def _totals(result: Result, layers: tuple[LayerRow, ...]) -> Totals:
    energy, samples = result.energy, result.energy.samples
    terms = Terms(*(_sum(row.energy_pj.term(name) for row in layers) for name in (*TERMS, "total")))
    total = finite(energy.total_pj)
    return Totals(
        energy_pj=terms,
        static_pj=finite(energy.static_pj),
        total_pj=total,
        energy_per_inference_nj=None if total is None or not samples else total / samples / 1000.0,
        latency_us=finite(energy.latency_us),
        cores_used=len({core for n in result.mapping.assignment.values() for core in n.tolist()}),
        cycles=finite(energy.cycles),
        range=_range(energy.range, samples),
        real_time=energy.real_time,
        **{name: sum(getattr(row, name) for row in layers) for name in _SUMMED},
    )


def _range(found: EnergyRange | None, samples: int) -> Range | None:
    """The ends of the totals, per run and per inference."""

    def end(totals: EnergyTotals) -> RangeEnd:
        total = finite(totals.total_pj)
        return RangeEnd(
            dynamic_pj=finite(totals.dynamic_pj),
            static_pj=finite(totals.static_pj),
            total_pj=total,
            energy_per_inference_nj=None if total is None else total / samples / 1000.0,
            latency_us=finite(totals.latency_us),
        )

    return None if found is None or not samples else Range(end(found.low), end(found.high))


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _network(result: Result, totals: Totals) -> NetworkInfo:
    graph = result.graph
    return NetworkInfo(
        name=graph.name,
        populations=len(graph.populations),
        projections=len(graph.projections),
        neurons=sum(p.size for p in result.program.populations if not p.is_input),
        synapses=totals.synapses,
        inputs=tuple(population.name for population in graph.inputs),
        outputs=graph.outputs,
        readout=graph.readout.kind,
        encoding=graph.encoding,
        classes=graph.classes,
    )


def _target(result: Result) -> TargetInfo:
    target, mesh = result.target, result.target.mesh
    return TargetInfo(
        name=target.name,
        title=target.title,
        cores=target.limit("cores") or mesh.columns * mesh.rows * mesh.cores_per_tile or None,
        cost_table=result.energy.table,
        cost_label=result.energy.label,
        sha256=target.sha256,
        arithmetic=result.program.arithmetic,
        simulated=result.simulated,
    )


def _run(result: Result) -> RunInfo:
    activity = result.activity
    warnings = {
        name: {event: int(times) for event, times in sorted(population.warnings.items()) if times}
        for name, population in activity.populations.items()
    }
    return RunInfo(
        samples=activity.samples,
        steps=activity.steps,
        chip_steps=activity.steps + result.program.max_latency,
        seed=result.seed,
        accuracy=finite(result.accuracy),
        data=PurePath(result.data).name,
        synthetic=result.synthetic,
        calibrated_on=result.calibrated_on,
        quantization=result.quantization,
        notes=(*result.notes, *result.program.notes),
        warnings={name: events for name, events in warnings.items() if events},
    )
