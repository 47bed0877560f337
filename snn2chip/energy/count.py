"""Counts of a run on a mapping: spikes, synaptic events, packets, hops, and series per core.

With n_j spikes of source neuron j, F_cj synapses from j into core c and r_cj = (F_cj > 0)::

    synaptic events  sum_j n_j sum_c F_cj = sum_j n_j fan_out_j     of the receiving layer
    packets          sum_j n_j sum_c r_cj                           of the sending layer
    hops             sum over packets of |dx| and |dy| between the tiles

Where routers copy packets, a spike leaves its core once, as many still arrive, and hops are the
links of the tree of its routes.

A spike's packets and synaptic events count in the chip step in which it is fired, whatever its
delay. Chip step = graph step + latency of the population. Inputs send packets and nothing else.

Populations may be idle, those of a network's members that take no part in a run: packets reach
their cores, and cause no synaptic events there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Mapping, Program, ProgramPopulation, ProgramProjection
from snn2chip.energy.series import Reached, core_series, kind_of
from snn2chip.energy.tally import pair_sums
from snn2chip.energy.types import Counts, Flow, InputCounts, LayerCounts, NeuronCounts, Run
from snn2chip.graph.linear import fan_out, synapses
from snn2chip.graph.operators import weights_of
from snn2chip.mapping.reach import Reach
from snn2chip.mapping.routes import Routed, link_loads, multicast, positions, unicast

_Ints = NDArray[np.int64]


def count(
    program: Program,
    activity: Activity,
    mapping: Mapping,
    copies: bool = False,
    idle: AbstractSet[str] = frozenset(),
) -> Counts:
    """Everything that a cost table can price, counted once.

    Args:
        activity: of this program, or of another arithmetic's program of the same graph.
        mapping: of this program; hops follow its places.
        copies: routers copy a packet on its way to several cores (``Mesh.multicast``); otherwise
            each destination core is sent one of its own.
        idle: populations on whose synapses packets have no effect; they neither fire nor change.
    """
    reached = Reached.of(program, mapping, idle)
    neurons = {
        p.name: _neurons(program, activity, p, reached.packets[p.name], copies, idle)
        for p in program.populations
    }
    flows = {
        name: flow_of(mapping, name, neurons[name].spikes.reshape(-1), reach, copies)
        for name, reach in reached.packets.items()
    }
    return Counts(
        samples=activity.samples,
        steps=activity.steps,
        chip_steps=activity.steps + program.max_latency,
        layers=tuple(
            _layer(program, activity, mapping, neurons, flows, p.name, p.name in idle)
            for p in program.populations
        ),
        series=core_series(program, activity, mapping, reached, copies),
        neurons=neurons,
        flows=flows,
        tiles=max(1, len({place.tile for place in mapping.places.values()})),
        run=Run(program, activity, mapping, frozenset(idle)),
        links=link_loads(flow.routed for flow in flows.values()),
        copies=copies,
    )


def _neurons(
    program: Program,
    activity: Activity,
    population: ProgramPopulation,
    reach: Reach | None,
    copies: bool,
    idle: AbstractSet[str],
) -> NeuronCounts:
    run = activity.populations[population.name]
    spikes = run.spikes.per_neuron()
    none = np.zeros(population.shape, np.int64)
    sent = none.copy()
    for projection in program.outgoing(population.name):
        if projection.target in idle:
            continue
        sent += fan_out(projection.operator)
    degrees = none if reach is None else reach.degrees.reshape(population.shape)
    return NeuronCounts(
        spikes=spikes,
        updates=none if population.is_input else run.updated.per_neuron(),
        synaptic_events=spikes * sent,
        packets=spikes * degrees,
        packets_sent=spikes * (np.minimum(degrees, 1) if copies else degrees),
    )


def flow_of(mapping: Mapping, name: str, spikes: _Ints, reach: Reach | None, copies: bool) -> Flow:
    """Packets of a population's spikes, per (core, row of destinations) spread over its cores.

    Args:
        spikes: of each neuron, [neuron].
        reach: of all outgoing projections together; None where there are none.
        copies: as in ``count``.
    """
    none = np.zeros(0, np.int64)
    if reach is None:
        return Flow(none, none, none, unicast(none, none, none, mapping.places))
    cores, home = np.unique(mapping.assignment[name].astype(np.int64), return_inverse=True)
    packets = pair_sums(spikes, home, reach, cores.size)
    row, column = np.nonzero(packets)
    pairs = cores[row], reach.cores[column], packets[row, column]
    if not copies:
        return Flow(*pairs, unicast(*pairs, mapping.places))
    return Flow(*pairs, _trees(mapping, cores, home, spikes, reach))


def _trees(
    mapping: Mapping, cores: _Ints, home: NDArray[np.intp], spikes: _Ints, reach: Reach
) -> Routed:
    """One tree for each core and row of destinations that spikes leave it for."""
    rows = reach.synapses.shape[0]
    kinds, tree = np.unique(home * rows + reach.row_of, return_inverse=True)
    sent = np.bincount(tree, spikes, kinds.size).astype(np.int64)
    source, row = np.divmod(kinds, rows)
    used = (sent > 0) & (np.diff(reach.synapses.indptr)[row] > 0)
    ends = reach.synapses[row[used]]
    first, target = ends.indptr.astype(np.int64), reach.cores[ends.indices]
    return multicast(cores[source[used]], first, target, sent[used], mapping.places)


def _layer(
    program: Program,
    activity: Activity,
    mapping: Mapping,
    neurons: dict[str, NeuronCounts],
    flows: dict[str, Flow],
    name: str,
    idle: bool,
) -> LayerCounts:
    population, own = program.population(name), neurons[name]
    fired = int(own.spikes.sum())
    occasions = population.size * activity.steps * activity.samples
    inputs = tuple(_input(projection, neurons, idle) for projection in program.incoming(name))
    events: Counter[str] = Counter()
    for source in inputs:
        events[source.kind] += source.synaptic_events
    sent = {what: int(number.sum()) for what, (_, number) in legs(mapping, flows[name]).items()}
    return LayerCounts(
        name=name,
        kind=population.kind,
        shape=population.shape,
        neurons=population.size,
        synapses=sum(synapses(p.operator) for p in program.incoming(name)),
        cores=int(np.unique(mapping.assignment[name]).size),
        spikes=fired,
        spike_rate=fired / occasions if occasions else 0.0,
        synaptic_events=sum(events.values()),
        events_by_operator=dict(sorted(events.items())),
        neuron_steps=0 if population.is_input else occasions,
        neuron_updates=int(own.updates.sum()),
        packets_sent=int(own.packets_sent.sum()),
        inputs=inputs,
        biases=_biases(population, inputs),
        **sent,
    )


def _input(
    projection: ProgramProjection, neurons: dict[str, NeuronCounts], idle: bool
) -> InputCounts:
    """What one projection brings to its target."""
    sent = neurons[projection.source].spikes.reshape(-1)
    reached = fan_out(projection.operator).reshape(-1)
    return InputCounts(
        source=projection.source,
        kind=kind_of(projection.operator),
        neurons=sent.size,
        spikes=int(sent.sum()),
        synaptic_events=0 if idle else int(sent @ reached),
        weights=int(weights_of(projection.operator).size),
    )


def _biases(population: ProgramPopulation, inputs: tuple[InputCounts, ...]) -> int:
    """Biases that are stored: one per channel where a convolution brings them, else per neuron."""
    given = any(
        np.any(values)
        for name, values in population.parameters.items()
        if "bias" in name and not name.endswith(("exp", "starts"))
    )
    if not given:
        return 0
    by_channel = any(source.kind == "conv" for source in inputs)
    return population.shape[0] if by_channel else population.size


def legs(mapping: Mapping, flow: Flow) -> dict[str, tuple[_Ints, _Ints]]:
    """Where a population's packets go, and their hops: (sending core, number), whose sums count.

    Hops are by XY routing; a link between chips is no hop of the mesh.
    """
    source, target = (positions(mapping.places, ends) for ends in (flow.source, flow.target))
    dx, dy, chips = np.abs(source[:, 1:] - target[:, 1:]).T
    across, along = flow.routed
    return {
        "packets": (flow.source, flow.packets),
        "packets_within_tile": (flow.source, flow.packets * ((dx == 0) & (dy == 0))),
        "packets_between_chips": (flow.source, flow.packets * (chips > 0)),
        "hops_x": (across.sender, across.hops),
        "hops_y": (along.sender, along.hops),
        "chip_hops": (across.sender, across.packets * across.chips),
    }
