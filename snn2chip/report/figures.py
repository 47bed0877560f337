"""Data of the pictures: rasters, spike rates, floorplan; small for networks of any size."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Mapping, Program, Raster
from snn2chip.mapping.memory import core_words, memory_of
from snn2chip.targets.types import Target

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
class Load:
    """How much of one limit a core uses."""

    unit: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One used core: which neurons sit on it, and how full it is.

    Attributes:
        x, y: column and row of its tile.
        slot: position within the tile.
        layers: (population, neurons), the largest share first.
        loads: use of each limit that the target states.
    """

    core: int
    tile: int
    x: int
    y: int
    slot: int
    layers: tuple[tuple[str, int], ...]
    loads: tuple[Load, ...]

    @property
    def neurons(self) -> int:
        return sum(count for _, count in self.layers)

    @property
    def utilisation(self) -> float | None:
        """The fullest limit's share, or None where the target states no limit."""
        return max((load.used / load.limit for load in self.loads), default=None)


@dataclass(frozen=True, slots=True)
class Floorplan:
    """The chip's mesh with its used cores."""

    columns: int
    rows: int
    cores_per_tile: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is drawn and not in the JSON report."""

    rasters: tuple[RasterFigure, ...]
    rates: tuple[RateFigure, ...]
    floorplan: Floorplan


def figures(program: Program, activity: Activity, mapping: Mapping, target: Target) -> Figures:
    """The pictures of one run; populations that do not spike are left out of rasters and rates."""
    spiking = [
        (p.name, activity.populations[p.name].spikes)
        for p in program.populations
        if p.spiking and p.name in activity.populations
    ]
    return Figures(
        rasters=tuple(_raster(name, spikes) for name, spikes in spiking if spikes.samples),
        rates=tuple(_rates(name, spikes) for name, spikes in spiking),
        floorplan=floorplan(program, mapping, target),
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


def floorplan(program: Program, mapping: Mapping, target: Target) -> Floorplan:
    """Used cores on the target's mesh; the mesh grows where a mapping exceeds it."""
    occupants: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for population, numbers in mapping.assignment.items():
        for core, neurons in zip(*np.unique(numbers, return_counts=True), strict=True):
            occupants[int(core)][population] = int(neurons)
    words = _words(program, mapping, target)
    per_tile = max(1, target.mesh.cores_per_tile)
    cells = tuple(
        Cell(
            core=core,
            tile=place.tile,
            x=place.x,
            y=place.y,
            slot=core % per_tile,
            layers=tuple(sorted(occupants[core].items(), key=lambda item: (-item[1], item[0]))),
            loads=_loads(target, sum(occupants[core].values()), words.get(core)),
        )
        for core, place in sorted(mapping.places.items())
        if core in occupants
    )
    return Floorplan(
        columns=max([target.mesh.columns, *(cell.x + 1 for cell in cells)]),
        rows=max([target.mesh.rows, *(cell.y + 1 for cell in cells)]),
        cores_per_tile=per_tile,
        cells=cells,
    )


def _loads(target: Target, neurons: int, words: int | None) -> tuple[Load, ...]:
    limits = (
        ("neurons", neurons, target.limit("neurons_per_core")),
        ("words of synaptic memory", words, target.limit("synaptic_words_per_core")),
    )
    return tuple(Load(unit, used, limit) for unit, used, limit in limits if used and limit)


def _words(program: Program, mapping: Mapping, target: Target) -> dict[int, int]:
    """Words of synaptic memory per core; empty where the target's format is unknown."""
    memory = memory_of(target)
    words: dict[int, int] = defaultdict(int)
    if memory is None:
        return words
    for projection in program.projections:
        assignment = mapping.assignment.get(projection.target)
        if assignment is not None:
            for core, number in core_words(memory, projection, assignment).items():
                words[core] += number
    return words
