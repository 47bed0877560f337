"""Counts of a run on a mapping: spikes, synaptic events, packets, hops, and series per core.

With n_j spikes of source neuron j, F_cj synapses from j into core c and r_cj = (F_cj > 0)::

    synaptic events  sum_j n_j sum_c F_cj = sum_j n_j fan_out_j     of the receiving layer
    packets          sum_j n_j sum_c r_cj                           of the sending layer
    hops             sum over packets of |dx| and |dy| between the tiles

A spike's packets and synaptic events count in the chip step in which it is fired, whatever its
delay. Chip step = graph step + latency of the population. Inputs send packets and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Mapping, Program, ProgramPopulation
from snn2chip.energy.series import CoreTally, kind_of
from snn2chip.energy.types import Counts, LayerCounts
from snn2chip.graph.linear import fan_out, synapses
from snn2chip.mapping.reach import destinations


def count(program: Program, activity: Activity, mapping: Mapping) -> Counts:
    """Everything that a cost table can price, counted once.

    Args:
        activity: of this program, or of another arithmetic's program of the same graph.
        mapping: of this program; hops follow its places.
    """
    spikes = {p.name: activity.populations[p.name].spikes.per_neuron() for p in program.populations}
    tally = CoreTally(program, activity, mapping)
    layers = tuple(
        _layer(program, activity, mapping, spikes, population) for population in program.populations
    )
    tiles = len({place.tile for place in mapping.places.values()})
    chip_steps = activity.steps + program.max_latency
    return Counts(
        activity.samples, activity.steps, chip_steps, layers, tally.cores(), max(tiles, 1)
    )


def _layer(
    program: Program,
    activity: Activity,
    mapping: Mapping,
    spikes: dict[str, NDArray[np.int64]],
    population: ProgramPopulation,
) -> LayerCounts:
    name = population.name
    own = spikes[name].reshape(-1)
    fired = int(own.sum())
    occasions = population.size * activity.steps * activity.samples
    events: Counter[str] = Counter()
    for projection in program.incoming(name):
        sent = spikes[projection.source].reshape(-1)
        reached = fan_out(projection.operator).reshape(-1)
        events[kind_of(projection.operator)] += int(sent @ reached)
    packets, within, hops_x, hops_y = _packets(program, mapping, name, own)
    updates = 0 if population.is_input else activity.populations[name].updated.total()
    return LayerCounts(
        name=name,
        kind=population.kind,
        shape=population.shape,
        neurons=population.size,
        synapses=sum(synapses(p.operator) for p in program.incoming(name)),
        cores=len({part.core for part in mapping.cores[name]}),
        spikes=fired,
        spike_rate=fired / occasions if occasions else 0.0,
        synaptic_events=sum(events.values()),
        events_by_operator=dict(sorted(events.items())),
        neuron_steps=0 if population.is_input else occasions,
        neuron_updates=updates,
        packets=packets,
        packets_sent=packets,
        packets_within_tile=within,
        hops_x=hops_x,
        hops_y=hops_y,
    )


def _packets(
    program: Program, mapping: Mapping, name: str, spikes: NDArray[np.int64]
) -> tuple[int, int, int, int]:
    """Packets of a population, those that stay in their tile, and hops along x and y."""
    cores, reach = destinations(program, mapping, name)
    packets = within = hops_x = hops_y = 0
    for part in mapping.cores[name]:
        mine = slice(part.first, part.last + 1)
        to_core = reach[:, mine].astype(np.int64) @ spikes[mine]
        dx, dy = _distances(mapping, part.core, cores)
        packets += int(to_core.sum())
        within += int(to_core[(dx == 0) & (dy == 0)].sum())
        hops_x += int(to_core @ dx)
        hops_y += int(to_core @ dy)
    return packets, within, hops_x, hops_y


def _distances(
    mapping: Mapping, source: int, targets: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hops in x and y from one core to others, by XY routing between their tiles."""
    here = mapping.places[source]
    there = [mapping.places[target] for target in targets]
    dx = np.array([abs(place.x - here.x) for place in there], np.int64)
    dy = np.array([abs(place.y - here.y) for place in there], np.int64)
    return dx, dy
