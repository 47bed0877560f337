"""Figures of one run, as a study keeps them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from snn2chip.graph.ensemble import JOIN
from snn2chip.pipeline import Result
from snn2chip.pipeline.ensembles.types import EnsembleRun
from snn2chip.study.trials.store import Seen
from snn2chip.study.types import Figures


def figures_of(result: Result) -> Figures:
    """Figures per sample of a run with labels."""
    from snn2chip.distill.on_target import energy_parts

    samples, energy = result.activity.samples, result.energy
    layers = [layer.counts for layer in energy.layers]
    outputs = result.program.outputs

    def spikes(wanted: str) -> float:
        found = sum(layer.spikes for layer in layers if _role(layer.name, layer.kind) == wanted)
        return found / samples

    def _role(name: str, kind: str) -> str:
        return "input" if kind == "input" else "output" if name in outputs else "hidden"

    def per_sample(energy_pj: float | None) -> float | None:
        return None if energy_pj is None else energy_pj / samples / 1000.0

    assert result.accuracy is not None
    differing = [drift.predictions_differing for drift in result.drift]
    return Figures(
        accuracy=result.accuracy,
        samples=samples,
        input_spikes=spikes("input"),
        hidden_spikes=spikes("hidden"),
        output_spikes=spikes("output"),
        synaptic_events=sum(layer.synaptic_events for layer in layers) / samples,
        dynamic_nj=per_sample(energy.dynamic_pj),
        static_nj=per_sample(energy.static_pj),
        total_nj=per_sample(energy.total_pj),
        latency_us=energy.latency_us,
        differing=differing[0] / samples if differing else None,
        spikes_nj=energy_parts(result).get("spikes_nj"),
    )


def seen_of(result: Result) -> Seen:
    """Whether each sample is right, and how many spikes its hidden and output neurons fire.

    Of an ensemble those of the members that run for the sample.
    """
    assert result.labels is not None
    inputs = {p.name for p in result.graph.inputs}
    spikes = np.zeros(result.activity.samples, np.int64)
    for name, population in result.activity.populations.items():
        if name not in inputs:
            fired = population.spikes.per_step().sum(axis=0)
            spikes += fired if result.ensemble is None else fired * _runs(result.ensemble, name)
    return result.activity.predictions == result.labels, spikes


def _runs(ensemble: EnsembleRun, population: str) -> NDArray[np.bool_]:
    """Whether the member of a population runs, [sample]."""
    member = ensemble.ensemble.names.index(population.split(JOIN)[0])
    return np.asarray(ensemble.decision.active[:, member])
