"""The compiled way gives the activity and the trace of the plain one, bit for bit."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.kernels import fast
from snn2chip.backends.loihi.neurons import cuba
from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.engine import RunOptions, run, simulate, stream
from snn2chip.engine.kernels import accelerate
from snn2chip.graph import Conv, Dense, Encoding, Readout
from tests.examples import examples

from .networks import programs

STEPS, SAMPLES = 6, 5

needs_numba = pytest.mark.skipif(
    accelerate.reason_against() is not None, reason="numba is not there: nothing is compiled"
)
slow = settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)


@st.composite
def networks(draw):
    """Programs, without those whose kernels are larger than their image."""
    try:
        return draw(programs())
    except ValueError:
        assume(False)


def assert_same(one, other):
    """Activities and traces with equal bits, counts, peaks, scores and arrays."""
    (a, trace_a), (b, trace_b) = one, other
    assert a.populations.keys() == b.populations.keys()
    for name, p in a.populations.items():
        q = b.populations[name]
        np.testing.assert_array_equal(p.spikes.bits, q.spikes.bits, name)
        np.testing.assert_array_equal(p.updated.bits, q.updated.bits, name)
        assert (p.warnings, p.peak_v, p.peak_input) == (q.warnings, q.peak_v, q.peak_input), name
    np.testing.assert_array_equal(a.scores, b.scores)
    assert trace_a.arrays.keys() == trace_b.arrays.keys()
    for name, array in trace_a.arrays.items():
        assert array.dtype == trace_b.arrays[name].dtype
        np.testing.assert_array_equal(array, trace_b.arrays[name], name)


def spikes_of(program, rng):
    density = rng.choice([0.05, 0.5, 1.0])
    return {"in": rng.random((STEPS, SAMPLES, *program.population("in").shape)) < density}


@needs_numba
@slow
@given(networks())
def test_with_and_without_kernels(drawn):
    program, rng = drawn
    spikes = spikes_of(program, rng)
    options = RunOptions(trace=True, trace_state=True)
    compiled = simulate(program, spikes, LoihiArithmetic(), options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(accelerate.SWITCH, "0")
        plain = simulate(program, spikes, LoihiArithmetic(), options)
    assert_same(compiled, plain)


@slow
@given(
    networks(),
    st.integers(1, SAMPLES),
    st.sampled_from([None, 1, 4]),
    st.integers(1, 3),
    st.sampled_from([1, 30, 10**9]),
)
def test_no_cut_changes_anything(drawn, batch, block_steps, threads, cached):
    program, rng = drawn
    spikes = spikes_of(program, rng)
    whole = simulate(
        program, spikes, LoihiArithmetic(), RunOptions(threads=1, trace=True, trace_state=True)
    )
    cut = RunOptions(batch, block_steps, threads, trace=True, trace_state=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "CACHED_VALUES", cached)
        assert_same(simulate(program, spikes, LoihiArithmetic(), cut), whole)


def population(draw, rng, shape, spiking):
    size = shape if draw(st.booleans()) else ()
    return ProgramPopulation(
        name="p",
        model="cuba",
        kind="CubaLIF",
        shape=shape,
        spiking=spiking,
        parameters={
            "du": rng.choice([-1, 0, 100, 2047, 4094, 4095], size=size),
            "dv": rng.choice([0, 1, 128, 2048, 4096], size=size),
            "vth": rng.choice([0, 10, 5000, 131071], size=size),
            "bias_mant": rng.choice([0, 1, -4096, 4095, 32767], size=size),
            "bias_exp": rng.choice([-3, 0, 7], size=size),
            "v0": rng.choice([0, 1, -(2**23) + 1, 2**23 - 1, 2**31 - 1], size=size),
        },
    )


@needs_numba
@settings(max_examples=examples(150), deadline=None)
@given(st.data())
def test_scans_are_equal_up_to_the_edges_of_int32(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    shape = data.draw(st.sampled_from([(1,), (37,), (3, 4, 5)]))
    member = population(data.draw, rng, shape, data.draw(st.booleans()))
    scale = data.draw(st.sampled_from([3, 2**17, 2**24, 2**29]))
    lead = (data.draw(st.integers(1, 5)), data.draw(st.integers(1, 3)))
    current = rng.integers(-scale, scale, size=(*lead, *shape), dtype=np.int32)
    arrived = rng.random((*lead, *shape)) < 0.3
    if len(shape) > 1 and data.draw(st.booleans()):
        current = np.moveaxis(np.ascontiguousarray(np.moveaxis(current, 2, -1)), -1, 2)
        arrived = np.broadcast_to(arrived[:, :, :1], arrived.shape)
    elif data.draw(st.booleans()):
        alike = arrived.reshape(*lead, -1)[..., 0].reshape(*lead, *(1,) * len(shape))
        arrived = np.broadcast_to(alike, arrived.shape)
    edges = [0, 1, -1, 2**23, -(2**23), 2**31 - 1, -(2**31)]
    state = {name: rng.choice(edges, size=(lead[1], *shape)).astype(np.int64) for name in "uv"}
    plain = cuba.scan(member, state, current, arrived, True)
    quick = fast.scan(member, state, current, arrived, True)
    assert quick is not None
    for name in ("output", "updated"):
        np.testing.assert_array_equal(getattr(quick, name), getattr(plain, name), name)
    for name in "uv":
        np.testing.assert_array_equal(quick.state[name], plain.state[name], name)
        np.testing.assert_array_equal(quick.records[name], plain.records[name], name)
    assert quick.warnings == plain.warnings
    assert (quick.peak_v, quick.peak_input) == (plain.peak_v, plain.peak_input)


@needs_numba
@pytest.mark.parametrize(
    ("parameter", "value"),
    [("du", 4096), ("dv", 4097), ("dv", -1), ("vth", 2**26), ("bias_mant", 2**31), ("v0", 2**31)],
)
def test_numbers_beyond_the_kernel_take_the_plain_way(parameter, value):
    member = population(lambda strategy: False, np.random.default_rng(0), (2,), True)
    parameters = {**member.parameters, "bias_exp": np.array(0), parameter: np.array(value)}
    member = ProgramPopulation("p", "cuba", "LIF", (2,), parameters)
    current, arrived = np.ones((1, 1, 2), np.int32), np.ones((1, 1, 2), bool)
    state = fast.initial(member, 1)
    assert fast.scan(member, state, current, arrived, False) is None
    assert fast.scan(member, state, current.astype(np.int64), arrived, False) is None


@pytest.mark.parametrize("exponent", [-9, -1, 0, 1, 5])
def test_sums_are_shifted_as_whole_sums(exponent):
    weight = np.array([[3, -5, 7], [1, 1, -2]])
    projection = ProgramProjection(
        "a", "b", Dense(weight, (3,), (2,)), parameters={"exponent": np.array(exponent)}
    )
    product = fast.product(projection, projection.operator)
    assert product is not None
    for bits in range(8):
        spikes = np.array([bits >> k & 1 for k in range(3)], bool)
        total = [int(x) for x in weight @ spikes]
        expected = [x << exponent if exponent > 0 else x >> -exponent for x in total]
        assert product(spikes[np.newaxis])[0].tolist() == expected


def test_sums_that_might_wrap_take_the_plain_way():
    conv = Conv(np.full((1, 1, 1), 2**16), (1, 4), (1,), ((0, 0),), (1,))
    dense = Dense(np.full((1, 4), 2**16), (4,), (1,))
    for operator, exponent, quick in ((conv, 6, True), (conv, 7, False), (dense, 6, False)):
        projection = ProgramProjection(
            "a", "b", operator, parameters={"exponent": np.array(exponent)}
        )
        assert (fast.product(projection, operator) is not None) == quick


@settings(max_examples=examples(5), deadline=None)
@given(networks())
def test_a_stream_is_simulate_batch_by_batch(drawn):
    program, rng = drawn
    batches = [spikes_of(program, rng) for _ in range(3)]
    options = RunOptions(trace=True)
    streamed = list(stream(program, iter(batches), LoihiArithmetic(), options))
    for spikes, got in zip(batches, streamed, strict=True):
        assert_same(got, simulate(program, spikes, LoihiArithmetic(), options))


def test_a_stream_keeps_nothing_of_earlier_batches():
    weight = np.random.default_rng(0).integers(-60, 60, size=(200, 100))
    rest = {"du": 4095, "dv": 512, "bias_mant": 0, "bias_exp": 0, "v0": 0}
    parameters = {name: np.array(value) for name, value in {**rest, "vth": 400}.items()}
    chain = Program(
        "chain",
        "loihi-chip",
        (
            ProgramPopulation("in", "input", "input", (100,)),
            ProgramPopulation("out", "cuba", "LIF", (200,), parameters),
        ),
        (
            ProgramProjection(
                "in", "out", Dense(weight, (100,), (200,)), parameters={"exponent": np.array(0)}
            ),
        ),
        ("out",),
        Readout("spike_count"),
        Encoding(),
    )

    def peak(batches):
        rng = np.random.default_rng(1)
        given = ({"in": rng.random((8, 50, 100)) < 0.1} for _ in range(batches))
        tracemalloc.start()
        for activity, _ in stream(chain, given, LoihiArithmetic(), RunOptions(threads=1)):
            assert activity.samples == 50
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(2)
    assert peak(20) < 1.2 * peak(2)
