"""The best pieces of one population: orders of its neurons, cut, and judged by what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program, ProgramPopulation
from snn2chip.graph.operators import Conv, Shape
from snn2chip.mapping.objective import Plan
from snn2chip.mapping.partition.estimate import Estimator
from snn2chip.mapping.partition.fill import Parts, fill
from snn2chip.mapping.partition.hypergraph import installed, pieces
from snn2chip.mapping.partition.needs import Need, Neurons
from snn2chip.mapping.partition.strips import orders

Floats = NDArray[np.float64]

_LARGEST = 1 << 18
"""Neurons of a population beyond which only its own order is tried."""

_COMPACT = 4
"""Orders that are tried for time."""

_SLACK = 1.04
"""Steps in which the work of a part grows until so many parts are enough."""


@dataclass(frozen=True, eq=False)
class Cut:
    """An order and how it is cut.

    Attributes:
        works, most, pieces: as ``fill`` takes them.
    """

    order: Neurons
    works: tuple[Floats, ...] = ()
    most: float = np.inf
    pieces: Parts | None = None

    def parts(self, needs: Sequence[Need]) -> Parts:
        """The parts that it gives."""
        return fill(self.order, needs, self.works, self.most, self.pieces)


@dataclass(frozen=True, eq=False)
class Shaped:
    """One way to cut a population, and what it costs.

    Attributes:
        packets: that it receives.
        loads: time of each part in ns, the larger of receiving and sending, [part].
    """

    cut: Cut
    parts: Parts
    packets: float
    loads: Floats

    @property
    def cores(self) -> int:
        return int(self.loads.size)

    @property
    def busiest(self) -> float:
        return float(self.loads.max(initial=0.0))


class Shapes:
    """Ways to cut one population."""

    def __init__(
        self,
        program: Program,
        population: ProgramPopulation,
        needs: Sequence[Need],
        estimator: Estimator,
        plan: Plan,
    ) -> None:
        self.population, self._needs, self._estimator = population, needs, estimator
        self._program, self._plan = program, plan
        tiles = plan.partition in ("auto", "tiles")
        self._shape = _image(program, population) if tiles else (population.size,)
        self.degrees: Floats | float = 1.0

    @cached_property
    def _orders(self) -> list[Neurons]:
        if self.population.size > _LARGEST:
            return [np.arange(self.population.size)]
        return list(orders(self._shape))

    @cached_property
    def _compact(self) -> list[Neurons]:
        """Orders whose full cores are reached by the fewest packets, and the neurons' own."""
        others = self._orders[1:]
        packets = [self._shaped(Cut(order)).packets for order in others]
        best = np.argsort(packets, kind="stable")[:_COMPACT]
        return [self._orders[0], *(others[k] for k in best.tolist())]

    @cached_property
    def plain(self) -> Shaped:
        """The sequential fill."""
        return self._shaped(Cut(np.arange(self.population.size)))

    def fewest_packets(self, most: int) -> Shaped:
        """The cut with the fewest packets into at most so many parts, then the fewest parts."""
        found = [self.plain]
        for order in self._orders:
            full = self._shaped(Cut(order))
            found += [full, self._shaped(self._even(order, full.cores))]
        found += [self._shaped(cut) for cut in self._pieces(most)]
        allowed = [shaped for shaped in found if shaped.cores <= most] or [self.plain]
        return min(allowed, key=lambda shaped: (shaped.packets, shaped.cores))

    def _pieces(self, most: int) -> Iterator[Cut]:
        """Parts of the hypergraph: as many as the fill in order takes, or a few more.

        They are equal in size, so that none is left small enough to share a core.
        """
        auto = self._plan.partition == "auto" and self._plan.objective != "cores"
        wanted = self._plan.partition == "hypergraph" or (auto and installed())
        if not wanted or self.population.size > _LARGEST:
            return
        spikes = self._estimator.goal.traffic.spikes
        for parts in sorted({self.plain.cores, most}):
            found = pieces(
                self._program, self.population, self._needs, spikes, parts, self._plan.seed
            )
            if found is not None:
                yield Cut(np.argsort(found, kind="stable"), pieces=found)

    def fastest(self, most: int) -> Shaped:
        """The cut into at most so many parts whose busiest part is the fastest."""
        found = [self.plain]
        for order in self._compact:
            found += [self._shaped(cut) for cut in self._balanced(order, most)]
        allowed = [shaped for shaped in found if shaped.cores <= most] or [self.plain]
        return min(allowed, key=lambda shaped: (shaped.busiest, shaped.packets))

    def _even(self, order: Neurons, parts: int) -> Cut:
        """Parts of as equal a number of neurons as so many allow."""
        ones = np.ones(order.size)
        return Cut(order, (ones,), float(-(-order.size // parts)))

    def _balanced(self, order: Neurons, most: int) -> Iterator[Cut]:
        """Parts of equal work: of each kind at once, and of all kinds together."""
        name = self.population.name
        kinds = self._estimator.event_work(name), self._estimator.own_work(name, self.degrees)
        yield self._even(order, most)
        for works in ((kinds[0] + kinds[1],), kinds):
            limit = max(float(work.sum()) / most for work in works)
            if limit <= 0.0:
                continue
            for _ in range(60):
                cut = Cut(order, works, limit)
                if int(cut.parts(self._needs).max(initial=-1)) < most:
                    yield cut
                    break
                limit *= _SLACK

    def _shaped(self, cut: Cut) -> Shaped:
        name, parts = self.population.name, cut.parts(self._needs)
        arriving = self._estimator.arriving(name, parts)
        receiving = self._estimator.receiving(name, parts, arriving)
        own = self._estimator.own_work(name, self.degrees)
        sending = np.bincount(parts, own, arriving.size)
        serial = self._estimator.goal.work.serial
        loads = receiving + sending if serial else np.maximum(receiving, sending)
        return Shaped(cut, parts, float(arriving.sum()), loads)


def _image(program: Program, population: ProgramPopulation) -> Shape:
    """(channels, *space), as the convolution into it has it; else its own shape."""
    for projection in program.incoming(population.name):
        if isinstance(projection.operator, Conv):
            return projection.operator.target_shape
    return population.shape
