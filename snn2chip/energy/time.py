"""Time of a chip step by the ``simple`` model: the busiest core, then the barrier.

With G the time a core spends on its neurons and on sending, R the time it spends on receiving::

    T = max over cores of max(G, R) + barrier(mapped tiles)    a core sends while it receives
    T = max over cores of (G + R) + barrier(mapped tiles)      a core does one after the other
    G = t_core_step + sum over its neurons of (access + update + spike)
        + t_packet_out x packets sent
    R = t_packet_in x packets received + t_synop x synaptic events

All times in ns; a price in cycles takes cycles x 1000 / clock_mhz. Where a chip has ticks, a step
lasts a tick, or as long as its work where that is more. Travel over the mesh and congestion are
left out. Source of the overlapping form: SANA-FE's ``simple`` timing model (IEEE TCAD 2025, doi
10.1109/TCAD.2025.3537971).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.energy.terms import KINDS, synop_names, unpriced_name
from snn2chip.energy.types import TIMINGS, Bottleneck, CoreSeries, Counts, RealTime
from snn2chip.targets.types import CostTable

Times = NDArray[np.float64]

_MOST_VALUES = 1 << 22
"""Times that are held at once."""

_NS_PER_US = 1000.0

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
        layers_ns: layer -> sum over steps and samples of its busiest core's time, no barrier;
            empty where no event has a time.
        bottleneck: None where no event has a time.
        cycles: mean per sample, summed over steps, of the busiest core; None without a clock.
        real_time: the check of ticks, None where the chip has none.
        model: ``simple``, or ``detailed`` (``snn2chip.energy.congestion``).
    """

    step_ns: Times
    layers_ns: Mapping[str, float]
    bottleneck: Bottleneck | None
    cycles: float | None = None
    real_time: RealTime | None = None
    model: str = TIMINGS[0]


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


@dataclass
class _Work:
    """What is gathered over all steps and samples.

    Attributes:
        step: busiest core's time, [chip step, sample].
        slowest: per core, in how many steps it is the busiest.
        layers: as in ``Timing``.
        busiest: longest time of a core in a step, with the core's index.
        late: (core, step, sample) whose time is longer than a tick.
    """

    step: Times
    slowest: NDArray[np.int64]
    layers: dict[str, float]
    busiest: tuple[float, int] = (-1.0, 0)
    late: int = field(default=0)


def model_time(counts: Counts, table: CostTable) -> tuple[Timing | None, list[str]]:
    """Times of a run, None where the table does not allow it, and the names it lacks.

    The formula ``memory`` has no cores that could take time.
    """
    if table.formula == "memory":
        return None, []
    terms, lacking = time_terms(counts.series, table)
    tick = table.value("t_tick")
    barrier, missing = barrier_of(counts.tiles, table)
    lacking += missing if tick is None else []
    if not terms and tick is not None:
        return _only_ticks(counts, tick), []
    if not terms:
        return None, lacking
    work = _work(counts, terms, table, tick)
    often = int(work.slowest.argmax())
    busy = work.step + barrier
    clock = table.value("clock_mhz")
    return Timing(
        step_ns=busy if tick is None else np.maximum(busy, tick),
        layers_ns=work.layers,
        bottleneck=_bottleneck(counts, often, terms, table),
        cycles=None if clock is None else _mean(work.step) * clock / _NS_PER_US,
        real_time=None if tick is None else _real_time(counts, work, tick),
    ), lacking


def _only_ticks(counts: Counts, tick: float) -> Timing:
    """Steps of one tick each: no event has a time."""
    steps = np.full((counts.chip_steps, counts.samples), tick)
    return Timing(steps, {}, None, real_time=RealTime(tick, None, None, None, None))


def _mean(step: Times) -> float:
    """Mean per sample of the sum over steps."""
    return float(step.sum() / step.shape[1])


def _work(counts: Counts, terms: list[TimeTerm], table: CostTable, tick: float | None) -> _Work:
    """The busiest core of each step, a share of the steps at a time."""
    series = counts.series
    homes = _homes(series)
    work = _Work(
        step=np.zeros((counts.chip_steps, counts.samples)),
        slowest=np.zeros(series.cores.size, np.int64),
        layers=dict.fromkeys(homes, 0.0),
    )
    for part in shares(counts):
        sides = sides_of(series, terms, part, counts.samples)
        busy = busy_of(sides, table)
        slowest = busy.argmax(axis=-1)
        work.step[part] = busy.max(axis=-1)
        work.slowest += np.bincount(slowest.reshape(-1), minlength=work.slowest.size)
        for name, cores in homes.items():
            work.layers[name] += float(busy[..., cores].max(axis=-1).sum())
        at = int(work.step[part].argmax())
        longest = float(work.step[part].flat[at])
        if longest > work.busiest[0]:
            work.busiest = longest, int(slowest.flat[at])
        work.late += 0 if tick is None else int((busy > tick).sum())
    return work


def _real_time(counts: Counts, work: _Work, tick: float) -> RealTime:
    longest, core = work.busiest
    series = counts.series
    ticks = counts.chip_steps * counts.samples * series.cores.size
    return RealTime(
        tick_ns=tick,
        busiest_ns=longest,
        core=int(series.cores[core]),
        layer=largest_layer(series.layers[core]),
        late=work.late / ticks,
    )


def busy_of(sides: tuple[Times, Times], table: CostTable) -> Times:
    """Time of cores that send and receive at once, or one after the other."""
    return np.maximum(*sides) if table.work == "overlapping" else np.add(*sides)


def bottleneck_of(counts: Counts, table: CostTable, core: int) -> Bottleneck:
    """What takes longest on a core of a run whose times the table allows."""
    index = int(np.searchsorted(counts.series.cores, core))
    return _bottleneck(counts, index, time_terms(counts.series, table)[0], table)


def _homes(series: CoreSeries) -> dict[str, NDArray[np.intp]]:
    """Layer -> indices of its cores."""
    found: dict[str, list[int]] = {}
    for index, layers in enumerate(series.layers):
        for name in layers:
            found.setdefault(name, []).append(index)
    return {name: np.array(cores) for name, cores in found.items()}


def shares(counts: Counts) -> Iterator[slice]:
    """Chip steps that are computed together."""
    together = max(1, _MOST_VALUES // max(1, counts.samples * counts.series.cores.size))
    for first in range(0, counts.chip_steps, together):
        yield slice(first, min(first + together, counts.chip_steps))


def _constant(table: CostTable, name: str) -> tuple[str, float] | None:
    """The constant that times an event, in ns or in cycles, and its ns."""
    if (ns := table.value(name)) is not None:
        return name, ns
    name = name.replace("t_", "cycles_", 1)
    cycles, clock = table.value(name), table.value("clock_mhz")
    return None if cycles is None or not clock else (name, cycles * _NS_PER_US / clock)


def _included(table: CostTable, names: tuple[str, ...]) -> bool:
    """Whether another time of the table holds the event."""
    spelled = {*names, *(name.replace("t_", "cycles_", 1) for name in names)}
    return bool(spelled & set(table.included))


def time_terms(series: CoreSeries, table: CostTable) -> tuple[list[TimeTerm], list[str]]:
    """What takes time, nothing where neurons or all synaptic events have no price."""
    happening = {event for event, array in series.events.items() if array.any()}
    terms: list[TimeTerm] = []

    def add(names: tuple[str, ...], event: str, receiving: bool = False) -> bool:
        known = next((found for name in names if (found := _constant(table, name))), None)
        if known is not None:
            terms.append(TimeTerm(known[0], event, known[1], receiving))
        return known is not None or _included(table, names)

    neurons = [add((name,), event) for name, event in _NEURON]
    kinds = [kind for kind in KINDS if f"events_{kind}" in happening]
    timed = [add(synop_names("t", kind), f"events_{kind}", True) for kind in kinds]
    lacking = [] if any(neurons) else [_NEURON[0][0]]
    lacking += [
        unpriced_name(synop_names("t", kind), table)
        for kind, known in zip(kinds, timed, strict=True)
        if not known
    ]
    complete = any(neurons) and (not kinds or any(timed))
    for name, event in (("t_packet_out", "packets_out"), ("t_packet_in", "packets_in")):
        if not add((name,), event, name == "t_packet_in") and event in happening:
            lacking.append(name)
    add(("t_core_step",), "steps")
    return (terms if complete else []), lacking


def _event(series: CoreSeries, event: str, part: slice) -> NDArray[np.integer[Any]]:
    """How many of an event in each [chip step, sample, core], broadcasting to it."""
    if event == "steps":
        return np.ones((1, 1, 1), np.int64)
    if event == "visits":
        return series.visited[None, None]
    if event == "inactive":
        return series.visited - _event(series, "updates", part)
    if event not in series.events:
        return np.zeros((1, 1, 1), np.int64)
    return np.moveaxis(series.events[event][:, part], 0, -1)


def sides_of(
    series: CoreSeries, terms: list[TimeTerm], part: slice, samples: int
) -> tuple[Times, Times]:
    """G and R of all cores, [chip step, sample, core]."""
    shape = (part.stop - part.start, samples, series.cores.size)
    sides = np.zeros(shape), np.zeros(shape)
    for term in terms:
        sides[term.receiving][...] += term.ns * _event(series, term.event, part)
    return sides


def _bottleneck(counts: Counts, core: int, terms: list[TimeTerm], table: CostTable) -> Bottleneck:
    """The core's largest layer, and the largest term: of the side that takes longer, or of both.

    Args:
        core: its index.
    """
    series, whole = counts.series, slice(0, counts.chip_steps)
    totals: tuple[defaultdict[str, float], ...] = (defaultdict(float), defaultdict(float))
    for term in terms:
        events = np.atleast_3d(_event(series, term.event, whole))
        mine = events[..., core if events.shape[-1] > 1 else 0]
        number = int(np.broadcast_to(mine, (counts.chip_steps, counts.samples)).sum())
        totals[term.receiving][term.name] += term.ns * number
    longer = max(totals, key=lambda total: sum(total.values()))
    side = longer if table.work == "overlapping" else {**totals[0], **totals[1]}
    name = max(side, key=lambda name: side[name])
    return Bottleneck(int(series.cores[core]), largest_layer(series.layers[core]), name)


def largest_layer(layers: Mapping[str, int]) -> str:
    """The layer with most neurons."""
    return max(layers, key=lambda name: layers[name])


def barrier_of(tiles: int, table: CostTable) -> tuple[float, list[str]]:
    """Time of the barrier in ns: 0, and its name as lacking, where the table has none."""
    steps = table.lookup("t_barrier_by_tiles")
    if steps is not None:
        return steps[max((key for key in steps if key <= tiles), default=min(steps))], []
    points = table.lookup("t_barrier")
    if points is not None:
        return float(np.interp(tiles, list(points), list(points.values()))), []
    return 0.0, [] if "t_barrier" in table.included else ["t_barrier"]
