"""``cuba_reset``, ``cuba_driven_reset``: CUBA neurons whose state is cleared at fixed steps.

At Lava's step t = 1, 2, ..., before anything else::

    u = v = 0   where t mod reset_interval == reset_offset mod reset_interval

What waits in synapses, and a bias, stay. Source: Lava 0.10.0, ``LIFReset`` in ``lava.proc.lif``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.neurons import cuba, cuba_driven
from snn2chip.backends.loihi.neurons.base import NeuronModel, ScanFunction, parameter
from snn2chip.core import ProgramPopulation
from snn2chip.engine.arithmetic import Scan, State
from snn2chip.graph.operators import Array

PARAMETERS = cuba.PARAMETERS | {"reset_interval", "reset_offset"}
CLEARED = ("u", "v")
STEP = "step"


def resetting(model: NeuronModel) -> NeuronModel:
    """A model with resets: its own scan, from each reset to the next."""

    def initial(population: ProgramPopulation, samples: int) -> State:
        # The first step of a population is one later than its latency.
        steps = np.full(samples, population.latency + 1, np.int64)
        return {**model.initial(population, samples), STEP: steps}

    def scan(
        population: ProgramPopulation,
        state: State,
        current: Array,
        arrived: NDArray[np.bool_],
        record: bool,
    ) -> Scan:
        return scan_between(model.scan, population, state, current, arrived, record)

    return NeuronModel(f"{model.name}_reset", PARAMETERS, initial, scan)


def scan_between(
    scan: ScanFunction,
    population: ProgramPopulation,
    state: State,
    current: Array,
    arrived: NDArray[np.bool_],
    record: bool,
) -> Scan:
    """A model's ``scan`` from each reset to the next."""
    first = int(state[STEP][0])
    running = {name: values for name, values in state.items() if name != STEP}
    scans = []
    for rows, cleared in segments(population, first, len(current)):
        if cleared:
            running |= {name: np.zeros_like(running[name]) for name in CLEARED}
        scans.append(scan(population, running, current[rows], arrived[rows], record))
        running = dict(scans[-1].state)
    return _joined(scans, {**running, STEP: state[STEP] + len(current)})


def segments(
    population: ProgramPopulation, first: int, length: int
) -> Iterator[tuple[slice, bool]]:
    """Rows of a block from Lava's step ``first`` on, and whether they begin with a reset."""
    interval = int(parameter(population, "reset_interval"))
    offset = int(parameter(population, "reset_offset")) % interval
    start = 0
    while start < length:
        cleared = (first + start) % interval == offset
        ahead = (offset - first - start) % interval or interval
        yield slice(start, min(length, start + ahead)), cleared
        start += ahead


def _joined(scans: list[Scan], state: State) -> Scan:
    """One scan of several in a row."""
    return Scan(
        np.concatenate([s.output for s in scans]),
        np.concatenate([s.updated for s in scans]),
        state,
        {name: np.concatenate([s.records[name] for s in scans]) for name in scans[0].records},
        {name: sum(s.warnings[name] for s in scans) for name in scans[0].warnings},
        peak_v=max(s.peak_v for s in scans),
        peak_input=max(s.peak_input for s in scans),
    )


CUBA_RESET = "cuba_reset"

MODELS = (resetting(cuba.MODEL), resetting(cuba_driven.MODEL))
