"""What no weight moves: the floor by steps and encoding gain, known before any training.

Input spikes follow from the data, the number of steps and the gain; idle neurons from the steps. So
settings whose floor leaves nothing of a budget need not be trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from snn2chip.distill.energy.expense import PJ_PER_NJ
from snn2chip.distill.energy.mapped import (
    MEASURED,
    Prices,
    Run,
    encoded,
    mapped,
    spread_evenly,
)
from snn2chip.distill.energy.updates import updated
from snn2chip.distill.recipe import Recipe
from snn2chip.distill.training.fit import new_student
from snn2chip.graph import Readout

Values = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Setting:
    """One encoding, with the energy per inference that is there without any spike of a neuron.

    Attributes:
        inputs_nj: of input spikes; they follow steps and gain.
        neurons_nj: of idle and updated neurons; they follow the steps.
    """

    steps: int
    gain: float
    inputs_nj: float
    neurons_nj: float

    @property
    def floor_nj(self) -> float:
        """Of both."""
        return self.inputs_nj + self.neurons_nj

    def of(self, recipe: Recipe) -> Recipe:
        """The recipe with this encoding."""
        encoding = replace(recipe.encoding, steps=self.steps, gain=self.gain)
        return replace(recipe, encoding=encoding)


def settings(
    recipe: Recipe,
    x: Values,
    y: NDArray[np.int64],
    prices: Prices,
    steps: Sequence[int],
    gains: Sequence[float],
) -> tuple[Setting, ...]:
    """Every encoding of a grid with its floor, the cheapest first.

    Args:
        x, y: training samples: values [sample, *input_shape] and classes; some are taken.

    Raises:
        ConfigError: no such target or table, or one without prices.
    """
    student = new_student(recipe, x, y)
    readout, some = (
        Readout(recipe.student.readout),
        np.asarray(x[spread_evenly(len(x), MEASURED)], np.float64),
    )
    found = []
    for count, gain in product(steps, gains):
        encoding = replace(recipe.encoding.to_graph(), steps=count, gain=gain)
        run = Run(recipe.encoding.dt, encoding, readout, tuple(x.shape[1:]))
        graph = run.graph(student)
        costs = mapped(graph, prices, some).costs
        name = graph.inputs[0].name
        sent = encoded(graph, some)[name] != 0
        flags = {p.name: np.zeros((*sent.shape[:2], *p.shape), bool) for p in graph.populations}
        flags[name] = sent
        rules = updated(run.graph(student, 1.0))
        updates = sum(rules[n].count(flags, n) * pj for n, pj in costs.update_pj.items() if pj)
        inputs = float((sent.sum((0, 1)) * costs.spike_pj[name]).sum())
        each = len(some) * PJ_PER_NJ
        idle = count * costs.constant_pj / PJ_PER_NJ
        found.append(Setting(count, gain, inputs / each, idle + updates / each))
    return tuple(sorted(found, key=lambda s: (s.floor_nj, s.steps, s.gain)))


def within(found: Sequence[Setting], budget_nj: float, share: float = 0.9) -> Iterator[Setting]:
    """Settings whose floor takes at most a share of a budget, the dearest first.

    A dearer floor is more steps or more input spikes, and so as a rule more accuracy.
    """
    return (s for s in reversed(found) if s.floor_nj <= share * budget_nj)
