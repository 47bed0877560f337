"""The engine equals the plain integer oracle bit for bit, for any network, batch and block."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.oracle import run_sample
from snn2chip.core import ProgramPopulation, ProgramProjection
from snn2chip.engine import RunOptions, simulate
from snn2chip.graph import Delay
from snn2chip.graph.operators import with_weights
from tests.examples import examples

from .networks import dense, programs, with_latencies

STEPS, SAMPLES = 7, 3


def run_both(program, spikes, options):
    activity, trace = simulate(program, {"in": spikes}, LoihiArithmetic(), options)
    total = STEPS + program.max_latency
    oracle = [run_sample(program, {"in": spikes[:, k]}, total) for k in range(SAMPLES)]
    return activity, trace, oracle


def recorded(trace, population):
    states = {"u": trace.arrays[f"{population.name}.u"], "v": trace.arrays[f"{population.name}.v"]}
    if population.spiking:
        states["spikes"] = trace.arrays[population.name]
    return states


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
@given(programs(), st.sampled_from([1, 2, 3]), st.sampled_from([None, 1, 3]))
def test_spikes_states_and_updates_are_equal(drawn, batch, block_steps):
    program, rng = drawn
    density = rng.choice([0.1, 0.5, 1.0])
    spikes = rng.random((STEPS, SAMPLES, *program.population("in").shape)) < density
    options = RunOptions(batch=batch, block_steps=block_steps, trace=True, trace_state=True)
    activity, trace, oracle = run_both(program, spikes, options)
    for population in program.populations[1:]:
        for name, engine in recorded(trace, population).items():
            for k in range(SAMPLES):
                expected = getattr(oracle[k], name)[population.name]
                np.testing.assert_array_equal(
                    engine[k].reshape(expected.shape), expected, f"{population.name}.{name}"
                )
        window = slice(population.latency, population.latency + STEPS)
        updated = activity.populations[population.name].updated.unpack()
        for k in range(SAMPLES):
            expected = oracle[k].updated[population.name][window]
            np.testing.assert_array_equal(updated[:, k].reshape(expected.shape), expected)


@settings(max_examples=examples(20), deadline=None, derandomize=True)
@given(programs())
def test_scores_follow_from_the_window(drawn):
    program, rng = drawn
    spikes = rng.random((STEPS, SAMPLES, *program.population("in").shape)) < 0.5
    activity, _, oracle = run_both(program, spikes, RunOptions())
    out = program.population("out")
    last = out.latency + STEPS
    for k in range(SAMPLES):
        if out.spiking:
            expected = oracle[k].spikes["out"][out.latency : last].sum(axis=0)
        else:
            expected = oracle[k].v["out"][last - 1]
        np.testing.assert_array_equal(activity.scores[k], expected)


@settings(max_examples=examples(20), deadline=None, derandomize=True)
@given(programs())
def test_cuts_of_batch_and_time_change_nothing(drawn):
    program, rng = drawn
    spikes = rng.random((STEPS, SAMPLES, *program.population("in").shape)) < 0.3
    whole, _ = simulate(program, {"in": spikes}, LoihiArithmetic(), RunOptions())
    for options in (RunOptions(batch=1), RunOptions(batch=2, block_steps=2)):
        cut, _ = simulate(program, {"in": spikes}, LoihiArithmetic(), options)
        for name, activity in whole.populations.items():
            np.testing.assert_array_equal(activity.spikes.bits, cut.populations[name].spikes.bits)
            np.testing.assert_array_equal(activity.updated.bits, cut.populations[name].updated.bits)
            assert activity.warnings == cut.populations[name].warnings
        np.testing.assert_array_equal(whole.scores, cut.scores)


def test_the_oracle_would_notice_a_wrong_delay():
    """A guard on the guard: an oracle run with another delay gives other spikes."""
    rng = np.random.default_rng(0)
    neuron = {
        "du": np.array(4095),
        "dv": np.array(0),
        "vth": np.array(10),
        "bias_mant": np.array(0),
        "bias_exp": np.array(0),
        "v0": np.array(0),
    }
    populations = [
        ProgramPopulation("in", "input", "input", (4,)),
        ProgramPopulation("out", "cuba", "IF", (3,), parameters=neuron),
    ]
    operator = with_weights(dense((4,), (3,)), rng.integers(1, 9, size=(3, 4)))
    one = ProgramProjection("in", "out", operator, parameters={"exponent": np.array(0)})
    late = replace(one, delay=Delay(np.array(2)))
    spikes = {"in": rng.random((STEPS, 4)) < 0.6}
    runs = [run_sample(with_latencies(populations, [p]), spikes, STEPS) for p in (one, late)]
    assert (runs[0].spikes["out"] != runs[1].spikes["out"]).any()
