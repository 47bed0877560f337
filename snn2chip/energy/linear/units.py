"""What one spike of each neuron adds to the counts of a run, on one mapping.

Neurons that sit on the same core and reach the same cores through as many synapses send alike.
Each such kind is counted once, as if it had a core of its own at its core's place, so that the
routes are those of ``snn2chip.energy.count``.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Mapping, PopulationActivity, Program, Raster
from snn2chip.energy.count import count, flow_of, legs
from snn2chip.energy.series import Reached
from snn2chip.energy.types import Counts
from snn2chip.graph.linear import fan_out
from snn2chip.mapping.reach import Reach

_Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Units:
    """Counts of single spikes.

    Attributes:
        still: counts of a step of one sample in which nothing fires and nothing is updated.
        once: of the step in which every neuron fires.
        sent: population -> field of ``LayerCounts`` -> what a spike of each neuron adds to it in
            the neuron's own layer, int64 [neuron].
        events: target's name and place among its incoming projections -> synaptic events that a
            spike of each source neuron causes through it, int64 [neuron].
    """

    still: Counts
    once: Counts
    sent: Map[str, Map[str, _Ints]]
    events: Map[tuple[str, int], _Ints]


def units(program: Program, mapping: Mapping, copies: bool = False) -> Units:
    """What one spike of each neuron adds to which count.

    Args:
        copies: routers copy packets on their way (``Mesh.multicast``).
    """
    still = count(program, _at_once(program, False), mapping, copies)
    once = count(program, _at_once(program, True), mapping, copies)
    reached = Reached.of(program, mapping).packets
    sent: dict[str, dict[str, _Ints]] = {}
    for population in program.populations:
        name = population.name
        sent[name] = {
            "spikes": np.ones(population.size, np.int64),
            "packets_sent": once.neurons[name].packets_sent.reshape(-1),
            **_routed(mapping, name, reached[name], copies),
        }
    return Units(still, once, sent, _events(program))


def _events(program: Program) -> dict[tuple[str, int], _Ints]:
    return {
        (population.name, place): fan_out(projection.operator).reshape(-1).astype(np.int64)
        for population in program.populations
        for place, projection in enumerate(program.incoming(population.name))
    }


def _at_once(program: Program, fired: bool) -> Activity:
    """One step of one sample in which every neuron fires, or none."""
    populations = {}
    for p in program.populations:
        flags = Raster.pack(np.full((1, 1, p.size), fired), p.shape)
        populations[p.name] = PopulationActivity(flags, flags)
    return Activity(program.arithmetic, 1, 1, populations, np.zeros((1, 1)))


def _routed(mapping: Mapping, name: str, reach: Reach | None, copies: bool) -> dict[str, _Ints]:
    """Packets and hops of one spike of each neuron."""
    home = mapping.assignment[name].astype(np.int64)
    if not home.size:  # on the host: it sends nothing
        return {}
    row = np.zeros(home.size, np.int64) if reach is None else reach.row_of
    pairs, first, kind = np.unique(
        home * (row.max(initial=0) + 1) + row, return_index=True, return_inverse=True
    )
    own = max(mapping.places) + 1 + np.arange(pairs.size)
    places = {
        core: mapping.places[at]
        for core, at in zip(own.tolist(), home[first].tolist(), strict=True)
    }
    apart = replace(
        mapping,
        assignment={name: own[kind].astype(np.int32)},
        places={**mapping.places, **places},
    )
    spikes = np.zeros(home.size, np.int64)
    spikes[first] = 1
    found = legs(apart, flow_of(apart, name, spikes, reach, copies))
    return {
        what: np.bincount(sender - own[0], number, pairs.size).astype(np.int64)[kind]
        for what, (sender, number) in found.items()
    }
