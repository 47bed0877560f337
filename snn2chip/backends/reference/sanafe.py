"""The arithmetic of SANA-FE's ``leaky_integrate_fire`` soma, to check counts and costs against it.

Per step, with the sum of inputs I and the number of fraction bits f = 6::

    u = trunc(leak v 2^f) / 2^f      (not in the first step), truncation toward zero
    v = u + I ; fires if v > threshold (strict) ; v = 0 where it fires
    updated: |v| > 0 before the leak, or a spike arrived, or it fires

Weights, leak and threshold are rounded to float32; sums and membranes are float64.

A program of this arithmetic runs freely: every latency is 0 and every projection has a delay of
one step, so that its windows are plain chip steps. Source: SANA-FE 2.2.9, which is GPL-3.0: only
its described behaviour is used here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, PopulationActivity, Program, ProgramPopulation, Raster
from snn2chip.errors import UnsupportedError
from snn2chip.graph.linear import apply, arrivals
from snn2chip.graph.operators import weights_of, with_weights

FRACTION = 64.0

Flags = NDArray[np.bool_]


def run(program: Program, inputs: dict[str, Flags]) -> Activity:
    """Run a program of LIF populations (parameters ``threshold`` and ``leak``).

    Args:
        inputs: name -> spikes [step, sample, *shape].

    Raises:
        UnsupportedError: a latency other than 0, or a delay other than one step.
    """
    _check(program)
    program = _rounded(program)
    steps, samples = next(iter(inputs.values())).shape[:2]
    spikes = {p.name: np.zeros((steps, samples, *p.shape), bool) for p in program.populations}
    updated = {name: flags.copy() for name, flags in spikes.items()}
    state = {p.name: np.zeros((samples, *p.shape)) for p in program.populations}
    for t in range(steps):
        for population in program.populations:
            name = population.name
            if population.is_input:
                spikes[name][t] = updated[name][t] = inputs[name][t]
                continue
            current, arrived = _input(program, population, spikes, t)
            state[name], fired, busy = _step(population, state[name], current, first=t == 0)
            spikes[name][t], updated[name][t] = fired, busy | arrived | fired
    scores = spikes[program.outputs[0]].sum(axis=0, dtype=np.float64)
    populations = {
        p.name: PopulationActivity(
            Raster.pack(spikes[p.name], p.shape), Raster.pack(updated[p.name], p.shape)
        )
        for p in program.populations
    }
    return Activity("sanafe", steps, samples, populations, scores)


def _check(program: Program) -> None:
    late = [p.name for p in program.populations if p.latency]
    odd = [p.name for p in program.projections if p.delay.steps.ndim or int(p.delay.steps) != 1]
    if late or odd:
        raise UnsupportedError(
            f"program {program.name!r}: " + ", ".join(late + odd),
            needs="latency 0 and a delay of one step everywhere",
        )


def _rounded(program: Program) -> Program:
    """The same program with the numbers that SANA-FE keeps of it."""
    return replace(
        program,
        populations=tuple(
            replace(p, parameters={name: _single(value) for name, value in p.parameters.items()})
            for p in program.populations
        ),
        projections=tuple(
            replace(p, operator=with_weights(p.operator, _single(weights_of(p.operator))))
            for p in program.projections
        ),
    )


def _single(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(values, np.float32).astype(np.float64)


def _input(
    program: Program, population: ProgramPopulation, spikes: dict[str, Flags], t: int
) -> tuple[NDArray[Any], Flags]:
    """Sums [sample, *shape] of the spikes of the step before, and which neurons they reach."""
    samples = next(iter(spikes.values())).shape[1]
    current = np.zeros((samples, *population.shape))
    arrived = np.zeros(current.shape, bool)
    if t > 0:
        for projection in program.incoming(population.name):
            before = spikes[projection.source][t - 1]
            current = current + apply(projection.operator, before.astype(np.float64))
            arrived |= arrivals(projection.operator, before)
    return current, arrived


def _step(
    population: ProgramPopulation, v: NDArray[Any], current: NDArray[Any], first: bool
) -> tuple[NDArray[Any], Flags, Flags]:
    """New membrane, spikes, and whose membrane was not zero before."""
    busy = v != 0
    leaked = v if first else np.trunc(v * population.parameters["leak"] * FRACTION) / FRACTION
    integrated = leaked + current
    fired = integrated > population.parameters["threshold"]
    return np.where(fired, 0.0, integrated), fired, busy
