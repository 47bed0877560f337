"""What no mapping can do better than: lower bounds, to print beside what a mapping does.

A spike that reaches D neurons needs at least ceil(D / neurons per core) packets, and one where it
reaches any. The busiest core does at least an equal share of all work, with as few packets, and at
least the work of the neuron that has most. The bounds ignore synaptic memory and axons, and that
neurons with different inputs cannot all sit together, so that they may be far below what is
possible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Mapping, Program
from snn2chip.graph.linear import fan_out
from snn2chip.mapping.objective import Goal
from snn2chip.mapping.partition.estimate import Estimator
from snn2chip.mapping.use import least_cores
from snn2chip.targets.types import Target


@dataclass(frozen=True, slots=True)
class Bounds:
    """Least packets, cores, and time of the busiest core in ns over a run."""

    packets: float
    cores: int
    busiest_ns: float


def bounds(program: Program, target: Target, mapping: Mapping, goal: Goal) -> Bounds:
    """Lower bounds for one program in one run.

    Args:
        mapping: any mapping of the program; the time bound is for as many cores as it takes.
    """
    estimator, work = Estimator(program, goal), goal.work
    least = {p.name: _least_packets(program, target, p.name) for p in program.populations}
    packets = sum(float(goal.traffic.spikes[name] @ each) for name, each in least.items())
    receiving = [estimator.event_work(p.name) for p in program.populations]
    sending = [estimator.own_work(p.name, least[p.name]) for p in program.populations]
    received = sum(float(each.sum()) for each in receiving) + work.packet_in * packets
    sent = sum(float(each.sum()) for each in sending)
    total = received + sent if work.serial else max(received, sent)
    alone = max(float(each.max(initial=0.0)) for each in (*receiving, *sending))
    return Bounds(
        packets=packets,
        cores=least_cores(program, target),
        busiest_ns=max(total / mapping.cores_used, alone),
    )


def _least_packets(program: Program, target: Target, name: str) -> NDArray[np.float64]:
    """Fewest destination cores of each neuron of a population, [neuron]."""
    reached: dict[str, NDArray[np.int64]] = {}
    for projection in program.outgoing(name):
        number = fan_out(projection.operator).reshape(-1)
        known = reached.get(projection.target, number)
        reached[projection.target] = np.maximum(known, number)
    size = program.population(name).size
    total = sum(reached.values(), np.zeros(size, np.int64))
    most = target.limit("neurons_per_core")
    if most is None:
        return (total > 0).astype(np.float64)
    return np.ceil(total / most)
