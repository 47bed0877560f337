"""One chip step of messages through a mesh: the loops of ``energy.congestion``.

The equations stand there. Every function here is plain Python that numba compiles; times are in ns.
The step is a simulation of events: each core has one message that it wants to send next, and the
earliest of them is sent, until no core has any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.kernels.accelerate import jit, reason_against

_Function = TypeVar("_Function", bound=Callable[..., Any])

EAST, WEST, SOUTH, NORTH = range(4)
DIRECTIONS = 4
_DONE = -1


def compiled(function: _Function) -> _Function:
    """``function`` by numba, or as it is where numba is left out."""
    return jit(function) if reason_against() is None else function


class Network(NamedTuple):
    """What stays the same in every step. Neurons are numbered core by core.

    Attributes:
        first: [core + 1], the first neuron of each core.
        visit_ns, update_ns, spike_ns: [neuron], times of a visit, and what comes on top.
        row: [neuron], its row of routes, which neurons share.
        routes: [row + 1], the first route of each row.
        to: [route], the core that it leads to; ascending in each row.
        receive_ns: [route], time in which that core takes the message in.
        x, y: [core], its tile's column and row.
        rows: of the mesh.
        send_ns, hop_x_ns, hop_y_ns: of one message.
        buffer: messages that a link holds.
    """

    first: NDArray[np.int64]
    visit_ns: NDArray[np.float64]
    update_ns: NDArray[np.float64]
    spike_ns: NDArray[np.float64]
    row: NDArray[np.int64]
    routes: NDArray[np.int64]
    to: NDArray[np.int64]
    receive_ns: NDArray[np.float64]
    x: NDArray[np.int64]
    y: NDArray[np.int64]
    rows: int
    send_ns: float
    hop_x_ns: float
    hop_y_ns: float
    buffer: float


class Room(NamedTuple):
    """Memory of a step, used again by the next.

    Attributes:
        neuron, route, last_route: [core], where it is; ``route`` is -1 when it has sent all.
        free_ns: [core], when it has taken in all that came so far.
        due_ns, due_core: [core], a heap of the next messages.
        left_ns, left: [message], a heap of messages on their way, by the time at which they leave.
        source, target, length_ns: [message].
        load: [link], share of messages on their way.
    """

    neuron: NDArray[np.int64]
    route: NDArray[np.int64]
    last_route: NDArray[np.int64]
    free_ns: NDArray[np.float64]
    due_ns: NDArray[np.float64]
    due_core: NDArray[np.int64]
    left_ns: NDArray[np.float64]
    left: NDArray[np.int64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    length_ns: NDArray[np.float64]
    load: NDArray[np.float64]


def room(network: Network, messages: int) -> Room:
    """Memory for steps of at most so many messages."""
    cores = len(network.x)
    tiles = (int(network.x.max(initial=0)) + 1) * network.rows
    core, message = np.zeros(cores, np.int64), np.zeros(messages, np.int64)
    return Room(
        core, core.copy(), core.copy(), np.zeros(cores), np.zeros(cores), core.copy(),
        np.zeros(messages), message, message.copy(), message.copy(), np.zeros(messages),
        np.zeros(cores + DIRECTIONS * tiles),
    )  # fmt: skip


@compiled
def push(keys: Any, items: Any, size: int, key: float, item: int) -> None:
    """Into a heap of ``size``, the smallest key first; equal keys stay in the order of the tree."""
    at = size
    while at > 0:
        above = (at - 1) >> 1
        if not key < keys[above]:
            break
        keys[at], items[at] = keys[above], items[above]
        at = above
    keys[at], items[at] = key, item


@compiled
def drop(keys: Any, items: Any, size: int) -> None:
    """The first of a heap of ``size`` goes; the last takes its place, from a leaf upwards."""
    last = size - 1
    key, item = keys[last], items[last]
    at, child = 0, 1
    while child < last:
        if child + 1 < last and not keys[child] < keys[child + 1]:
            child += 1
        keys[at], items[at] = keys[child], items[child]
        at, child = child, 2 * child + 1
    while at > 0:
        above = (at - 1) >> 1
        if not key < keys[above]:
            break
        keys[at], items[at] = keys[above], items[above]
        at = above
    keys[at], items[at] = key, item


@compiled
def advance(core: int, network: Network, fired: Any, updated: Any, room: Room) -> float:
    """Time until a core sends its next message, which ``room.route`` is then, or has none left."""
    spent = 0.0
    route = room.route[core] + 1
    neuron, end = room.neuron[core], network.first[core + 1]
    while route >= room.last_route[core]:
        neuron += 1
        if neuron >= end:
            room.neuron[core], room.route[core] = neuron, _DONE
            return spent
        spent += network.visit_ns[neuron]
        if updated[neuron]:
            spent += network.update_ns[neuron]
        if fired[neuron]:
            spent += network.spike_ns[neuron]
            row = network.row[neuron]
            route, room.last_route[core] = network.routes[row], network.routes[row + 1]
    room.neuron[core], room.route[core] = neuron, route
    return spent + network.send_ns


@compiled
def along(source: int, target: int, weight: float, network: Network, load: Any) -> float:
    """Sum of the loads of all links from one core to another, to which ``weight`` is then added.

    First the link from the core into its router, then along x, then along y.
    """
    total = float(load[source])
    load[source] += weight
    base = len(network.x)
    x, y = network.x[source], network.y[source]
    while x != network.x[target]:
        east = network.x[target] > x
        link = base + DIRECTIONS * (x * network.rows + y) + (EAST if east else WEST)
        total += load[link]
        load[link] += weight
        x += 1 if east else -1
    while y != network.y[target]:
        south = network.y[target] > y
        link = base + DIRECTIONS * (x * network.rows + y) + (SOUTH if south else NORTH)
        total += load[link]
        load[link] += weight
        y += 1 if south else -1
    return float(total)


@compiled
def distance(source: int, target: int, network: Network) -> tuple[int, int]:
    """Hops along x and along y from one core to another."""
    return (
        abs(network.x[source] - network.x[target]),
        abs(network.y[source] - network.y[target]),
    )


@compiled
def leave(now: float, on_way: int, network: Network, room: Room) -> tuple[int, float]:
    """Takes messages off their links that their cores have begun to take in.

    Returns:
        how many are still on their way, and the sum of ``length_ns`` of those that left.
    """
    gone_ns = 0.0
    while on_way and room.left_ns[0] <= now:
        gone = room.left[0]
        drop(room.left_ns, room.left, on_way)
        on_way -= 1
        source, target = room.source[gone], room.target[gone]
        hops_x, hops_y = distance(source, target, network)
        along(source, target, -1.0 / (hops_x + hops_y + 2), network, room.load)
        gone_ns += room.length_ns[gone]
    return on_way, gone_ns


@compiled
def begin(network: Network, fired: Any, updated: Any, room: Room) -> None:
    """An empty mesh, and the first message of each core in the heap."""
    room.load[:] = 0.0
    room.free_ns[:] = 0.0
    for core in range(len(network.x)):
        room.neuron[core] = network.first[core] - 1
        room.route[core] = room.last_route[core] = 0
        spent = advance(core, network, fired, updated, room)
        push(room.due_ns, room.due_core, core, spent, core)


@compiled
def step(network: Network, fired: Any, updated: Any, room: Room) -> tuple[float, int]:
    """Time from the step's begin to the end of its last work, and the core that ends last.

    Args:
        fired, updated: [neuron].
    """
    begin(network, fired, updated, room)
    waiting, on_way, sent = len(network.x), 0, 0
    on_way_ns, end, slowest = 0.0, 0.0, 0
    while waiting:
        now, core = room.due_ns[0], room.due_core[0]
        drop(room.due_ns, room.due_core, waiting)
        waiting -= 1
        route = room.route[core]
        if route == _DONE:
            if now > end:
                end, slowest = now, core
            continue
        on_way, gone_ns = leave(now, on_way, network, room)
        on_way_ns -= gone_ns
        target, length = network.to[route], network.receive_ns[route]
        hops_x, hops_y = distance(core, target, network)
        links = hops_x + hops_y + 1
        load = along(core, target, 1.0 / (links + 1), network, room.load)
        mean = on_way_ns / on_way if on_way else 0.0
        travel = max(hops_x * network.hop_x_ns + hops_y * network.hop_y_ns, load * mean / links)
        sends = now + max(0.0, load - network.buffer * links) * mean
        taken = max(sends + travel, room.free_ns[target])
        room.free_ns[target] = taken + length
        if taken + length > end:
            end, slowest = taken + length, target
        room.source[sent], room.target[sent], room.length_ns[sent] = core, target, length
        push(room.left_ns, room.left, on_way, taken, sent)
        on_way, sent, on_way_ns = on_way + 1, sent + 1, on_way_ns + length
        spent = advance(core, network, fired, updated, room)
        push(room.due_ns, room.due_core, waiting, sends + spent, core)
        waiting += 1
    return end, slowest


@compiled
def steps(
    network: Network, fired: Any, updated: Any, room: Room, end_ns: Any, slowest: Any
) -> None:
    """``step`` for each of [step, neuron], into [step]."""
    for number in range(len(fired)):
        end_ns[number], slowest[number] = step(network, fired[number], updated[number], room)
