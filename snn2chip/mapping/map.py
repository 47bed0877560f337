"""From a program to a mapping: candidates for the objective, placed, judged, the best one kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Mapping as CoreMapping
from snn2chip.core import Program
from snn2chip.errors import counted
from snn2chip.mapping.objective import Goal, Plan
from snn2chip.mapping.partition.choose import Assignment, Chooser, cores_of, room_of, shared
from snn2chip.mapping.partition.estimate import Estimator
from snn2chip.mapping.partition.hypergraph import installed, require
from snn2chip.mapping.partition.sequential import number_of_parts, numbered, sequential
from snn2chip.mapping.place import place_all
from snn2chip.mapping.placing.search import LARGEST, arrange
from snn2chip.mapping.reach import destinations
from snn2chip.mapping.use import least_cores
from snn2chip.targets.types import Target

IN_ORDER, SHARED = "the fill in order", "the fill in order on shared cores"
FEW_PACKETS, EQUAL_WORK = "few packets", "equal work"


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A mapping, how it was made, and what the objective makes of it.

    Attributes:
        value: cores beyond the chips first, then the objective's; smaller is better.
    """

    name: str
    mapping: CoreMapping
    value: tuple[float, ...]


def mapped(program: Program, target: Target, plan: Plan, goal: Goal) -> CoreMapping:
    """The best mapping that the plan allows; it may need more cores than there are."""
    if plan.objective is None and plan.partition in ("auto", "sequential"):
        return _plain(program, target, plan)
    if plan.partition == "hypergraph":
        require()
    estimator = Estimator(program, goal)
    chooser = Chooser(program, target, estimator, plan)

    def judged(name: str, assignment: Assignment) -> _Candidate:
        mapping = _arranged(assignment, program, target, plan, goal)
        return _Candidate(name, mapping, _value(mapping, plan, estimator, chooser.room))

    found = [judged(*candidate) for candidate in _candidates(chooser, plan)]
    if plan.objective == "energy" and plan.partition != "sequential" and goal.price is not None:
        found += _more_cores(chooser, plan, judged)
    best = min(found, key=lambda candidate: candidate.value)
    notes = [_note(plan, goal), _won(best, found, plan, goal)]
    if plan.objective == "latency" and plan.cores is None:
        notes += _said_budget(chooser)
    made = f"mapped for {plan.objective or 'packets'} ({best.name})"
    return replace(best.mapping, notes=tuple(notes), made=made)


def _plain(program: Program, target: Target, plan: Plan) -> CoreMapping:
    """The fill in order; on shared cores where only those are enough."""
    partition, room = sequential(program, target), room_of(target, plan)
    needed = number_of_parts(partition)
    if room is not None and needed > room and least_cores(program, target) <= room:
        together = shared(program, target, partition, groups=plan.groups)
        if cores_of(together) <= room:
            note = f"layers share cores: {IN_ORDER} would take {needed} cores, and there " + (
                f"are {room}" if room > 1 else "is 1"
            )
            return replace(placed(together, target, plan.chips), notes=(note,), made=SHARED)
    return placed(numbered(partition), target, plan.chips)


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


def _won(best: _Candidate, found: Sequence[_Candidate], plan: Plan, goal: Goal) -> str:
    """Which candidate was kept, and how much better it is than the fill in order."""
    match plan.objective:
        case "cores":
            unit = "cores"
        case "latency" | "energy" if goal.price is not None:
            unit = goal.unit
        case "latency":
            unit = "ns on the busiest core, estimated"
        case _:
            unit = "packets"

    def said(candidate: _Candidate) -> str:
        cores = counted(candidate.mapping.cores_used, "core")
        return cores if unit == "cores" else f"{candidate.value[1]:.4g} {unit} on {cores}"

    chosen = f"mapping kept of {len(found)}: {best.name}, {said(best)}"
    plain = next((each for each in found if each.name == IN_ORDER), None)
    others = [each for each in found if each is not best]
    if plain is None or not others:
        return chosen
    if best is plain:
        next_best = min(others, key=lambda candidate: candidate.value)
        return f"{chosen}; the best other, {next_best.name}, has {said(next_best)}"
    change = ""
    if 0 < plain.value[1] < np.inf and best.value[1] != plain.value[1]:
        change = f" ({100 * (best.value[1] / plain.value[1] - 1):+.3g} %)"
    return f"{chosen}, against {said(plain)} of {IN_ORDER}{change}"


def _said_budget(chooser: Chooser) -> Iterator[str]:
    """How many cores a mapping for latency could take, where there are more."""
    budget, room = chooser.budget, chooser.room
    more = 2 * budget if room is None else min(2 * budget, room)
    if more > budget:
        yield f"budget {counted(budget, 'core')}; --cores {more} may go lower"


def _candidates(chooser: Chooser, plan: Plan) -> Iterator[tuple[str, Assignment]]:
    """Partitions that may be the best for the objective; the plain fill is always one of them."""
    if plan.partition in ("auto", "sequential"):
        yield IN_ORDER, chooser.in_order()
        yield SHARED, chooser.fewest_cores()
    if plan.partition != "sequential":
        if plan.objective in (None, "packets", "energy"):
            yield FEW_PACKETS, chooser.fewest_packets()
        if plan.objective in ("latency", "energy"):
            for assignment in chooser.fastest(chooser.budget):
                yield EQUAL_WORK, assignment
        if plan.objective == "cores":
            yield FEW_PACKETS, chooser.fewest_packets(1.0)


def _more_cores(
    chooser: Chooser, plan: Plan, judged: Callable[[str, Assignment], _Candidate]
) -> list[_Candidate]:
    """Equal work on more cores: a shorter run takes less static energy.

    Cores double as long as that pays, up to all that there are; then two numbers around the best.
    """
    found: list[_Candidate] = []
    most = plan.cores or chooser.room or chooser.size
    tried = {chooser.budget}

    def value(cores: int) -> tuple[float, ...]:
        tried.add(cores)
        several = [judged(EQUAL_WORK, assignment) for assignment in chooser.fastest(cores)]
        found.extend(several)
        return min((candidate.value for candidate in several), default=(np.inf,))

    last: tuple[float, ...] = (np.inf,)
    best = cores = max(1, chooser.fewest)
    while cores <= most:
        now = value(cores)
        if now >= last:
            break
        best, last = cores, now
        cores = min(2 * cores, most) if cores < most else most + 1
    for near in (best * 7 // 10, best * 14 // 10):
        if chooser.fewest <= near <= most and near not in tried:
            value(near)
    return found


def placed(assignment: Assignment, target: Target, chips: int) -> CoreMapping:
    """Cores where the mesh has them."""
    used = np.unique(np.concatenate(list(assignment.values()))).tolist()
    places = place_all(used, target.mesh, target.limit("cores"), chips)
    return CoreMapping(target.name, assignment, places)


def _value(
    mapping: CoreMapping, plan: Plan, estimator: Estimator, room: int | None
) -> tuple[float, ...]:
    """Cores beyond the chips, what the objective makes of a mapping, then packets and cores."""
    packets, busiest = estimator.totals(mapping.assignment)
    cores = float(mapping.cores_used)
    over = 0.0 if room is None else max(0.0, cores - room)
    match plan.objective:
        case "cores":
            return over, cores, packets
        case "latency" | "energy":
            price = estimator.goal.price
            known = busiest if plan.objective == "latency" else packets
            return over, known if price is None else price(mapping), packets, cores
        case _:
            return over, packets, cores


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
