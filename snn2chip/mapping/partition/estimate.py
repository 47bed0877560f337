"""What cores do under a partition, from each neuron's totals.

With n_j spikes of source neuron j and r_cj = 1 where it has a synapse into part c::

    packets   sum_j n_j sum_c r_cj
    receiving t_packet_in sum_j n_j r_cj + sum of synaptic events in c times t_synop
    sending   sum over c's neurons of visits, updates, spikes, and t_packet_out times packets

These are the terms of the ``simple`` time model summed over a run: the busiest core of the sums,
not the sum of each step's busiest core.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Mapping as CoreMapping
from snn2chip.core import Program, ProgramProjection
from snn2chip.graph.linear import apply as through
from snn2chip.graph.linear import structure
from snn2chip.graph.operators import Conv, Dense, Identity, Operator
from snn2chip.mapping.objective import Goal
from snn2chip.mapping.reach import Reach, destinations, union
from snn2chip.mapping.reach import reach as reach_of

Floats = NDArray[np.float64]
Parts = NDArray[np.int32]


def kind_of(operator: Operator) -> str:
    """``dense``, ``conv``, ``identity`` or ``sparse``."""
    return type(operator).__name__.lower()


class Estimator:
    """Packets and work of partitions of one program in one run."""

    def __init__(self, program: Program, goal: Goal) -> None:
        self._program, self._goal = program, goal
        self._events = {p.name: self._work_of_events(p.name) for p in program.populations}

    @property
    def goal(self) -> Goal:
        """What is judged by."""
        return self._goal

    def event_work(self, name: str) -> Floats:
        """Time of the synaptic events that each neuron receives, in ns, [neuron]."""
        return self._events[name]

    def own_work(self, name: str, degrees: Floats | float) -> Floats:
        """Time of each neuron's visits, updates, spikes and packets, in ns, [neuron].

        Args:
            degrees: destination cores of each neuron.
        """
        work, traffic = self._goal.work, self._goal.traffic
        spikes = traffic.spikes[name]
        sent: Floats = work.packet_out * spikes * degrees
        if self._program.population(name).is_input:
            return sent
        visits = work.visit * traffic.visits
        return sent + visits + work.update * traffic.updates[name] + work.spike * spikes

    def arriving(self, name: str, parts: Parts) -> Floats:
        """Packets that arrive in each part of a population, [part]."""
        arrived = np.zeros(int(parts.max(initial=-1)) + 1)
        for source, found in self.reached(name, parts).items():
            spikes = np.bincount(
                found.row_of, self._goal.traffic.spikes[source], found.synapses.shape[0]
            )
            table = found.synapses
            rows = np.repeat(spikes, np.diff(table.indptr))
            arrived[found.cores] += np.bincount(table.indices, rows, found.cores.size)
        return arrived

    def reached(self, name: str, parts: Parts) -> Mapping[str, Reach]:
        """By source population, where its spikes go among the parts of a population."""
        found: defaultdict[str, list[Reach]] = defaultdict(list)
        for projection in self._program.incoming(name):
            found[projection.source].append(reach_of(projection.operator, parts))
        joined = {source: union(several) for source, several in found.items()}
        return {source: reach for source, reach in joined.items() if reach is not None}

    def receiving(self, name: str, parts: Parts, arriving: Floats) -> Floats:
        """Time that each part takes to receive, in ns, [part]."""
        events = np.bincount(parts, self._events[name], arriving.size)
        received: Floats = events + self._goal.work.packet_in * arriving
        return received

    def _work_of_events(self, name: str) -> Floats:
        total = np.zeros(self._program.population(name).size)
        for projection in self._program.incoming(name):
            price = self._goal.work.synop.get(kind_of(projection.operator), 0.0)
            if price:
                total += price * self._events_of(projection)
        return total

    def _events_of(self, projection: ProgramProjection) -> Floats:
        spikes, operator = self._goal.traffic.spikes[projection.source], projection.operator
        match operator:
            case Dense():
                return np.full(operator.weight.shape[0], spikes.sum())
            case Identity():
                return spikes
            case Conv():
                image = spikes.reshape(operator.source_shape)
                channels = operator.source_shape[0] // operator.groups
                summed = image.reshape(operator.groups, channels, *image.shape[1:]).sum(axis=1)
                one = Conv(
                    np.ones((operator.groups, 1, *operator.weight.shape[2:])),
                    summed.shape,
                    operator.stride,
                    operator.padding,
                    operator.dilation,
                    operator.groups,
                )
                per_group = operator.weight.shape[0] // operator.groups
                return through(one, summed).repeat(per_group, axis=0).reshape(-1)
            case _:
                events: Floats = through(structure(operator), spikes.reshape(operator.source_shape))
                return events.reshape(-1)

    def totals(self, assignment: Mapping[str, NDArray[np.int32]]) -> tuple[float, float]:
        """Packets, and the time of the busiest core in ns, of neurons on cores."""
        spikes, work = self._goal.traffic.spikes, self._goal.work
        size = max(int(cores.max(initial=0)) for cores in assignment.values()) + 1
        sending, receiving = np.zeros(size), np.zeros(size)
        packets = 0.0
        mapping = CoreMapping("", assignment, {})
        for name, homes in assignment.items():
            receiving += np.bincount(homes, self._events[name], size)
            found = destinations(self._program, mapping, name)
            degrees = 0.0 if found is None else found.degrees.astype(np.float64)
            sending += np.bincount(homes, self.own_work(name, degrees), size)
            if found is not None:
                fired = np.bincount(found.row_of, spikes[name], found.synapses.shape[0])
                each = np.repeat(fired, np.diff(found.synapses.indptr))
                arrived = np.bincount(found.synapses.indices, each, found.cores.size)
                receiving[found.cores] += work.packet_in * arrived
                packets += float(arrived.sum())
        busy = sending + receiving if work.serial else np.maximum(sending, receiving)
        return packets, float(busy.max(initial=0.0))
