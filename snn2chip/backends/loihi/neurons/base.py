"""What a neuron model of Loihi offers to the arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.integers import whole
from snn2chip.core import ProgramPopulation
from snn2chip.engine.arithmetic import Scan, State
from snn2chip.graph.operators import Array

Initial: TypeAlias = Callable[[ProgramPopulation, int], State]
ScanFunction: TypeAlias = Callable[[ProgramPopulation, State, Array, NDArray[np.bool_], bool], Scan]


@dataclass(frozen=True, slots=True)
class NeuronModel:
    """One model, by the name that ``ProgramPopulation.model`` has.

    Attributes:
        parameters: names of its parameters; they broadcast to the population's shape.
        initial: state before the first step, from a population and a number of samples.
        scan: as ``Arithmetic.scan``.
        graded: it sends whole numbers, and not 0 or 1.
    """

    name: str
    parameters: frozenset[str]
    initial: Initial
    scan: ScanFunction
    graded: bool = False


def parameter(population: ProgramPopulation, name: str) -> NDArray[np.int64]:
    """One parameter in 64 bits."""
    return whole(population.parameters[name])


def spread(population: ProgramPopulation, name: str, samples: int) -> NDArray[np.int64]:
    """A parameter as a state of its own, [sample, *shape]."""
    shape = (samples, *population.shape)
    return np.broadcast_to(parameter(population, name), shape).copy()


def zeros(population: ProgramPopulation, samples: int) -> NDArray[np.int64]:
    """A state that begins at 0, [sample, *shape]."""
    return np.zeros((samples, *population.shape), np.int64)
