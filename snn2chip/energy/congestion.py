"""Time of a chip step by the ``detailed`` model: messages that share the links of the mesh.

A core visits its neurons one after the other, in program order, and sends one message per spike and
distinct destination core as it goes, in ascending order of these cores. All cores do so at once.
Between two messages of a core lie the times of the neurons that it visited and ``t_packet_out``.
A message goes along x first, then along y; with h hops it uses h + 1 links, the first of which
leads from the core into its router. It takes its destination r = ``t_packet_in`` + the synaptic
events that it causes, one message at a time.

Messages that were sent and that their destination has not begun to take in are on their way. Each
of them loads every link that it uses with 1 / (h + 2). When a message is due at time t, with D the
sum of the loads of its links, m the mean r of all messages that are on their way on the chip, and
B the messages that a link holds (``link_buffer``)::

    sent      s = t + max(0, D - B (h + 1)) m         the core waits so long
    travel    max(hops in x t_hop_ew + hops in y t_hop_ns, m D / (h + 1))
    taken in  from max(s + travel, end of what the destination took in before), for r

A step ends when every neuron was visited and every message was taken in; the barrier follows.

The model is SANA-FE's ``detailed`` timing model (IEEE TCAD 2025, doi 10.1109/TCAD.2025.3537971),
found out from its paper, its documents and the message traces of version 2.2.9.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program, ProgramPopulation, Raster
from snn2chip.energy.series import kind_of
from snn2chip.energy.terms import synop_names
from snn2chip.energy.time import Timing, barrier_of, bottleneck_of, model_time
from snn2chip.energy.types import Counts, Run
from snn2chip.errors import ConfigError
from snn2chip.mapping.reach import reach, union
from snn2chip.targets.types import CostTable, Target

if TYPE_CHECKING:
    from snn2chip.energy.kernels.mesh import Network

BLOCK = 1 << 26
"""Flags that are held at once."""

_NEEDED = ("t_packet_out", "t_packet_in", "t_hop_ew", "t_hop_ns", "link_buffer")
_NEURON_TIMES = ("t_neuron", "t_neuron_access", "t_neuron_active")


@dataclass(frozen=True, eq=False)
class Congestion:
    """What the model says of a run.

    Attributes:
        step_ns: [chip step, sample], from a step's begin to the end of its last work, no barrier.
        slowest: [chip step, sample], the core that ends last.
    """

    step_ns: NDArray[np.float64]
    slowest: NDArray[np.int64]


def congestion(run: Run, target: Target, table: CostTable) -> Congestion:
    """Simulate the messages of every chip step.

    Args:
        run: whose mapping's places are the mesh.

    Raises:
        ConfigError: the target has no mesh, or the table lacks a constant of the model.
    """
    program, activity = run.program, run.activity
    check(program, target, table)
    loops = _loops()
    cores, order, network = _network(run, table, loops)
    shape = (activity.steps + program.max_latency, activity.samples)
    step_ns, slowest = np.zeros(shape), np.zeros(shape, np.int64)
    degrees = np.diff(network.routes)[network.row]
    block = max(1, BLOCK // max(1, len(order)))
    for sample in range(activity.samples):
        for first in range(0, shape[0], block):
            window = slice(first, min(first + block, shape[0]))
            fired, updated = _flags(run, sample, window, order)
            most = max((int(degrees[flags].sum()) for flags in fired), default=0)
            room = loops.room(network, most)
            loops.steps(
                network, fired, updated, room, step_ns[window, sample], slowest[window, sample]
            )
    return Congestion(step_ns, cores[slowest])


def detailed_time(
    counts: Counts, target: Target, table: CostTable
) -> tuple[Timing | None, list[str]]:
    """Times of a run by this model, barrier included, and the names of constants it lacks.

    Times of layers are those of the simple model: a layer's core is busy as long as before.

    Raises:
        ConfigError: counts without their run, or what ``congestion`` raises.
    """
    if counts.run is None:
        raise ConfigError(
            "the detailed timing of counts without their run",
            needs="counts as snn2chip.energy.count makes them",
            remedy="timing='simple'",
        )
    if counts.copies:
        raise ConfigError(
            f"the detailed timing of {target.name}",
            needs="a message for each destination core",
            has="routers that copy packets on their way",
            remedy="--timing simple",
        )
    found = congestion(counts.run, target, table)
    simple, lacking = model_time(counts, table)
    if simple is None:
        return None, lacking
    barrier, _ = barrier_of(counts.tiles, table)
    cores, often = np.unique(found.slowest, return_counts=True)
    bottleneck = bottleneck_of(counts, table, int(cores[often.argmax()]))
    step_ns = found.step_ns + barrier
    return Timing(step_ns, simple.layers_ns, bottleneck, model="detailed"), lacking


def check(program: Program, target: Target, table: CostTable) -> None:
    """Refuse a target that the model cannot be priced for.

    Raises:
        ConfigError: with every constant that it lacks.
    """
    if target.mesh.cores_per_tile == 0:
        raise ConfigError(
            f"target {target.name!r} has no mesh",
            needs="columns, rows and cores_per_tile in [mesh] for the detailed timing",
            remedy="--timing simple",
        )
    lacking = [name for name in _NEEDED if name not in table.constants]
    if not any(name in table.constants for name in _NEURON_TIMES):
        lacking.append(_NEURON_TIMES[0])
    for kind in sorted({kind_of(p.operator) for p in program.projections}):
        names = synop_names("t", kind)
        if not any(name in table.constants for name in names):
            lacking.append(names[0])
    if lacking:
        raise ConfigError(
            f"target {target.name!r}, costs {table.name!r}: no " + ", ".join(lacking),
            needs="these constants for the detailed timing",
            remedy="--timing simple, or another cost table",
        )


def _loops() -> Any:
    """The kernels, which import numba: loaded at first use."""
    return import_module("snn2chip.energy.kernels.mesh")


def _network(
    run: Run, table: CostTable, loops: Any
) -> tuple[NDArray[np.int64], NDArray[np.int64], Network]:
    """Numbers of the cores, the program's neurons in order of their cores, and the mesh."""
    program, mapping = run.program, run.mapping
    homes = np.concatenate([mapping.assignment[p.name] for p in program.populations])
    cores, home = np.unique(homes.astype(np.int64), return_inverse=True)
    order = np.argsort(home, kind="stable")
    row, routes, to, receive_ns = _routes(run, table, cores)
    places = [mapping.places[core] for core in cores.tolist()]
    neuron = np.concatenate([np.full(p.size, not p.is_input) for p in program.populations])[order]
    visit, update, spike = _neuron_times(table)
    network: Network = loops.Network(
        first=np.searchsorted(home[order], np.arange(cores.size + 1)),
        visit_ns=visit * neuron,
        update_ns=update * neuron,
        spike_ns=spike * neuron,
        row=row[order],
        routes=routes,
        to=to,
        receive_ns=receive_ns,
        x=np.array([place.x for place in places], np.int64),
        y=np.array([place.y for place in places], np.int64),
        rows=max((place.y for place in places), default=0) + 1,
        send_ns=_ns(table, "t_packet_out"),
        hop_x_ns=_ns(table, "t_hop_ew"),
        hop_y_ns=_ns(table, "t_hop_ns"),
        buffer=_ns(table, "link_buffer"),
    )
    return cores, order, network


def _ns(table: CostTable, name: str) -> float:
    return table.value(name) or 0.0


def _neuron_times(table: CostTable) -> tuple[float, float, float]:
    """Time of a visit, and what an update and a spike add to it."""
    inactive = _ns(table, "t_neuron_inactive")
    visit = _ns(table, "t_neuron") + _ns(table, "t_neuron_access") + inactive
    active = max(0.0, _ns(table, "t_neuron_active") - inactive)
    return visit, _ns(table, "t_neuron_update_extra") + active, _ns(table, "t_spike_out_extra")


def _routes(
    run: Run, table: CostTable, cores: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Row of each neuron, the first route of each row, and each route's core and time."""
    rows, lengths, to, times = [], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    above = 0
    for population in run.program.populations:
        row, degrees, targets, ns = _rows(run, table, population)
        rows.append(row + above)
        lengths.append(degrees)
        to.append(np.searchsorted(cores, targets))
        times.append(ns + _ns(table, "t_packet_in"))
        above += degrees.size
    routes = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    return np.concatenate(rows), routes.astype(np.int64), np.concatenate(to), np.concatenate(times)


def _rows(
    run: Run, table: CostTable, population: ProgramPopulation
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Row of each neuron of a population, routes of each row, their cores and synaptic times."""
    found = []
    for projection in run.program.outgoing(population.name):
        names = synop_names("t", kind_of(projection.operator))
        ns = next(_ns(table, name) for name in names if name in table.constants)
        ns = 0.0 if projection.target in run.idle else ns
        into = reach(projection.operator, run.mapping.assignment[projection.target])
        # Sums of sparse tables lose what is 0: a synapse that takes no time is still a route.
        found.append(replace(into, synapses=into.synapses * (ns or np.finfo(np.float64).tiny)))
    together = union(found)
    if together is None:
        none = np.zeros(0, np.int64)
        return np.zeros(population.size, np.int64), np.zeros(1, np.int64), none, np.zeros(0)
    times = together.synapses
    times.sort_indices()
    degrees = np.diff(times.indptr).astype(np.int64)
    return together.row_of, degrees, together.cores[times.indices], times.data


def _flags(
    run: Run, sample: int, window: slice, order: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(fired, updated) [chip step of a window, neuron] of one sample; inputs are not updated."""
    shape = (window.stop - window.start, order.size)
    fired, updated = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    offset = 0
    for population in run.program.populations:
        first = max(window.start, population.latency)
        last = min(window.stop, population.latency + run.activity.steps)
        if last > first:
            into = slice(first - window.start, last - window.start)
            columns = slice(offset, offset + population.size)
            steps = slice(first - population.latency, last - population.latency)
            rasters = run.activity.populations[population.name]
            fired[into, columns] = _of_sample(rasters.spikes, sample, steps)
            if not population.is_input:
                updated[into, columns] = _of_sample(rasters.updated, sample, steps)
        offset += population.size
    return fired[:, order], updated[:, order]


def _of_sample(raster: Raster, sample: int, steps: slice) -> NDArray[np.bool_]:
    part = Raster(raster.bits[steps, sample : sample + 1], raster.shape).unpack()
    return part.reshape(len(part), -1)
