"""SpiNNaker 1 here beside its emulated firmware: speed, and instructions per event.

    python -m benchmarks.firmware

Needs sPyNNaker's environment (`make spinnaker`); without it nothing is measured, which is said.

1. Samples of digits-mlp: seconds of the emulated steps (mapping and loading left out) over seconds
   here, per sample, medians of several runs. At least 1,000.
2. Random populations of both models with few and many neurons: least relative squares of the
   instructions of every step over the neurons of a core, the rows that it fetches, their synapses
   and its spikes, without recordings.
   One instruction counts as one cycle: no stall, no contention for memory. They are compared with
   the cycles of `targets/spinnaker1.toml`, and so are all instructions of digits-mlp.
Ends with 7 where something that must hold does not.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.limits import machine
from snn2chip.backends.spinnaker.arithmetic import SpinnakerArithmetic
from snn2chip.backends.spinnaker.emit.unrolled import firmware_network, spikes_of_sources
from snn2chip.backends.spinnaker.loaded import MODELS, Model
from snn2chip.backends.spinnaker.realise import realise
from snn2chip.backends.spinnaker.witness import (
    FirmwareNetwork,
    FirmwarePopulation,
    FirmwareProjection,
    found_engine,
    run_firmware,
)
from snn2chip.data import encode
from snn2chip.data.digits import load_digits_split
from snn2chip.engine import simulate
from snn2chip.pipeline import Options, open_network, run
from snn2chip.targets import load_target
from snn2chip.witness import Engine

MISSED = 7
LEAST_TIMES = 1000.0
TOLERANCE = 0.05
EMULATED, SIMULATED, RUNS, COUNTED = 4, 719, 5, 2
SIZES, STEPS, FAN = (2, 16, 64, 256), 40, 24
TERMS = ("core and step", "neuron", "row", "synaptic event", "spike")
KEYS = {"cycles_core_step": 1, "cycles_neuron": 1, "cycles_packet_in": 2, "cycles_synop": 1}
"""Of the cost table, and how many of a term they stand for: a packet fetches a row per receptor."""


@dataclass(frozen=True)
class Counts:
    """Instructions by term, and how far single steps lie from their sum."""

    model: Model
    terms: tuple[float, ...]
    worst: float
    steps: int


def speed(engine: Engine) -> float:
    """How many times as long a sample takes in the emulated firmware."""
    graph = open_network("digits-mlp", Options()).graph
    program = realise(graph)
    steps = graph.encoding.steps
    assert steps is not None
    images = load_digits_split().x_test.reshape(-1, *program.inputs[0].shape)[:SIMULATED]
    given = {program.inputs[0].name: encode(images, graph.encoding, steps)}
    few = {name: spikes[:, :EMULATED] for name, spikes in given.items()}
    network = firmware_network(program, steps)
    theirs = run_firmware(engine, network, spikes_of_sources(program, network, few))
    simulate(program, few, SpinnakerArithmetic())
    ours = []
    for _ in range(RUNS):
        started = time.perf_counter()
        simulate(program, given, SpinnakerArithmetic())
        ours.append((time.perf_counter() - started) / len(images))
    emulated, here = median(theirs.seconds), median(ours)
    print(f"digits-mlp, a sample of {steps} steps: {emulated:.3f} s in the emulated firmware")
    print(f"(median of {EMULATED}), {1e3 * here:.3f} ms here (of {len(images)}, {RUNS} runs)")
    return emulated / here


def population(model: Model, neurons: int, seed: int) -> tuple[FirmwareNetwork, NDArray[np.bool_]]:
    """One population behind sources that fire at all rates, and their spikes [1, step, source]."""
    rng = np.random.default_rng(seed)
    one = np.ones(neurons)
    parameters = {
        "tau_m": 20 * one,
        "cm": one,
        "v_rest": -65 * one,
        "v_reset": -65 * one,
        "v_thresh": rng.uniform(-62.0, -50.0, neurons),
        "tau_refrac": one,
        "i_offset": 0 * one,
    }
    if model == "IF_curr_exp":
        parameters |= {"tau_syn_E": 5 * one, "tau_syn_I": 5 * one}
    sources = 60
    fan = min(FAN, neurons)
    # Rows of all lengths, up to the fan.
    lengths = rng.integers(1, fan + 1, sources)
    pre = np.repeat(np.arange(sources), lengths)
    post = np.concatenate([rng.permutation(neurons)[:length] for length in lengths])
    weights = rng.uniform(0.1, 1.5, len(pre))
    network = FirmwareNetwork(
        (
            FirmwarePopulation("in", sources),
            FirmwarePopulation("neurons", neurons, model, parameters, -65 * one),
        ),
        (FirmwareProjection("in", "neurons", "excitatory", pre, post, weights, np.ones_like(pre)),),
        STEPS,
    )
    rates = rng.random((1, STEPS, 1)) ** 3
    return network, rng.random((1, STEPS, sources)) < rates


def instructions(engine: Engine, model: Model) -> Counts:
    """Least squares over the steps of populations of all sizes."""
    rows, counts = [], []
    for seed, neurons in enumerate(SIZES):
        network, fired = population(model, neurons, seed)
        found = run_firmware(engine, network, {"in": fired})
        counted = run_firmware(engine, network, {"in": fired}, counted=True)
        (projection,) = network.projections
        lengths = np.bincount(projection.sources, minlength=fired.shape[2])
        for step in range(2, STEPS - 1):
            mine = fired[0, step]
            spikes = found.fired["neurons"][0, step].sum()
            rows.append([1, neurons, mine.sum(), lengths[mine].sum(), spikes])
            counts.append(counted.instructions["neurons"][0, step].sum())
    matrix, wanted = np.array(rows, float), np.array(counts, float)
    terms = np.linalg.lstsq(matrix / wanted[:, None], np.ones(len(wanted)), rcond=None)[0]
    worst = float(np.abs(matrix @ terms / wanted - 1.0).max())
    return Counts(model, tuple(float(t) for t in terms), worst, len(rows))


def of_a_student(engine: Engine) -> float:
    """Cycles of the busiest core per sample of digits-mlp by the model, over those counted."""
    options = Options(target="spinnaker1", data="digits", samples=COUNTED)
    result = run(open_network("digits-mlp", options), options)
    spikes = {
        p.name: result.activity.populations[p.name].spikes.unpack() for p in result.program.inputs
    }
    network = firmware_network(result.program, len(next(iter(spikes.values()))))
    fired = spikes_of_sources(result.program, network, spikes)
    counts = run_firmware(engine, network, fired, counted=True).instructions.values()
    counted = max(float(cores.sum(axis=1).max(axis=1).mean()) for cores in counts)
    assert result.energy.cycles is not None
    modelled = float(result.energy.cycles)
    print(f"digits-mlp, {COUNTED} samples, cycles of the busiest core for each:")
    print(f"{modelled:,.0f} by the table, {counted:,.0f} instructions counted")
    return modelled / counted


def main() -> int:
    """Print what is found; 7 where something that must hold does not."""
    engine = found_engine()
    if engine is None:
        print("firmware: no environment of sPyNNaker (make spinnaker): nothing measured")
        return 0
    print(machine())
    times = speed(engine)
    print(f"{times:,.0f} times as fast (at least {LEAST_TIMES:,.0f})\n")
    failed = times < LEAST_TIMES
    failed |= abs(of_a_student(engine) - 1.0) > TOLERANCE
    table = load_target("spinnaker1").costs["hoppner2019"].constants
    for counts in (instructions(engine, model) for model in MODELS):
        print(f"{counts.model}: instructions, {counts.steps} steps, within {counts.worst:.1%}")
        for name, value in zip(TERMS, counts.terms, strict=True):
            print(f"  per {name:15s} {value:8.1f}")
        if counts.model == "IF_curr_exp":
            for (key, many), value in zip(KEYS.items(), counts.terms, strict=False):
                given = float(table[key].value)  # type: ignore[arg-type]
                apart = many * value / given - 1.0
                print(f"  {key} of the table: {given:g} ({apart:+.1%})")
                failed |= abs(apart) > TOLERANCE
    return MISSED if failed else 0


if __name__ == "__main__":
    sys.exit(main())
