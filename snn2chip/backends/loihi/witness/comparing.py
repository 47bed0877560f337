"""What Lava recorded against what we computed, population by population, at every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.modes import CHIP, Mode
from snn2chip.backends.loihi.witness.running import SPIKES, Recordings, in_samples
from snn2chip.core import Program, ProgramPopulation, Trace
from snn2chip.engine import RunOptions, simulate
from snn2chip.errors import InputFileError
from snn2chip.graph.operators import Array
from snn2chip.witness import Compared

NET, PROGRAM = "network.net", "program"


@dataclass(frozen=True)
class Difference:
    """The first value that differs: by step, then sample, then neuron.

    Attributes:
        state: ``spikes``, ``u``, ``v``, ...
        step: Lava's, which counts from 1.
        neuron: its place in the population's shape.
    """

    state: str
    sample: int
    step: int
    neuron: tuple[int, ...]
    lava: int
    ours: int

    def __str__(self) -> str:
        return (
            f"{self.state} at step {self.step}, sample {self.sample}, neuron {list(self.neuron)}: "
            f"Lava {self.lava}, ours {self.ours}"
        )


def compare_net(
    program: Program, given: Array, recordings: Recordings, against: str = NET
) -> tuple[Compared, ...]:
    """Lava against our own run of the same file.

    Args:
        program: of ``read_net``, with the resets that Lava had.
        given: [step, sample, *shape], as Lava got it; samples may follow each other in one.
    """
    trace = _trace(program, given, "lava")
    names = [p.name for p in program.populations if not p.is_input]
    samples = next(iter(recordings.layers[names[-1]].values())).shape[0]
    steps = slice(0, given.shape[0] * given.shape[1] // samples)
    found = []
    for name in names:
        states = {key: in_samples(x, samples) for key, x in _states(trace, name).items()}
        found.append(_compared(name, name, against, recordings, states, steps, steps))
    return tuple(found)


def compare_program(
    program: Program,
    layers: Mapping[str, int],
    latency: Mapping[str, int],
    given: Array,
    recordings: Recordings,
) -> tuple[Compared, ...]:
    """Lava against the compiled program that the file was written from, in its windows.

    Args:
        layers: index of the layer that holds a population, by the population's name.
        latency: Lava's steps before the first graph step of each of these populations.
        given: [step, sample, *shape] of the window's steps.

    Raises:
        InputFileError: ``layers`` names no layer that Lava ran, or no population.
    """
    mode: Mode = "chip" if program.arithmetic == CHIP else "lava"
    trace = _trace(program, given, mode)
    names = [p.name for p in program.populations if not p.is_input]
    wrong = [name for name in layers if name not in {p.name for p in program.populations}]
    unknown = [n for n in names if n in layers and f"layer{layers[n]}" not in recordings.layers]
    if wrong or unknown or not any(name in layers for name in names):
        raise InputFileError(
            "layers of network.net: " + ", ".join([*wrong, *unknown] or ["none"]),
            needs="populations of the program with the layers that hold them",
            has="populations " + ", ".join(names) + "; layers " + ", ".join(recordings.layers),
            remedy="compile the network again",
        )
    found = []
    for p in (p for p in program.populations if not p.is_input and p.name in layers):
        layer = f"layer{layers[p.name]}"
        states = _states(trace, p.name)
        if not p.spiking:  # its output is v; the chip's threshold is out of its reach
            states.pop(SPIKES, None)
        theirs, ours = (slice(k, k + len(given)) for k in (latency[p.name], p.latency))
        shaped = _shaped(recordings, layer, p)
        found.append(_compared(p.name, layer, PROGRAM, shaped, states, theirs, ours))
    return tuple(found)


def _shaped(recordings: Recordings, layer: str, population: ProgramPopulation) -> Recordings:
    """The recordings with a layer in the shape of the population that it holds.

    A file has rows of neurons where a matrix leads to an image, and images of one row of lines.

    Raises:
        InputFileError: it holds another number of neurons.
    """
    states = recordings.layers[layer]
    sizes = {prod(array.shape[2:]) for array in states.values()}
    if sizes != {population.size}:
        raise InputFileError(
            f"{layer} of network.net: {', '.join(map(str, sorted(sizes)))} neurons",
            needs=f"the {population.size} of population {population.name!r}",
            remedy="compile the network again",
        )
    shaped = {k: a.reshape(*a.shape[:2], *population.shape) for k, a in states.items()}
    return replace(recordings, layers={**recordings.layers, layer: shaped})


def _trace(program: Program, given: Array, mode: Mode) -> Trace:
    options = RunOptions(trace=True, trace_state=True)
    (source,) = program.inputs
    _, trace = simulate(program, {source.name: given}, LoihiArithmetic(mode), options)
    assert trace is not None
    return trace


def _states(trace: Trace, population: str) -> dict[str, NDArray[np.generic]]:
    """Spikes and states of a population, [sample, chip step, *shape]."""
    prefix = f"{population}."
    found = {SPIKES: trace.arrays[population]} if population in trace.arrays else {}
    return found | {
        key.removeprefix(prefix): values
        for key, values in trace.arrays.items()
        if key.startswith(prefix) and "." not in key.removeprefix(prefix)
    }


def _compared(
    population: str,
    layer: str,
    against: str,
    recordings: Recordings,
    ours: Mapping[str, NDArray[np.generic]],
    theirs: slice,
    mine: slice,
) -> Compared:
    """The steps of one population, by index, in Lava's recordings and in ours."""
    lava = recordings.layers.get(layer, {})
    shared = [state for state in ours if state in lava]
    pairs = {state: (lava[state][:, theirs], ours[state][:, mine]) for state in shared}
    wrong = {state: a != b for state, (a, b) in pairs.items()}
    spikes = int(np.count_nonzero(pairs[SPIKES][0])) if SPIKES in pairs else 0
    return Compared(
        population=population,
        layer=layer,
        against=against,
        states=tuple(shared),
        missing=tuple(state for state in ours if state not in lava),
        values=sum(array.size for array, _ in pairs.values()),
        spikes=spikes,
        mismatches=sum(int(np.count_nonzero(flags)) for flags in wrong.values()),
        first=min(
            _first(pairs, wrong, theirs.start), key=lambda d: (d.step, d.sample), default=None
        ),
    )


def _first(
    pairs: Mapping[str, tuple[NDArray[np.int64], NDArray[np.generic]]],
    wrong: Mapping[str, NDArray[np.bool_]],
    start: int,
) -> Iterator[Difference]:
    """The first difference of each state."""
    for state, flags in wrong.items():
        if flags.any():
            step, sample, *neuron = map(int, np.argwhere(np.moveaxis(flags, 1, 0))[0])
            theirs, mine = (int(array[(sample, step, *neuron)]) for array in pairs[state])
            yield Difference(state, sample, start + step + 1, tuple(neuron), theirs, mine)
