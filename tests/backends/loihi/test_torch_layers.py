"""Networks on torch's tensors give the activity and the trace of the processor, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn2chip.backends.loihi import torch_layers
from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.oracle import run_sample
from snn2chip.core import ProgramPopulation, ProgramProjection
from snn2chip.engine import RunOptions, products, simulate, without_layer
from snn2chip.engine.kernels import accelerate
from snn2chip.graph import Dense
from snn2chip.graph.operators import with_weights

from .networks import dense, with_latencies
from .test_fast import assert_same, networks, spikes_of

pytest.importorskip("torch")

from snn2chip.engine.devices.device import torch_device

DEVICE = torch_device("cpu")
slow = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@slow
@given(networks(), st.sampled_from(["chip", "lava"]), st.sampled_from([None, 1, 4]))
def test_networks_are_equal(drawn, mode, block_steps):
    program, rng = drawn
    spikes = spikes_of(program, rng)
    options = RunOptions(block_steps=block_steps, threads=1, trace=True, trace_state=True)
    here = simulate(program, spikes, LoihiArithmetic(mode), options)
    there = simulate(program, spikes, LoihiArithmetic(mode).on(DEVICE), options)
    assert_same(there, here)


def reset_chain(rng, interval, offset):
    """in -> a -> b, each cleared at steps of its own."""
    neuron = {"du": 3000, "dv": 200, "vth": 5, "bias_mant": 1, "bias_exp": 6, "v0": 0}
    times = {"reset_interval": interval, "reset_offset": offset}
    parameters = {name: np.array(value) for name, value in {**neuron, **times}.items()}
    populations = [
        ProgramPopulation("in", "input", "input", (6,)),
        ProgramPopulation("a", "cuba_reset", "CubaLIF", (5,), parameters),
        ProgramPopulation("b", "cuba_reset", "CubaLIF", (3,), parameters),
    ]
    projections = [
        ProgramProjection(
            one,
            other,
            with_weights(dense(source, target), rng.integers(-9, 20, size=target + source)),
            parameters={"exponent": np.array(0)},
        )
        for one, other, source, target in (("in", "a", (6,), (5,)), ("a", "b", (5,), (3,)))
    ]
    return replace(with_latencies(populations, projections), outputs=("b",))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.integers(0, 6),
    st.sampled_from([None, 1, 3]),
)
def test_resets_fall_on_their_steps_on_every_way(seed, interval, offset, block_steps):
    rng = np.random.default_rng(seed)
    program = reset_chain(rng, interval, offset)
    spikes = {"in": rng.random((9, 2, 6)) < 0.5}
    plain = RunOptions(threads=1, trace=True, trace_state=True)
    expected = simulate(program, spikes, LoihiArithmetic(), plain)
    cut = replace(plain, block_steps=block_steps)
    assert_same(simulate(program, spikes, LoihiArithmetic().on(DEVICE), cut), expected)
    fused, _ = simulate(program, spikes, LoihiArithmetic(), replace(cut, trace_state=False))
    for name, population in expected[0].populations.items():
        got = fused.populations[name]
        np.testing.assert_array_equal(got.spikes.bits, population.spikes.bits)
        np.testing.assert_array_equal(got.updated.bits, population.updated.bits)
        assert got.warnings == population.warnings
        assert (got.peak_v, got.peak_input) == (population.peak_v, population.peak_input)


def chain(weight, du):
    """in -> out of one dense operator."""
    rest = {"du": du, "dv": 100, "vth": 200, "bias_mant": -3, "bias_exp": 2, "v0": 5}
    parameters = {name: np.array(value) for name, value in rest.items()}
    target, source = weight.shape
    populations = [
        ProgramPopulation("in", "input", "input", (source,)),
        ProgramPopulation("out", "cuba", "CubaLIF", (target,), parameters),
    ]
    operator = Dense(weight, (source,), (target,))
    projection = ProgramProjection(
        "in", "out", operator, parameters={"exponent": np.array(0)}, weight_bits=8
    )
    return with_latencies(populations, [projection])


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(1, 1), (3, 9), (70, 40), (130, 33)]),
    st.sampled_from([4095, 1000]),
    st.sampled_from([1, 2]),
    st.integers(1, 3),
)
def test_both_kinds_of_layers_equal_the_oracle(seed, sizes, du, step, samples):
    rng = np.random.default_rng(seed)
    program = chain(step * rng.integers(-128, 128, size=sizes[::-1]), du)
    spikes = {"in": rng.random((6, samples, sizes[0])) < rng.choice([0, 0.2, 1])}
    for arithmetic in (LoihiArithmetic(), LoihiArithmetic().on(DEVICE)):
        activity, _ = simulate(program, spikes, arithmetic, RunOptions(threads=1))
        assert activity.populations["out"].spikes.steps == 6
        for k in range(samples):
            oracle = run_sample(program, {"in": spikes["in"][:, k]}, 7)
            for name, found in (
                ("spikes", activity.populations["out"].spikes),
                ("updated", activity.populations["out"].updated),
            ):
                expected = getattr(oracle, name)["out"][1:]
                np.testing.assert_array_equal(found.unpack()[:, k], expected, name)


@pytest.mark.parametrize("exponent", [-2, 0, 1])
@pytest.mark.parametrize("route", ["events", "float32", "int8"])
def test_layers_are_the_same_by_every_route_of_a_product(monkeypatch, route, exponent):
    rates = dict.fromkeys(("events", "float32", "int8"), 1e-09) | {route: 1e-15}
    monkeypatch.setattr(products, "measured", lambda routes, torch: rates)
    monkeypatch.setattr(products, "LEAST_WORK", 0)
    rng = np.random.default_rng(0)
    program = chain(rng.integers(-128, 128, size=(30, 50)), 3000)
    shifted = replace(program.projections[0], parameters={"exponent": np.array(exponent)})
    program = replace(program, projections=(shifted,))
    spikes = {"in": rng.random((12, 5, 50)) < 0.4}
    spikes["in"][3] = False
    activity, _ = simulate(program, spikes, LoihiArithmetic(), RunOptions(threads=1))
    traced = RunOptions(threads=1, trace=True, trace_state=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(accelerate.SWITCH, "0")
        plain, _ = simulate(program, spikes, LoihiArithmetic(), traced)
    for name, population in plain.populations.items():
        got = activity.populations[name]
        np.testing.assert_array_equal(got.spikes.bits, population.spikes.bits)
        np.testing.assert_array_equal(got.updated.bits, population.updated.bits)
        assert got.warnings == population.warnings
        assert (got.peak_v, got.peak_input) == (population.peak_v, population.peak_input)


def test_what_could_wrap_twice_stays_on_the_processor():
    wide = chain(np.full((2, 1100), 254), 4095)
    assert without_layer(wide, LoihiArithmetic("chip").on(DEVICE)) == ("out",)
    assert without_layer(wide, LoihiArithmetic("lava").on(DEVICE)) == ()
    spikes = {"in": np.ones((4, 2, 1100), bool)}
    for mode in ("chip", "lava"):
        options = RunOptions(threads=1, trace=True, trace_state=True)
        here = simulate(wide, spikes, LoihiArithmetic(mode), options)
        assert_same(simulate(wide, spikes, LoihiArithmetic(mode).on(DEVICE), options), here)


def test_a_device_is_asked_for_every_population_outside_cycles(monkeypatch):
    asked = []
    real = torch_layers.TorchLayer.__call__
    monkeypatch.setattr(
        torch_layers.TorchLayer,
        "__call__",
        lambda self, *rest: asked.append(self.population.name) or real(self, *rest),
    )
    program = chain(np.ones((2, 3), int), 4095)
    simulate(program, {"in": np.ones((4, 2, 3), bool)}, LoihiArithmetic().on(DEVICE))
    assert asked == ["out"]
