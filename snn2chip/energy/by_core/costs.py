"""What each core did and costs, and which core each step waits for.

A core's counts are those of a layer: events are linear in what is priced, so the energies of all
cores add up to those of all layers, term by term. Synaptic events and updates belong to the core on
which they happen, packets and hops to the one that sends them. A core is busy for G or R of
``snn2chip.energy.time``, whichever is longer.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Mapping, Program
from snn2chip.energy.by_core.times import CoreTimes, core_times
from snn2chip.energy.count import legs
from snn2chip.energy.price import layer_energy
from snn2chip.energy.terms import KINDS, table_of
from snn2chip.energy.time import largest_layer
from snn2chip.energy.types import Bottleneck, CoreCost, CoreCosts, Counts, LayerCounts, LayerEnergy
from snn2chip.graph.linear import fan_in
from snn2chip.targets.types import Target

_Ints = NDArray[np.int64]

_UNPRICED = LayerEnergy(None, None, None, None, None)
"""Of a core where the table's formula knows layers and their memories only."""


def core_costs(
    program: Program, mapping: Mapping, counts: Counts, target: Target, table_name: str | None
) -> CoreCosts:
    """Counts by core, priced by one cost table of a target, its default one unless named.

    Raises:
        ConfigError: the target has no such table.
    """
    table = table_of(target, table_name)
    by_event = table.formula == "events"
    times = core_times(counts, table) if by_event else None
    cores = tuple(
        CoreCost(
            core=core,
            layers=dict(counts.series.layers[index]),
            counts=layer,
            packets_in=received,
            energy_pj=layer_energy(layer, table)[0] if by_event else _UNPRICED,
            busy_ns=None if times is None else float(times.busy_ns[index]),
        )
        for index, (core, layer, received) in enumerate(_counted(program, mapping, counts))
    )
    return CoreCosts(
        cores,
        () if times is None else _slowest(counts, times),
        None if times is None else times.barrier_ns,
    )


def _slowest(counts: Counts, times: CoreTimes) -> tuple[Bottleneck, ...]:
    series = counts.series
    largest = [largest_layer(layers) for layers in series.layers]
    return tuple(
        Bottleneck(int(series.cores[core]), largest[core], term)
        for core, term in zip(times.slowest.tolist(), times.terms, strict=True)
    )


def _counted(
    program: Program, mapping: Mapping, counts: Counts
) -> list[tuple[int, LayerCounts, int]]:
    """(core, its counts, packets that reach it)."""
    series = counts.series
    occasions = counts.steps * counts.samples
    events = {name: array.sum(axis=(1, 2), dtype=np.int64) for name, array in series.events.items()}
    none = np.zeros(series.cores.size, np.int64)
    synapses = _synapses(program, mapping, series.cores)
    flows = _flows(mapping, counts)

    def of(event: str, index: int) -> int:
        return int(events.get(event, none)[index])

    found = []
    for index, core in enumerate(series.cores.tolist()):
        neurons, fired = int(series.visited[index]), of("spikes", index)
        by_operator = {kind: of(f"events_{kind}", index) for kind in KINDS}
        steps = neurons * occasions
        layer = LayerCounts(
            name=f"core {core}",
            kind="core",
            shape=(neurons,),
            neurons=neurons,
            synapses=int(synapses[index]),
            cores=1,
            spikes=fired,
            spike_rate=fired / steps if steps else 0.0,
            synaptic_events=sum(by_operator.values()),
            events_by_operator={kind: number for kind, number in by_operator.items() if number},
            neuron_steps=steps,
            neuron_updates=of("updates", index),
            packets_sent=of("packets_out", index),
            packets=int(flows["packets"][index]),
            packets_within_tile=int(flows["packets_within_tile"][index]),
            packets_between_chips=int(flows["packets_between_chips"][index]),
            hops_x=int(flows["hops_x"][index]),
            hops_y=int(flows["hops_y"][index]),
            chip_hops=int(flows["chip_hops"][index]),
        )
        found.append((core, layer, of("packets_in", index)))
    return found


def _synapses(program: Program, mapping: Mapping, cores: _Ints) -> _Ints:
    """Synapses that end on each core."""
    found = np.zeros(cores.size, np.int64)
    for projection in program.projections:
        homes = np.searchsorted(cores, mapping.assignment[projection.target])
        found += _sums(homes, fan_in(projection.operator).reshape(-1), cores.size)
    return found


def _flows(mapping: Mapping, counts: Counts) -> dict[str, _Ints]:
    """Packets of what each core sends, by where they go, and their hops: [core]."""
    cores = counts.series.cores
    found: defaultdict[str, _Ints] = defaultdict(lambda: np.zeros(cores.size, np.int64))
    for flow in counts.flows.values():
        for name, (sender, number) in legs(mapping, flow).items():
            found[name] += _sums(np.searchsorted(cores, sender), number, cores.size)
    return found


def _sums(places: NDArray[np.intp], numbers: _Ints, size: int) -> _Ints:
    """Numbers added up by place; exact, as their sum is below 2^53."""
    return np.bincount(places, numbers, size).astype(np.int64)
