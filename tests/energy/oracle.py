"""A slow and obvious count: one Python step per spike and per synapse, from explicit lists."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from snn2chip.core import Activity, Mapping, Program
from snn2chip.graph.operators import Conv, Dense, Operator, Sparse

Key = tuple[int, int, int]
"""(core, chip step, sample)."""


def synapse_list(operator: Operator) -> list[tuple[int, int]]:
    """(source, target) of every synapse, in flattened C order."""
    match operator:
        case Dense():
            targets, sources = operator.weight.shape
            return [(i, j) for j in range(targets) for i in range(sources)]
        case Conv():
            return conv_synapses(operator)
        case Sparse():
            return [
                (i, int(operator.targets[k]))
                for i in range(operator.first.size - 1)
                for k in range(operator.first[i], operator.first[i + 1])
            ]
        case _:
            return [(i, i) for i in range(operator.scale.size)]


def conv_synapses(conv: Conv) -> list[tuple[int, int]]:
    """Straight from the definition of a grouped, strided, dilated, padded cross-correlation."""
    channels, per_group = conv.weight.shape[:2]
    kernel, space = conv.weight.shape[2:], conv.source_shape[1:]
    found = []
    for out in range(channels):
        group = out // (channels // conv.groups)
        for where in product(*map(range, conv.target_shape[1:])):
            target = np.ravel_multi_index((out, *where), conv.target_shape)
            for c, tap in product(range(per_group), product(*map(range, kernel))):
                at = [
                    w * s - before + k * d
                    for w, s, (before, _), k, d in zip(
                        where, conv.stride, conv.padding, tap, conv.dilation, strict=True
                    )
                ]
                if all(0 <= a < n for a, n in zip(at, space, strict=True)):
                    source = (group * per_group + c, *at)
                    found.append(
                        (int(np.ravel_multi_index(source, conv.source_shape)), int(target))
                    )
    return found


@dataclass
class Tally:
    """Totals by layer, and events by (core, chip step, sample)."""

    events: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    packets: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    within: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    hops_x: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    hops_y: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    updates: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    spikes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    series: dict[str, dict[Key, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )


def core_of(mapping: Mapping, name: str, neuron: int) -> int:
    (core,) = [s.core for s in mapping.cores[name] if s.first <= neuron <= s.last]
    return core


def tally(program: Program, activity: Activity, mapping: Mapping) -> Tally:
    """Every spike, synapse and packet, one at a time."""
    found = Tally()
    lists = {id(p): synapse_list(p.operator) for p in program.projections}
    for population in program.populations:
        name, latency = population.name, population.latency
        raster = activity.populations[name]
        spikes = raster.spikes.unpack().reshape(activity.steps, activity.samples, -1)
        updated = raster.updated.unpack().reshape(spikes.shape)
        for t, s, i in np.ndindex(*spikes.shape):
            core, step = core_of(mapping, name, i), t + latency
            if updated[t, s, i] and not population.is_input:
                found.updates[name] += 1
                found.series["updates"][core, step, s] += 1
            if spikes[t, s, i]:
                found.spikes[name] += 1
                if not population.is_input:
                    found.series["spikes"][core, step, s] += 1
                send(program, mapping, lists, found, name, i, (core, step, s))
    return found


def send(
    program: Program,
    mapping: Mapping,
    lists: dict[int, list[tuple[int, int]]],
    found: Tally,
    name: str,
    neuron: int,
    where: Key,
) -> None:
    core, step, sample = where
    reached = set()
    for projection in program.outgoing(name):
        kind = type(projection.operator).__name__.lower()
        for source, target in lists[id(projection)]:
            if source == neuron:
                there = core_of(mapping, projection.target, target)
                reached.add(there)
                found.events[projection.target] += 1
                found.series[f"events_{kind}"][there, step, sample] += 1
    here = mapping.places[core]
    for there in reached:
        place = mapping.places[there]
        found.packets[name] += 1
        found.within[name] += place.tile == here.tile
        found.hops_x[name] += abs(place.x - here.x)
        found.hops_y[name] += abs(place.y - here.y)
        found.series["packets_out"][core, step, sample] += 1
        found.series["packets_in"][there, step, sample] += 1


def step_times(
    program: Program, activity: Activity, mapping: Mapping, ns: dict[str, float], barrier: float
) -> Any:
    """Time [chip step, sample] with SANA-FE's kind of constants, core by core."""
    found = tally(program, activity, mapping)
    neurons: dict[int, int] = defaultdict(int)
    for population in program.populations:
        for part in mapping.cores[population.name]:
            neurons[part.core] += 0 if population.is_input else part.last - part.first + 1
    latest = max(p.latency for p in program.populations)
    times = np.zeros((activity.steps + latest, activity.samples))
    for step, sample in np.ndindex(*times.shape):
        sides = []
        for core in mapping.places:
            key = (core, step, sample)

            def happened(event: str, key: Key = key) -> int:
                return found.series[event].get(key, 0)

            sides.append(
                neurons[core] * ns["t_neuron_access"]
                + happened("updates") * ns["t_neuron_update_extra"]
                + happened("spikes") * ns["t_spike_out_extra"]
                + happened("packets_out") * ns["t_packet_out"]
            )
            sides.append(
                happened("packets_in") * ns["t_packet_in"]
                + happened("events_dense") * ns["t_synop_dense"]
                + happened("events_conv") * ns["t_synop_conv"]
                + happened("events_identity") * ns["t_synop_sparse"]
                + happened("events_sparse") * ns["t_synop_sparse"]
            )
        times[step, sample] = max(sides) + barrier
    return times
