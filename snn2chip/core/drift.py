"""Drift: the difference in behaviour between two stages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where two runs first differ, in graph steps; populations in topological order."""

    sample: int
    step: int
    population: str
    neuron: int


@dataclass(frozen=True, slots=True)
class PopulationDrift:
    """Spikes of one population before and after a stage.

    Attributes:
        rate_before, rate_after: spikes per neuron and step.
        differing: entries of the raster that differ.
    """

    name: str
    latency: int
    rate_before: float
    rate_after: float
    differing: int


@dataclass(frozen=True, slots=True)
class PredictionChange:
    """One sample whose prediction changed; ``label`` is None where none is known."""

    sample: int
    before: int
    after: int
    label: int | None


@dataclass(frozen=True, slots=True)
class Drift:
    """What one lossy stage changed on the same samples.

    Attributes:
        decisions_differing: samples that other members of an ensemble answer; None of a network.
    """

    stage: str
    samples: int
    steps: int
    output_spikes_differing: int
    predictions_differing: int
    accuracy_before: float | None
    accuracy_after: float | None
    populations: tuple[PopulationDrift, ...]
    first: Divergence | None
    changed: tuple[PredictionChange, ...] = ()
    decisions_differing: int | None = None
