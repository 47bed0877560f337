"""Loihi's fixed-point arithmetic, as Lava's fixed-point models define it.

What a population computes is in ``neurons``, by ``ProgramPopulation.model``; what a projection
sums is in ``synapses``, by ``ProgramProjection.model``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi import fast
from snn2chip.backends.loihi.neurons import NEURON_MODELS, cuba
from snn2chip.backends.loihi.synapses import SYNAPSE_MODELS
from snn2chip.core import ProgramPopulation, ProgramProjection
from snn2chip.engine.arithmetic import Product, Scan, State
from snn2chip.graph.operators import Array, Operator


class LoihiArithmetic:
    """Bit-accurate neurons and synapses."""

    name = "loihi-chip"
    exact = True

    def product(self, projection: ProgramProjection, operator: Operator) -> Product:
        """Exact integer sums of the projection's model."""
        quick = fast.product(projection, operator)
        return quick or SYNAPSE_MODELS[projection.model].product(projection, operator)

    def initial(self, population: ProgramPopulation, samples: int) -> State:
        """The state that the population's model begins with."""
        return NEURON_MODELS[population.model].initial(population, samples)

    def spike_dtype(self, population: ProgramPopulation) -> np.dtype[Any]:
        """One spike or none, or whole numbers of a graded model."""
        return np.dtype(np.int32 if NEURON_MODELS[population.model].graded else bool)

    def known(self, population: ProgramPopulation, state: State) -> None:
        """What is sent in a step depends on what arrives in it."""

    def scan(
        self,
        population: ProgramPopulation,
        state: State,
        current: Array,
        arrived: NDArray[np.bool_],
        record: bool,
    ) -> Scan:
        """The recurrence of the population's model."""
        if population.model == cuba.MODEL.name:
            quick = fast.scan(population, state, current, arrived, record)
            if quick is not None:
                return quick
        scan = NEURON_MODELS[population.model].scan
        return scan(population, state, current, arrived, record)
