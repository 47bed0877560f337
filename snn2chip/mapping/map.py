"""From a program to a mapping: candidates for the objective, placed, judged, the best one kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Mapping as CoreMapping
from snn2chip.core import Program
from snn2chip.mapping.objective import Goal, Plan
from snn2chip.mapping.partition.choose import Assignment, Chooser
from snn2chip.mapping.partition.estimate import Estimator
from snn2chip.mapping.partition.hypergraph import installed, require
from snn2chip.mapping.partition.sequential import numbered, sequential
from snn2chip.mapping.place import place_all
from snn2chip.mapping.placing.search import LARGEST, arrange
from snn2chip.mapping.reach import destinations
from snn2chip.targets.types import Target


def mapped(program: Program, target: Target, plan: Plan, goal: Goal) -> CoreMapping:
    """The best mapping that the plan allows; it may need more cores than there are."""
    if plan.objective is None and plan.partition in ("auto", "sequential"):
        return placed(numbered(sequential(program, target)), target, plan.chips)
    if plan.partition == "hypergraph":
        require()
    best = _best(program, target, plan, goal)
    return replace(best, notes=(_note(plan, goal),))


def _note(plan: Plan, goal: Goal) -> str:
    """What the mapping was made for, and from."""
    known = (
        "spikes of this run"
        if goal.traffic.measured
        else "one spike of every neuron, as there was no run"
    )
    partition = plan.partition
    if partition == "auto":
        partition += ", with Mt-KaHyPar" if installed() else ", without Mt-KaHyPar"
    wanted = "" if plan.objective is None else f" for {plan.objective}"
    return f"mapped{wanted}: partition {partition}, seed {plan.seed}; traffic: {known}"


def _best(program: Program, target: Target, plan: Plan, goal: Goal) -> CoreMapping:
    estimator = Estimator(program, goal)
    candidates = [
        _arranged(assignment, program, target, plan, goal)
        for assignment in _candidates(Chooser(program, target, estimator, plan), plan)
    ]
    return min(candidates, key=lambda mapping: _value(mapping, plan, estimator))


def placed(assignment: Assignment, target: Target, chips: int) -> CoreMapping:
    """Cores where the mesh has them."""
    used = np.unique(np.concatenate(list(assignment.values()))).tolist()
    places = place_all(used, target.mesh, target.limit("cores"), chips)
    return CoreMapping(target.name, assignment, places)


def _candidates(chooser: Chooser, plan: Plan) -> Iterator[Assignment]:
    """Partitions that may be the best for the objective; the plain fill is always one of them."""
    if plan.partition in ("auto", "sequential"):
        if plan.objective != "cores":
            yield chooser.in_order()
        if plan.objective != "latency":
            yield chooser.fewest_cores()
    if plan.partition != "sequential":
        if plan.objective in (None, "packets", "energy"):
            yield chooser.fewest_packets()
        if plan.objective in ("latency", "energy"):
            yield chooser.fastest()
        if plan.objective == "cores":
            yield chooser.fewest_packets(1.0)


def _value(mapping: CoreMapping, plan: Plan, estimator: Estimator) -> tuple[float, ...]:
    """What the objective makes of a mapping, then packets and cores; smaller is better."""
    packets, busiest = estimator.totals(mapping.assignment)
    cores = float(mapping.cores_used)
    match plan.objective:
        case "cores":
            return cores, packets
        case "latency" | "energy":
            price = estimator.goal.price
            known = busiest if plan.objective == "latency" else packets
            return known if price is None else price(mapping), packets, cores
        case _:
            return packets, cores


def _arranged(
    assignment: Assignment, program: Program, target: Target, plan: Plan, goal: Goal
) -> CoreMapping:
    """Cores renumbered so that their packets travel less."""
    mapping = placed(assignment, target, plan.chips)
    if plan.objective is None or target.mesh.cores_per_tile == 0:
        return mapping
    slots = np.array([place[1:3] for place in mapping.places.values()], np.int64)
    if len(slots) > LARGEST:
        return mapping
    order = arrange(_packets(program, mapping, goal.traffic.spikes), slots, plan.seed)
    moved = {name: order[cores].astype(np.int32) for name, cores in assignment.items()}
    return CoreMapping(target.name, moved, mapping.places)


def _packets(
    program: Program, mapping: CoreMapping, spikes: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Packets from core to core, [core, core]; cores are numbered without gaps."""
    from scipy.sparse import coo_array

    found = np.zeros((mapping.cores_used, mapping.cores_used))
    for name, homes in mapping.assignment.items():
        reached = destinations(program, mapping, name)
        if reached is not None:
            shape = (mapping.cores_used, reached.synapses.shape[0])
            fired = coo_array((spikes[name], (homes, reached.row_of)), shape=shape).tocsr()
            found[:, reached.cores] += (fired @ (reached.synapses > 0).astype(np.float64)).toarray()
    return found
