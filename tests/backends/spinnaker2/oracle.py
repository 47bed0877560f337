"""The neurons of py-spinnaker2, one at a time, step by step, in float32 scalars."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import ProgramPopulation

F = np.float32


def run_neuron(
    p: ProgramPopulation, index: int, sums: list[int], warm_up: int
) -> tuple[list[bool], list[Any]]:
    """Spikes and membranes of a neuron over the sums of weights that arrive in each step.

    Args:
        warm_up: chip steps before the first of them, in which nothing arrives.
    """

    def value(name: str) -> Any:
        return F(np.broadcast_to(p.parameters[name], p.shape).reshape(-1)[index])

    filtered = "decay" in p.parameters
    v, i = value("v_init"), F(0.0)
    fired, seen = [], []
    for step, given in enumerate([0] * warm_up + sums):
        drive = F(given)
        if filtered:
            drive = i = F(F(value("decay") * i) + drive)
        v = F(F(F(value("alpha") * v) + value("i_offset")) + drive)
        fires = bool(p.spiking and v > value("threshold"))
        if fires:
            v = F(v - value("threshold")) if p.parameters["subtracts"] else F(0.0)
        if step >= warm_up:
            fired.append(fires)
            seen.append(v)
    return fired, seen


def run_dense(
    p: ProgramPopulation, weight: NDArray[np.int64], spikes: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """A population behind one matrix, on spikes [step, source]: both [step, neuron]."""
    fired, seen = [], []
    for neuron in range(p.size):
        sums = [
            sum(int(weight[neuron, k]) for k in range(spikes.shape[1]) if step[k])
            for step in spikes
        ]
        own = run_neuron(p, neuron, sums, p.latency)
        fired.append(own[0])
        seen.append(own[1])
    return np.array(fired).T, np.array(seen, np.float32).T
