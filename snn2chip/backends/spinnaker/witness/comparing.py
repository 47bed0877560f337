"""What cores recorded against what we computed, population by population, in its window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.driven import constant_currents, require_static
from snn2chip.backends.spinnaker.arithmetic import SpinnakerArithmetic
from snn2chip.backends.spinnaker.emit.unrolled import firmware_network, spikes_of_sources
from snn2chip.backends.spinnaker.witness import FirmwareRecordings, run_firmware
from snn2chip.core import Program, ProgramPopulation, Trace
from snn2chip.engine import RunOptions, simulate
from snn2chip.errors import WitnessError
from snn2chip.graph.operators import Array
from snn2chip.witness import Compared, Engine

_SPIKES, _MEMBRANE = "spikes", "v"
_PROGRAM = "program"


@dataclass(frozen=True)
class Difference:
    """The first value that differs: by step, then sample, then neuron.

    Attributes:
        step: of the population's window, from 0.
        neuron: its place in the population's shape.
    """

    state: str
    sample: int
    step: int
    neuron: tuple[int, ...]
    firmware: int
    ours: int

    def __str__(self) -> str:
        return (
            f"{self.state} at step {self.step}, sample {self.sample}, neuron {list(self.neuron)}: "
            f"firmware {self.firmware}, ours {self.ours}"
        )


def compare_firmware(
    engine: Engine, program: Program, given: Mapping[str, Array], limit_s: float
) -> tuple[tuple[Compared, ...], FirmwareRecordings]:
    """The program on emulated cores and here: every spike and every membrane.

    Args:
        given: spikes of the inputs [step, sample, *shape].

    Raises:
        WitnessError: sPyNNaker or the firmware failed, or sPyNNaker shifts ring buffers otherwise.
    """
    steps = len(next(iter(given.values())))
    if program.hosted:
        theirs = _sample_by_sample(engine, program, given, limit_s)
    else:
        network = firmware_network(program, steps)
        sources = spikes_of_sources(program, network, {k: x != 0 for k, x in given.items()})
        theirs = run_firmware(engine, network, sources, limit_s)
    options = RunOptions(trace=True, trace_state=True)
    _, trace = simulate(program, given, SpinnakerArithmetic(), options)
    assert trace is not None
    rows = tuple(_compared(p, steps, trace, theirs) for p in program.populations if not p.is_input)
    return rows, theirs


def _sample_by_sample(
    engine: Engine, program: Program, given: Mapping[str, Array], limit_s: float
) -> FirmwareRecordings:
    """Samples whose values are loaded as currents: each is a network of its own."""
    require_static(program, given)
    currents = constant_currents(program, {name: x[0] for name, x in given.items()})
    found = []
    for k in range(next(iter(given.values())).shape[1]):
        one = {name: x[:, k : k + 1] != 0 for name, x in given.items()}
        network = firmware_network(
            program, len(next(iter(one.values()))), {name: c[k] for name, c in currents.items()}
        )
        sources = spikes_of_sources(program, network, one)
        found.append(run_firmware(engine, network, sources, limit_s))
    return replace(
        found[0],
        v={name: np.concatenate([each.v[name] for each in found]) for name in found[0].v},
        fired={n: np.concatenate([each.fired[n] for each in found]) for n in found[0].fired},
        seconds=tuple(s for each in found for s in each.seconds),
    )


def _compared(
    population: ProgramPopulation, steps: int, trace: Trace, theirs: FirmwareRecordings
) -> Compared:
    name, window = population.name, slice(population.latency, population.latency + steps)
    wanted = tuple(int(population.parameters[f"shift_{r}"]) for r in ("e", "i"))
    if theirs.shifts[name] != wanted:
        raise WitnessError(
            f"population {name!r}: sPyNNaker shifts its ring buffers by {theirs.shifts[name]}",
            needs=f"{wanted}, by which the program's words were made",
        )
    samples = len(theirs.v[name])
    ours_v = _flat(trace, f"{name}.{_MEMBRANE}", samples)[:, window]
    # A core records before its update, and the engine behind it.
    pairs = {_MEMBRANE: (theirs.v[name][:, window][:, 1:], ours_v[:, :-1])}
    if population.spiking:
        fired = _flat(trace, name, samples)[:, window]
        pairs[_SPIKES] = theirs.fired[name][:, window].astype(np.int64), fired
    wrong = {state: a != b for state, (a, b) in pairs.items()}
    return Compared(
        population=name,
        layer=name,
        against=_PROGRAM,
        states=tuple(reversed(pairs)),
        missing=(),
        values=sum(a.size for a, _ in pairs.values()),
        spikes=int(pairs[_SPIKES][0].sum()) if _SPIKES in pairs else 0,
        mismatches=sum(int(np.count_nonzero(flags)) for flags in wrong.values()),
        first=min(_first(population, pairs, wrong), key=lambda d: (d.step, d.sample), default=None),
    )


def _flat(trace: Trace, name: str, samples: int) -> NDArray[np.int64]:
    """[sample, chip step, neuron] of what was traced."""
    values = trace.arrays[name]
    return values.reshape(samples, values.shape[1], -1).astype(np.int64)


def _first(
    population: ProgramPopulation,
    pairs: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]],
    wrong: Mapping[str, NDArray[np.bool_]],
) -> Iterator[Difference]:
    for state, flags in wrong.items():
        if flags.any():
            step, sample, flat = map(int, np.argwhere(np.moveaxis(flags, 1, 0))[0])
            place = tuple(map(int, np.unravel_index(flat, population.shape)))
            theirs, ours = (int(values[sample, step, flat]) for values in pairs[state])
            yield Difference(state, sample, step, place, theirs, ours)
