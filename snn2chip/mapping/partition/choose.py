"""Partitions of a whole program for an objective.

Packets into a population depend on how that population is cut and on nothing else, so each is cut
for itself. Time is shared out: the busiest population is given another core as long as the network
stays within its budget, and small parts move together where they stay faster than the busiest, or
as busy as keeps the budget.

Unless it is given, the budget is what sequential filling takes, or a fifth more than the fewest
cores that were found, whichever is more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program
from snn2chip.mapping.objective import Plan
from snn2chip.mapping.partition.estimate import Estimator
from snn2chip.mapping.partition.fill import Parts
from snn2chip.mapping.partition.needs import needs_of
from snn2chip.mapping.partition.sequential import number_of_parts, routes_of, sequential
from snn2chip.mapping.partition.shapes import Shaped, Shapes
from snn2chip.mapping.partition.share import share
from snn2chip.targets.types import Target

Assignment = dict[str, NDArray[np.int32]]

_SHARE_OF_BUDGET = 1.2
_ROUNDS = 8
_TRIES = 4
"""Numbers of parts that are tried on one budget of cores."""


class Chooser:
    """Cuts of the populations of one program on one target."""

    def __init__(self, program: Program, target: Target, estimator: Estimator, plan: Plan) -> None:
        self._program, self._target, self._estimator = program, target, estimator
        self._populations = [p for p in program.populations if not program.on_host(p.name)]
        self._plan = plan
        self._sequential = sequential(program, target)
        self._needs = {p.name: needs_of(program, target, p, None, True) for p in self._populations}
        self.fewest = cores_of(self.fewest_cores())

    @property
    def size(self) -> int:
        """Neurons, inputs included."""
        return sum(p.size for p in self._populations)

    @property
    def room(self) -> int | None:
        """Cores of all chips, None where there is no limit."""
        return room_of(self._target, self._plan)

    @property
    def budget(self) -> int:
        """Most cores that a partition for time takes."""
        wanted = self._plan.cores
        if wanted is None:
            fifth = int(self.fewest * _SHARE_OF_BUDGET)
            wanted = max(number_of_parts(self._sequential), fifth)
        if self.room is not None:
            wanted = min(wanted, self.room)
        return max(wanted, self.fewest)

    def in_order(self) -> Assignment:
        """The sequential fill, a core for each part."""
        return self._assigned(self._sequential, together=False)

    def fewest_cores(self) -> Assignment:
        """The sequential fill with parts that share cores."""
        return self._assigned(self._sequential)

    def fewest_packets(self, share_of_plain: float = _SHARE_OF_BUDGET) -> Assignment:
        """Pieces that the fewest packets reach, small ones on shared cores.

        Args:
            share_of_plain: most parts of a population, over what the fill in order takes.
        """
        shaped = {}
        for p in self._populations:
            shapes = self._shapes(p.name)
            most = int(shapes.plain.cores * share_of_plain)
            shaped[p.name] = shapes.fewest_packets(most)
        return self._assigned(self._settled(shaped))

    def fastest(self, budget: int) -> Iterator[Assignment]:
        """Pieces of equal work on at most so many cores, in ever more parts that share them."""
        shapes = {p.name: self._shapes(p.name) for p in self._populations}
        extra = 0
        for _ in range(_TRIES):
            shaped = self._grown(shapes, budget + extra)
            partition = self._settled(shaped)
            found = self._together(partition, shaped, budget)
            if cores_of(found) > budget:
                return
            yield found
            spare = number_of_parts(partition) - cores_of(found)
            if number_of_parts(partition) < budget + extra:
                return
            extra = max(spare, extra + max(1, budget // 4))

    def _grown(self, shapes: Mapping[str, Shapes], budget: int) -> dict[str, Shaped]:
        """Cuts with ever more parts for the busiest population."""
        shaped = {name: each.fastest(each.plain.cores) for name, each in shapes.items()}
        self._set_degrees(shapes, shaped)
        shaped = {name: each.fastest(each.plain.cores) for name, each in shapes.items()}
        stuck: set[str] = set()
        spent = {name: each.plain.cores for name, each in shapes.items()}
        while sum(spent.values()) < budget and len(stuck) < len(shapes):
            open_ = [name for name in shapes if name not in stuck]
            name = max(open_, key=lambda name: shaped[name].busiest)
            if shaped[name].busiest < max(each.busiest for each in shaped.values()):
                break
            left = budget - sum(spent.values())
            for step in sorted({max(1, left // 8), min(2, left), min(4, left)}):
                better = shapes[name].fastest(spent[name] + step)
                if better.busiest < shaped[name].busiest:
                    shaped[name] = better
                    spent[name] = max(better.cores, spent[name])
                    break
            else:
                stuck.add(name)
        return shaped

    def _set_degrees(self, shapes: Mapping[str, Shapes], shaped: Mapping[str, Shaped]) -> None:
        """Destination cores of each neuron under the cuts so far."""
        degrees = {name: np.zeros(each.population.size) for name, each in shapes.items()}
        for name, each in shaped.items():
            for source, found in self._estimator.reached(name, each.parts).items():
                degrees[source] += found.degrees
        for name, cuts in shapes.items():
            cuts.degrees = degrees[name]

    def _together(
        self, partition: Mapping[str, Parts], shaped: Mapping[str, Shaped], budget: int
    ) -> Assignment:
        """Parts on shared cores where no core becomes busier than the busiest.

        Where that takes more cores than the budget, cores become as busy as it needs.
        """
        busiest = max(each.busiest for each in shaped.values())
        loads = {
            name: each.loads
            if each.loads.size == int(partition[name].max(initial=-1)) + 1
            else np.full(int(partition[name].max(initial=-1)) + 1, busiest)
            for name, each in shaped.items()
        }
        return self._assigned(partition, loads, busiest, budget)

    def _shapes(self, name: str) -> Shapes:
        population = self._program.population(name)
        return Shapes(self._program, population, self._needs[name], self._estimator, self._plan)

    def _settled(self, shaped: Mapping[str, Shaped]) -> dict[str, Parts]:
        """Parts whose outgoing routes keep their limit too: cut again until nothing changes."""
        partition = {name: each.parts for name, each in shaped.items()}
        if self._target.limit("axons_out_per_core") is None:
            return partition
        for _ in range(_ROUNDS + len(shaped)):
            routes = routes_of(self._program, partition)
            again = {
                p.name: shaped[p.name].cut.parts(
                    needs_of(self._program, self._target, p, routes.get(p.name))
                )
                for p in self._populations
            }
            settled = all(
                again[name].max(initial=-1) <= partition[name].max(initial=-1) for name in again
            )
            partition = again
            if settled:
                break
        return partition

    def _assigned(
        self,
        partition: Mapping[str, Parts],
        loads: Mapping[str, NDArray[np.float64]] | None = None,
        most_load: float = np.inf,
        most_cores: int | None = None,
        together: bool = True,
    ) -> Assignment:
        """Cores of neurons; parts share them where limits and loads allow."""
        if not together:
            first, apart = 0, {}
            for name, parts in partition.items():
                apart[name] = parts + np.int32(first)
                first += int(parts.max(initial=-1)) + 1
            return {**_nowhere(self._program), **apart}
        limits = loads, most_load, most_cores
        return shared(self._program, self._target, partition, *limits, self._plan.groups)


def shared(
    program: Program,
    target: Target,
    partition: Mapping[str, Parts],
    loads: Mapping[str, NDArray[np.float64]] | None = None,
    most_load: float = np.inf,
    most_cores: int | None = None,
    groups: Sequence[Sequence[str]] = (),
) -> Assignment:
    """Parts on shared cores, as ``share.share`` has it, under all limits of the target."""
    if target.limit("populations_per_core") == 1:
        groups = [[name] for name in partition]
    of = {name: number for number, names in enumerate(groups, start=1) for name in names}
    routes = routes_of(program, partition)
    here = {name: parts for name, parts in partition.items() if not program.on_host(name)}
    needs = {
        name: needs_of(program, target, program.population(name), routes.get(name)) for name in here
    }
    return {**_nowhere(program), **share(here, needs, loads, most_load, most_cores, of)}


def _nowhere(program: Program) -> Assignment:
    """No cores for inputs that stay on the host."""
    none = np.zeros(0, np.int32)
    return {p.name: none for p in program.populations if program.on_host(p.name)}


def room_of(target: Target, plan: Plan) -> int | None:
    """Cores of all chips that the plan allows, None where there is no limit."""
    cores = target.limit("cores")
    return None if cores is None else cores * plan.chips


def cores_of(assignment: Mapping[str, NDArray[np.int32]]) -> int:
    """Cores that an assignment takes; they are numbered without gaps."""
    return max(int(cores.max(initial=-1)) for cores in assignment.values()) + 1
