"""What a mapping is to be good at, and what is known of the traffic it will carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Program
from snn2chip.core import Mapping as CoreMapping

OBJECTIVES = ("packets", "latency", "cores", "energy")
PARTITIONS = ("auto", "sequential", "tiles", "hypergraph")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a network is mapped.

    Attributes:
        objective: one of ``OBJECTIVES``; None fills cores in order, as other tools do.
        partition: one of ``PARTITIONS``; ``auto`` tries them and keeps the best.
        chips: that the network may take.
        cores: most that a partition of equal work takes. None: for latency a fifth more than the
            fewest, or what the fill in order takes; for energy all that there are.
        seed: of every random choice.
        groups: populations that share no core with those of another group, nor with the rest.
    """

    objective: str | None = None
    partition: str = "auto"
    chips: int = 1
    cores: int | None = None
    seed: int = 0
    groups: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class Traffic:
    """Totals of a run, by population.

    Attributes:
        spikes, updates: float64 [size] each; without a run every neuron fires once and is updated
            once.
        visits: times that each neuron is visited.
        measured: of a run.
    """

    spikes: Mapping[str, NDArray[np.float64]]
    updates: Mapping[str, NDArray[np.float64]]
    visits: float
    measured: bool

    @classmethod
    def of(cls, program: Program, activity: Activity | None) -> Traffic:
        """The totals of a run, or one spike of every neuron where there is none."""
        if activity is None:
            ones = {p.name: np.ones(p.size) for p in program.populations}
            return cls(ones, ones, 1.0, False)
        runs = activity.populations
        return cls(
            {p.name: _totals(runs[p.name].spikes.per_neuron()) for p in program.populations},
            {
                p.name: np.zeros(p.size)
                if p.is_input
                else _totals(runs[p.name].updated.per_neuron())
                for p in program.populations
            },
            float((activity.steps + program.max_latency) * activity.samples),
            True,
        )


@dataclass(frozen=True, slots=True)
class Work:
    """Time that a core takes for each event, in ns; 0 where nothing is known.

    Attributes:
        synop: by kind of operator (``dense``, ``conv``, ``identity``, ``sparse``).
        serial: sending and receiving follow each other instead of overlapping.
    """

    visit: float = 0.0
    update: float = 0.0
    spike: float = 0.0
    packet_out: float = 0.0
    packet_in: float = 0.0
    synop: Mapping[str, float] = field(default_factory=dict)
    serial: bool = False


@dataclass(frozen=True, eq=False)
class Goal:
    """An objective with what is needed to judge by it.

    Attributes:
        work: of the target's cost table.
        price: the objective's true value of a mapping, smaller is better; None where it is not
            known, and then the totals of ``traffic`` decide.
        unit: of the price.
    """

    traffic: Traffic
    work: Work = field(default_factory=Work)
    price: Callable[[CoreMapping], float] | None = None
    unit: str = ""


def _totals(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return counts.reshape(-1).astype(np.float64)
