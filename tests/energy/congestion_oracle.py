"""Congestion, slow and obvious: every message is an object, what is on its way is a list.

Equations: ``snn2chip.energy.congestion``. Here cores, routes and times are found neuron by neuron
from explicit synapses, and the loads of links by looking at every message that is on its way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from snn2chip.core import Activity, Mapping, Program
from snn2chip.targets import CostTable
from tests.energy.oracle import core_of, synapse_list

Link = tuple[object, ...]


@dataclass
class Message:
    links: list[Link]
    length: float
    taken: float

    @property
    def weight(self) -> float:
        return 1.0 / (len(self.links) + 1)


def links(mapping: Mapping, source: int, target: int) -> list[Link]:
    """The core's own link, then along x, then along y."""
    here, there = mapping.places[source], mapping.places[target]
    x, y, to_x, to_y = here.x, here.y, there.x, there.y
    found: list[Link] = [("core", source)]
    while (x, y) != (to_x, to_y):
        step = (x + (1 if to_x > x else -1), y) if x != to_x else (x, y + (1 if to_y > y else -1))
        found.append(((x, y), step))
        x, y = step
    return found


@dataclass
class Due:
    """What a core does next; ordered by time alone, so that equal times follow the heap."""

    now: float
    core: int
    to: int
    length: float

    def __lt__(self, other: Due) -> bool:
        return self.now < other.now


class Simulation:
    """A run on a mapping, at the prices of a table."""

    def __init__(
        self, program: Program, activity: Activity, mapping: Mapping, table: CostTable
    ) -> None:
        self.program, self.activity, self.mapping, self.table = program, activity, mapping, table
        self.lists = {id(p): synapse_list(p.operator) for p in program.projections}

    def price(self, name: str) -> float:
        return self.table.value(name) or 0.0

    def routes(self, name: str, neuron: int) -> list[tuple[int, float]]:
        """(core, time to take the message in) of one neuron, in ascending order."""
        found: dict[int, float] = {}
        for projection in self.program.outgoing(name):
            kind = type(projection.operator).__name__.lower()
            ns = self.price("t_synop_" + kind.replace("identity", "sparse"))
            for source, target in self.lists[id(projection)]:
                if source == neuron:
                    core = core_of(self.mapping, projection.target, target)
                    found[core] = found.get(core, self.price("t_packet_in")) + ns
        return sorted(found.items())

    def messages(self, core: int, step: int, sample: int) -> Iterator[tuple[float, int, float]]:
        """(time since the last one, core, length) of what a core sends; at last (time, -1, 0)."""
        spent = 0.0
        for p in self.program.populations:
            t = step - p.latency
            inside = 0 <= t < self.activity.steps
            rasters = self.activity.populations[p.name]
            fired = rasters.spikes.unpack().reshape(*rasters.spikes.bits.shape[:2], -1)
            updated = rasters.updated.unpack().reshape(fired.shape)
            for neuron in range(p.size):
                if core_of(self.mapping, p.name, neuron) != core:
                    continue
                fires = inside and bool(fired[t, sample, neuron])
                if not p.is_input:
                    spent += self.price("t_neuron_access")
                    if inside and updated[t, sample, neuron]:
                        spent += self.price("t_neuron_update_extra")
                    if fires:
                        spent += self.price("t_spike_out_extra")
                for to, length in self.routes(p.name, neuron) if fires else ():
                    yield spent + self.price("t_packet_out"), to, length
                    spent = 0.0
        yield spent, -1, 0.0

    def step(self, step: int, sample: int) -> float:
        """Time until everything of a step is done."""
        sending = {core: self.messages(core, step, sample) for core in sorted(self.mapping.places)}
        due: list[Due] = []
        for core, queue in sending.items():
            now, to, length = next(queue)
            heappush(due, Due(now, core, to, length))
        on_way: list[Message] = []
        free: dict[int, float] = {}
        end = 0.0
        while due:
            first = heappop(due)
            if first.to < 0:
                end = max(end, first.now)
                continue
            on_way = [message for message in on_way if message.taken > first.now]
            sent, message = self.send(first, on_way, free.get(first.to, 0.0))
            free[first.to] = message.taken + message.length
            end = max(end, free[first.to])
            on_way.append(message)
            spent, to, length = next(sending[first.core])
            heappush(due, Due(sent + spent, first.core, to, length))
        return end

    def send(self, due: Due, on_way: list[Message], free: float) -> tuple[float, Message]:
        """When a message leaves, and the message."""
        path = links(self.mapping, due.core, due.to)
        load = sum(m.weight for m in on_way for link in path if link in m.links)
        mean = sum(m.length for m in on_way) / len(on_way) if on_way else 0.0
        here, there = self.mapping.places[due.core], self.mapping.places[due.to]
        quick = abs(here.x - there.x) * self.price("t_hop_ew")
        quick += abs(here.y - there.y) * self.price("t_hop_ns")
        sent = due.now + max(0.0, load - self.price("link_buffer") * len(path)) * mean
        arrives = sent + max(quick, load * mean / len(path))
        return sent, Message(path, due.length, max(arrives, free))
