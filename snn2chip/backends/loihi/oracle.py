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

from snn2chip.backends.loihi.modes import CHIP, LAVA
from snn2chip.backends.loihi.oracle_neurons import STEPS, bias_of, int32, reset, shift, start
from snn2chip.core import Program, ProgramPopulation, ProgramProjection, chip_delay
from snn2chip.graph.operators import Conv, Dense, Sparse

_LIMIT = 2**23
GRADED = ("graded", "writes")
"""Synapses that multiply what is sent."""


class Run(NamedTuple):
    """Recordings of one sample, by population: [chip step, flat neuron].

    Attributes:
        states: by the state's name, then by population, of the populations that have it.
    """

    spikes: dict[str, NDArray[np.int64]]
    updated: dict[str, NDArray[np.int64]]
    states: dict[str, dict[str, NDArray[np.int64]]]

    @property
    def u(self) -> dict[str, NDArray[np.int64]]:
        """Currents of CUBA neurons."""
        return self.states["u"]

    @property
    def v(self) -> dict[str, NDArray[np.int64]]:
        """Membranes of CUBA neurons."""
        return self.states["v"]


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
    elif isinstance(operator, Sparse):
        ends = operator.sources.tolist(), operator.targets.tolist()
        entries = list(zip(*ends, operator.weight.tolist(), strict=True))
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
    sizes = {p.name: (steps, p.size) for p in program.populations}
    run = Run(
        {name: np.zeros(size, np.int64) for name, size in sizes.items()},
        {name: np.zeros(size, np.int64) for name, size in sizes.items()},
        defaultdict(dict),
    )
    for population in program.populations:
        if population.is_input:
            given = spikes[population.name][:steps]
            run.spikes[population.name][: len(given)] = given.reshape(len(given), -1)
    neurons = [
        _Neuron(population, n, program.arithmetic == CHIP)
        for population in program.populations
        if not population.is_input
        for n in range(population.size)
    ]
    for t in range(steps):
        for neuron in neurons:
            if t >= neuron.population.latency:
                neuron.step(program, run, t, synapses)
    return run


class _Neuron:
    """One neuron: its parameters and its state."""

    def __init__(self, population: ProgramPopulation, n: int, chip: bool) -> None:
        self.population, self.n = population, n
        self.p = {
            key: int(np.broadcast_to(value, population.shape).reshape(-1)[n])
            for key, value in population.parameters.items()
        }
        self.p["chip"] = int(chip)
        self.model = population.model.replace("_driven", "")
        self.driven = self.model != population.model
        self.written, self.bias = 0, self.p.get("bias_mant", 0)
        self.state = start(self.model, self.p)

    def step(self, program: Program, run: Run, t: int, synapses: dict[int, list[Synapse]]) -> None:
        """One step, from spikes of earlier chip steps only (and what is written from outside)."""
        name, n = self.population.name, self.n
        real, imaginary, events = _arriving(program, run, name, n, t, synapses)
        if self.driven:
            self.written += real
            if "bias_mant" in self.p:
                self.p["bias_mant"], real = self.bias + self.written, 0
            else:
                real = self.written
        reset(self.p, self.state, t + 1)
        busy = any(value != 0 for key, value in self.state.items() if self._remembers(key))
        sent = STEPS[self.model](self.p, self.state, (real, imaginary), t + 1)
        for key, value in self.state.items():
            recorded = run.states[key].setdefault(name, np.zeros_like(run.spikes[name]))
            recorded[t][n] = value
        run.spikes[name][t][n] = sent if self.population.spiking else 0
        run.updated[name][t][n] = int(busy or events > 0 or self._bias() != 0 or sent != 0)

    def _remembers(self, key: str) -> bool:
        """Whether a state is kept; u is none where no neuron of the population keeps it."""
        return key != "u" or bool((np.asarray(self.population.parameters["du"]) != 4095).any())

    def _bias(self) -> int:
        return bias_of(self.p) if "bias_mant" in self.p else self.p.get("bias", 0)


def _arriving(
    program: Program, run: Run, name: str, n: int, t: int, synapses: dict[int, list[Synapse]]
) -> tuple[int, int, int]:
    """What arrives at one neuron: real sum, imaginary sum, synaptic events."""
    total, events = [0, 0], 0
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
            total["imaginary" in projection.parameters] += _shifted(program, projection, value)
    return total[0], total[1], events


def _shifted(program: Program, projection: ProgramProjection, value: int) -> int:
    if projection.model == "writes":
        return value
    delayed = projection.delay.axis != "all" or projection.delay.largest > 1
    held = int32(value) if projection.model == "graded" and not delayed else value
    exponent = int(projection.parameters["exponent"])
    if not isinstance(projection.operator, Conv):
        return shift(held, exponent)
    # Lava's convolutions know no exponent.
    shifted = held if program.arithmetic == LAVA else shift(held, exponent)
    return (shifted + _LIMIT) % 2**24 - _LIMIT
