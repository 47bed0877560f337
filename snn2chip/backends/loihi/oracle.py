"""Loihi's integers in the plainest form: Python numbers, one synapse after another, in chip time.

Slow and obvious on purpose. It shares with the engine only the types: convolutions are unrolled
from their definition, every synapse waits its own chip delay, and each population begins at its
latency. The engine must equal it bit for bit.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program, ProgramProjection, chip_delay
from snn2chip.graph.operators import Conv, Dense

_LIMIT = 2**23
GRADED = ("graded", "writes")
"""Synapses that multiply what is sent."""


class Run(NamedTuple):
    """Recordings of one sample, by population: [chip step, flat neuron]."""

    spikes: dict[str, NDArray[np.int64]]
    u: dict[str, NDArray[np.int64]]
    v: dict[str, NDArray[np.int64]]
    updated: dict[str, NDArray[np.int64]]


class Synapse(NamedTuple):
    """One weight from a flat source neuron to a flat target neuron, with its chip delay."""

    source: int
    target: int
    weight: int
    delay: int


def synapse_list(program: Program, projection: ProgramProjection) -> list[Synapse]:
    """Every synapse of a projection."""
    operator = projection.operator
    delay = chip_delay(program, projection)

    def delay_of(source: int, target: int) -> int:
        match projection.delay.axis:
            case "all":
                return int(delay)
            case "source":
                return int(delay.reshape(-1)[source])
            case "target":
                return int(delay.reshape(-1)[target])
            case _:
                return int(delay[target, source])

    if isinstance(operator, Conv):
        entries = _conv_entries(operator)
    elif isinstance(operator, Dense):
        rows, columns = operator.weight.shape
        entries = [(s, t, int(operator.weight[t, s])) for t in range(rows) for s in range(columns)]
    else:
        entries = [(n, n, int(w)) for n, w in enumerate(operator.scale.reshape(-1))]
    return [Synapse(s, t, w, delay_of(s, t)) for s, t, w in entries]


def _conv_entries(operator: Conv) -> list[tuple[int, int, int]]:
    """(flat source, flat target, weight) of every tap that lies inside the image."""
    weight = operator.weight
    out_per_group = weight.shape[0] // operator.groups
    entries = []
    for target in product(*(range(n) for n in operator.target_shape)):
        group = target[0] // out_per_group
        for tap in product(*(range(n) for n in weight.shape[1:])):
            channel = group * weight.shape[1] + tap[0]
            position = [
                t * stride + k * dilation - before
                for t, k, stride, dilation, (before, _) in zip(
                    target[1:],
                    tap[1:],
                    operator.stride,
                    operator.dilation,
                    operator.padding,
                    strict=True,
                )
            ]
            if all(0 <= x < n for x, n in zip(position, operator.source_shape[1:], strict=True)):
                source = int(np.ravel_multi_index((channel, *position), operator.source_shape))
                flat_target = int(np.ravel_multi_index(target, operator.target_shape))
                entries.append((source, flat_target, int(weight[(target[0], *tap)])))
    return entries


def run_sample(program: Program, spikes: dict[str, NDArray[np.bool_]], steps: int) -> Run:
    """Runs one sample.

    Args:
        spikes: per input population, [step, *shape], at least one step.
        steps: chip steps to run.
    """
    synapses = {id(p): synapse_list(program, p) for p in program.projections}
    names = {p.name: p for p in program.populations}
    zeros = {n: np.zeros((steps, p.size), np.int64) for n, p in names.items()}
    run = Run(*({n: a.copy() for n, a in zeros.items()} for _ in range(4)))
    for t in range(steps):
        for name, population in names.items():
            if population.is_input:
                given = spikes[name]
                run.spikes[name][t] = given[t].reshape(-1) if t < len(given) else 0
            elif t >= population.latency:
                for n in range(population.size):
                    _neuron_step(program, run, name, n, t, synapses)
    return run


def _neuron_step(
    program: Program, run: Run, name: str, n: int, t: int, synapses: dict[int, list[Synapse]]
) -> None:
    """One neuron, one step; spikes of earlier chip steps only."""
    population = program.population(name)
    total, events = 0, 0
    for projection in program.incoming(name):
        by_delay: dict[int, int] = defaultdict(int)
        for synapse in synapses[id(projection)]:
            if synapse.target != n or t < synapse.delay:
                continue
            sent = int(run.spikes[projection.source][t - synapse.delay][synapse.source])
            if sent:
                payload = sent if projection.model in GRADED else 1
                by_delay[synapse.delay] += synapse.weight * payload
                events += 1
        for value in by_delay.values():
            total += _shifted(projection, value)
    p = {
        key: int(np.broadcast_to(value, population.shape).reshape(-1)[n])
        for key, value in population.parameters.items()
    }
    first = t == population.latency
    u, v = (0, p["v0"]) if first else (int(run.u[name][t - 1][n]), int(run.v[name][t - 1][n]))
    if population.model == "cuba_driven":
        (writes,) = program.incoming(name)
        written = run.spikes[writes.source][: t + 1, n].sum()
        total, bias = 0, _shift(p["bias_mant"] + int(written), p["bias_exp"])
    else:
        bias = _shift(p["bias_mant"], p["bias_exp"])
    memory = bool((np.asarray(population.parameters["du"]) != 4095).any())
    busy = v != 0 or (memory and u != 0)
    u = _int32(_toward_zero(u * (4096 - (p["du"] + 1)))) + (total << 6)
    u = _int32(u)
    if u > _LIMIT:
        u -= 2**24
    if u <= -_LIMIT:
        u += 2**24
    v = _toward_zero(v * (4096 - p["dv"])) + u + bias
    v = max(-(_LIMIT - 1), min(_LIMIT - 1, _int32(v)))
    fired = v > (p["vth"] << 6)
    if fired:
        v = 0
    run.u[name][t][n], run.v[name][t][n] = u, v
    run.spikes[name][t][n] = int(fired and population.spiking)
    run.updated[name][t][n] = int(busy or events > 0 or bias != 0 or fired)


def _shift(value: int, exponent: int) -> int:
    return value << exponent if exponent > 0 else value >> -exponent


def _shifted(projection: ProgramProjection, value: int) -> int:
    if projection.model == "writes":
        return value
    shifted = _shift(value, int(projection.parameters["exponent"]))
    return (shifted + _LIMIT) % 2**24 - _LIMIT if isinstance(projection.operator, Conv) else shifted


def _toward_zero(x: int) -> int:
    return x >> 12 if x >= 0 else -(-x >> 12)


def _int32(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31
