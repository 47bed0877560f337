"""``cuba_driven``: CUBA neurons whose bias is written from outside.

What arrives is added to bias_mant at once, and a_in is 0; all else is ``cuba``. So netx (lava-dl
0.6.0) feeds an input layer that has neurons.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.integers import scaled_bias
from snn2chip.backends.loihi.neurons import cuba
from snn2chip.backends.loihi.neurons.base import NeuronModel, parameter, spread
from snn2chip.core import ProgramPopulation
from snn2chip.engine.arithmetic import Scan, State
from snn2chip.graph.operators import Array

DRIVEN = "cuba_driven"


def initial(population: ProgramPopulation, samples: int) -> State:
    """As ``cuba``, and the bias of each sample."""
    return {
        **cuba.initial(population, samples),
        "bias_mant": spread(population, "bias_mant", samples),
    }


def scan(
    population: ProgramPopulation,
    state: State,
    current: Array,
    arrived: NDArray[np.bool_],
    record: bool,
) -> Scan:
    """``cuba`` with biases that change from step to step."""
    mantissa = state["bias_mant"] + np.cumsum(current, axis=0, dtype=np.int64)
    biases = scaled_bias(mantissa, parameter(population, "bias_exp"))
    drive = cuba.Drive(np.zeros(current.shape, np.int64), biases, cuba.peak_of(current))
    result = cuba.integrate(population, state, drive, arrived, record)
    return replace(result, state={**result.state, "bias_mant": mantissa[-1]})


MODEL = NeuronModel(DRIVEN, cuba.PARAMETERS, initial, scan)
