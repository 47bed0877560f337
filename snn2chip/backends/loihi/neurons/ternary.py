"""``ternary``: CUBA neurons with two thresholds, whose spikes are +1 and -1.

u and v as in ``cuba``; then::

    s = +1 where v > (vth_hi << 6), -1 where v < (vth_lo << 6), else 0 ;  v = 0 where s != 0

Source: Lava 0.10.0, ``TernaryLIF`` in ``lava.proc.lif``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.integers import INPUT_SHIFT
from snn2chip.backends.loihi.neurons import cuba
from snn2chip.backends.loihi.neurons.base import NeuronModel, parameter
from snn2chip.core import ProgramPopulation
from snn2chip.engine.arithmetic import Scan, State
from snn2chip.graph.operators import Array

PARAMETERS = (cuba.PARAMETERS - {"vth"}) | {"vth_hi", "vth_lo"}


def scan(
    population: ProgramPopulation,
    state: State,
    current: Array,
    arrived: NDArray[np.bool_],
    record: bool,
) -> Scan:
    """The recurrence of ``cuba`` with the two thresholds."""
    high = parameter(population, "vth_hi") << INPUT_SHIFT
    low = parameter(population, "vth_lo") << INPUT_SHIFT

    def fire(v: NDArray[np.int64]) -> NDArray[np.int64]:
        return (v > high).astype(np.int64) - (v < low)

    drive = cuba.Drive.of(population, current)
    return cuba.integrate(population, state, drive, arrived, record, fire)


MODEL = NeuronModel("ternary", PARAMETERS, cuba.initial, scan, graded=True)
