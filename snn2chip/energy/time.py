"""Time of a chip step by the ``simple`` model: the busiest core, then the barrier.

With G the time a core spends on its neurons and on sending, R the time it spends on receiving::

    T = max(max over cores of G, max over cores of R) + barrier(mapped tiles)
    G = sum over its neurons of (access + update + spike) + t_packet_out x packets sent
    R = t_packet_in x packets received + t_synop x synaptic events

All times in ns. Travel over the mesh and congestion are left out. Source: SANA-FE's ``simple``
timing model (IEEE TCAD 2025, doi 10.1109/TCAD.2025.3537971).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.energy.terms import KINDS, synop_names
from snn2chip.energy.types import Bottleneck, CoreSeries, Counts
from snn2chip.targets.types import CostTable

Times = NDArray[np.float64]

_MOST_VALUES = 1 << 22
"""Times that are held at once."""

_NEURON = (
    ("t_neuron", "visits"),
    ("t_neuron_access", "visits"),
    ("t_neuron_update_extra", "updates"),
    ("t_neuron_active", "updates"),
    ("t_neuron_inactive", "inactive"),
    ("t_spike_out_extra", "spikes"),
)


@dataclass(frozen=True, eq=False)
class Timing:
    """Modelled times in ns.

    Attributes:
        step_ns: [chip step, sample].
        layers_ns: layer -> sum over steps and samples of its busiest core's time, no barrier.
    """

    step_ns: Times
    layers_ns: Mapping[str, float]
    bottleneck: Bottleneck


@dataclass(frozen=True, slots=True)
class TimeTerm:
    """One event of a core that takes time.

    Attributes:
        name: of the constant.
        ns: per event.
        receiving: part of R; otherwise of G.
    """

    name: str
    event: str
    ns: float
    receiving: bool


def model_time(counts: Counts, table: CostTable) -> tuple[Timing | None, list[str]]:
    """Times of a run, None where the table does not allow it, and the names it lacks."""
    series = counts.series
    terms, lacking = _terms(series, table)
    barrier, missing = _barrier(counts.tiles, table)
    lacking += missing
    if not terms:
        return None, lacking
    step = np.zeros((counts.chip_steps, counts.samples))
    slowest = np.zeros(series.cores.size, np.int64)
    homes = _homes(series)
    layers = dict.fromkeys(homes, 0.0)
    for part in _shares(counts):
        busy = np.maximum(*_sides(series, terms, part, counts.samples))
        step[part] = busy.max(axis=-1)
        slowest += np.bincount(busy.argmax(axis=-1).reshape(-1), minlength=slowest.size)
        for name, cores in homes.items():
            layers[name] += float(busy[..., cores].max(axis=-1).sum())
    often = int(slowest.argmax())
    return Timing(step + barrier, layers, _bottleneck(counts, often, terms)), lacking


def _homes(series: CoreSeries) -> dict[str, NDArray[np.intp]]:
    """Layer -> indices of its cores."""
    found: dict[str, list[int]] = {}
    for index, layers in enumerate(series.layers):
        for name in layers:
            found.setdefault(name, []).append(index)
    return {name: np.array(cores) for name, cores in found.items()}


def _shares(counts: Counts) -> Iterator[slice]:
    """Chip steps that are computed together."""
    together = max(1, _MOST_VALUES // max(1, counts.samples * counts.series.cores.size))
    for first in range(0, counts.chip_steps, together):
        yield slice(first, min(first + together, counts.chip_steps))


def _terms(series: CoreSeries, table: CostTable) -> tuple[list[TimeTerm], list[str]]:
    """What takes time, nothing where neurons or all synaptic events have no price."""
    happening = {event for event, array in series.events.items() if array.any()}
    terms: list[TimeTerm] = []
    lacking: list[str] = []

    def add(names: tuple[str, ...], event: str, receiving: bool) -> bool:
        known = next((name for name in names if name in table.constants), None)
        if known is not None:
            terms.append(TimeTerm(known, event, table.value(known) or 0.0, receiving))
        return known is not None

    neurons = [add((name,), event, False) for name, event in _NEURON]
    if not any(neurons):
        lacking.append(_NEURON[0][0])
    kinds = [kind for kind in KINDS if f"events_{kind}" in happening]
    timed = [add(synop_names("t", kind), f"events_{kind}", True) for kind in kinds]
    lacking += [synop_names("t", k)[0] for k, ok in zip(kinds, timed, strict=True) if not ok]
    incomplete = not any(neurons) or (bool(kinds) and not any(timed))
    for name, event in (("t_packet_out", "packets_out"), ("t_packet_in", "packets_in")):
        if not add((name,), event, name == "t_packet_in") and event in happening:
            lacking.append(name)
    return ([] if incomplete else terms), lacking


def _event(series: CoreSeries, event: str, part: slice) -> NDArray[np.integer[Any]]:
    """How many of an event in each [chip step, sample, core], broadcasting to it."""
    if event == "visits":
        return series.visited[None, None]
    if event == "inactive":
        return series.visited - _event(series, "updates", part)
    if event not in series.events:
        return np.zeros((1, 1, 1), np.int64)
    return np.moveaxis(series.events[event][:, part], 0, -1)


def _sides(
    series: CoreSeries, terms: list[TimeTerm], part: slice, samples: int
) -> tuple[Times, Times]:
    """G and R of all cores, [chip step, sample, core]."""
    shape = (part.stop - part.start, samples, series.cores.size)
    sides = np.zeros(shape), np.zeros(shape)
    for term in terms:
        sides[term.receiving][...] += term.ns * _event(series, term.event, part)
    return sides


def _bottleneck(counts: Counts, core: int, terms: list[TimeTerm]) -> Bottleneck:
    """The core's largest layer, and the largest term of the side that takes longer.

    Args:
        core: its index.
    """
    series, whole = counts.series, slice(0, counts.chip_steps)
    totals: tuple[defaultdict[str, float], ...] = (defaultdict(float), defaultdict(float))
    for term in terms:
        events = _event(series, term.event, whole)[..., core]
        number = int(np.broadcast_to(events, (counts.chip_steps, counts.samples)).sum())
        totals[term.receiving][term.name] += term.ns * number
    side = max(totals, key=lambda total: sum(total.values()))
    layers = series.layers[core]
    layer = max(layers, key=lambda name: layers[name])
    return Bottleneck(int(series.cores[core]), layer, max(side, key=lambda name: side[name]))


def _barrier(tiles: int, table: CostTable) -> tuple[float, list[str]]:
    """Time of the barrier in ns: 0, and its name as lacking, where the table has none."""
    steps = table.lookup("t_barrier_by_tiles")
    if steps is not None:
        return steps[max((key for key in steps if key <= tiles), default=min(steps))], []
    points = table.lookup("t_barrier")
    if points is not None:
        return float(np.interp(tiles, list(points), list(points.values()))), []
    return 0.0, ["t_barrier"]
