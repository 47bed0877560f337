"""The arithmetic of SpiNNaker 1's firmware for the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.driven import MODEL, HostedSums
from snn2chip.backends.spinnaker import neurons
from snn2chip.backends.spinnaker.products import receptor_product
from snn2chip.core import ProgramPopulation, ProgramProjection
from snn2chip.engine.arithmetic import Product, Scan, State
from snn2chip.graph.operators import Array, Operator

NAME = "spinnaker1"


class SpinnakerArithmetic:
    """Bit for bit what the binaries of sPyNNaker 1!7.4.1 compute."""

    name = NAME
    exact = True

    def product(self, projection: ProgramProjection, operator: Operator) -> Product:
        """Sums of both receptors in one number, or constant currents out of values."""
        if projection.model == MODEL:
            return HostedSums(projection)
        return receptor_product(projection.name, operator)

    def initial(self, population: ProgramPopulation, samples: int) -> State:
        """As the host sets it."""
        return neurons.initial(population, samples)

    def spike_dtype(self, population: ProgramPopulation) -> np.dtype[Any]:
        """A spike or none."""
        return np.dtype(bool)

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
        """The firmware's update, step by step."""
        return neurons.scan(population, state, current, arrived, record)
