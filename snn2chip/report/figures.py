"""Data of the pictures: rasters and spike rates; small for networks of any size."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Program, Raster

MAX_ROWS = 64
MAX_STEPS = 256
BINS = 20


@dataclass(frozen=True, slots=True)
class RasterFigure:
    """Spikes of the first sample.

    Attributes:
        neurons: size of the population; every ``stride``-th one is shown, as ``rows`` rows.
        steps: shown, of ``all_steps``.
        spikes: (step, row) of each spike that is shown.
    """

    population: str
    neurons: int
    stride: int
    rows: int
    steps: int
    all_steps: int
    spikes: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class RateFigure:
    """How often the neurons of one population fire, over all samples.

    Attributes:
        silent: neurons that never fire.
        counts: neurons per bin; ``BINS`` equal bins from above 0 to ``top`` spikes per step.
    """

    population: str
    neurons: int
    silent: int
    mean: float
    top: float
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is drawn and not in the JSON report."""

    rasters: tuple[RasterFigure, ...]
    rates: tuple[RateFigure, ...]


def figures(program: Program, activity: Activity) -> Figures:
    """The pictures of one run; populations that do not spike are left out of rasters and rates."""
    spiking = [
        (p.name, activity.populations[p.name].spikes)
        for p in program.populations
        if p.spiking and p.name in activity.populations
    ]
    return Figures(
        rasters=tuple(_raster(name, spikes) for name, spikes in spiking if spikes.samples),
        rates=tuple(_rates(name, spikes) for name, spikes in spiking),
    )


def _raster(name: str, raster: Raster) -> RasterFigure:
    first = Raster(raster.bits[:MAX_STEPS, :1], raster.shape).unpack()
    flags = first.reshape(first.shape[0], -1)
    stride = max(1, ceil(flags.shape[1] / MAX_ROWS))
    shown = flags[:, ::stride]
    steps, rows = np.nonzero(shown)
    return RasterFigure(
        population=name,
        neurons=flags.shape[1],
        stride=stride,
        rows=shown.shape[1],
        steps=shown.shape[0],
        all_steps=raster.steps,
        spikes=tuple(zip(steps.tolist(), rows.tolist(), strict=True)),
    )


def _rates(name: str, raster: Raster) -> RateFigure:
    opportunities = max(1, raster.steps * raster.samples)
    rates: NDArray[np.float64] = raster.per_neuron().ravel() / opportunities
    top = float(rates.max(initial=0.0))
    firing = rates[rates > 0.0]
    counts, _ = np.histogram(firing, bins=BINS, range=(0.0, top or 1.0))
    return RateFigure(
        population=name,
        neurons=rates.size,
        silent=rates.size - firing.size,
        mean=float(rates.mean()) if rates.size else 0.0,
        top=top,
        counts=tuple(counts.tolist()),
    )
