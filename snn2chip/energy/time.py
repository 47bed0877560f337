"""Time of a chip step by the ``simple`` model: the busiest core, then the barrier.

With G the time a core spends on its neurons and on sending, R the time it spends on receiving::

    T = max(max over cores of G, max over cores of R) + barrier(mapped tiles)
    G = sum over its neurons of (access + update + spike) + t_packet_out x packets sent
    R = t_packet_in x packets received + t_synop x synaptic events

All times in ns. Travel over the mesh and congestion are left out. Source: SANA-FE's ``simple``
timing model (IEEE TCAD 2025, doi 10.1109/TCAD.2025.3537971).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.energy.terms import KINDS, synop_names
from snn2chip.energy.types import Bottleneck, CoreCounts, Counts
from snn2chip.targets.types import CostTable

Times = NDArray[np.float64]

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
    terms, lacking = _terms(counts, table)
    barrier, missing = _barrier(counts.tiles, table)
    lacking += missing
    if not terms:
        return None, lacking
    shape = (counts.chip_steps, counts.samples)
    step, slowest = np.zeros(shape), np.zeros(shape, np.int64)
    layers: dict[str, Times] = {}
    for index, core in enumerate(counts.cores):
        busy = np.maximum(*_sides(core, terms, shape))
        slowest[busy > step] = index
        np.maximum(step, busy, out=step)
        for name in core.layers:
            layers[name] = np.maximum(layers.get(name, 0.0), busy)
    totals = {name: float(times.sum()) for name, times in layers.items()}
    often = int(np.bincount(slowest.reshape(-1)).argmax())
    return Timing(step + barrier, totals, _bottleneck(counts.cores[often], terms, shape)), lacking


def _terms(counts: Counts, table: CostTable) -> tuple[list[TimeTerm], list[str]]:
    """What takes time, nothing where neurons or all synaptic events have no price."""
    happening = {event for core in counts.cores for event in core.series}
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


def _event(core: CoreCounts, event: str, shape: tuple[int, int]) -> NDArray[np.int64]:
    """How many of an event in each [chip step, sample], broadcasting to it."""
    if event == "visits":
        return np.full((1, 1), core.neurons)
    if event == "inactive":
        return core.neurons - _event(core, "updates", shape)
    return core.series.get(event, np.zeros((1, 1), np.int64))


def _sides(core: CoreCounts, terms: list[TimeTerm], shape: tuple[int, int]) -> tuple[Times, Times]:
    """G and R of one core, [chip step, sample]."""
    sides = np.zeros(shape), np.zeros(shape)
    for term in terms:
        sides[term.receiving][...] += term.ns * _event(core, term.event, shape)
    return sides


def _bottleneck(core: CoreCounts, terms: list[TimeTerm], shape: tuple[int, int]) -> Bottleneck:
    """The core's largest layer, and the largest term of the side that takes longer."""
    totals: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for term in terms:
        events = np.broadcast_to(_event(core, term.event, shape), shape)
        totals[term.receiving][term.name] += term.ns * int(events.sum())  # type: ignore[assignment]
    side = max(totals, key=lambda total: sum(total.values()))
    layer = max(core.layers, key=lambda name: core.layers[name])
    return Bottleneck(core.core, layer, max(side, key=lambda name: side[name]))


def _barrier(tiles: int, table: CostTable) -> tuple[float, list[str]]:
    """Time of the barrier in ns: 0, and its name as lacking, where the table has none."""
    steps = table.lookup("t_barrier_by_tiles")
    if steps is not None:
        return steps[max((key for key in steps if key <= tiles), default=min(steps))], []
    points = table.lookup("t_barrier")
    if points is not None:
        return float(np.interp(tiles, list(points), list(points.values()))), []
    return 0.0, ["t_barrier"]
