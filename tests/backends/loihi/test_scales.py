"""Scales per layer and per neuron, at every width: ranges, symmetries, and what is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.backends import find_backend
from snn2chip.backends.loihi.formats import formats_of
from snn2chip.backends.loihi.oracle import run_sample
from snn2chip.backends.loihi.realise import realise, stored_weights
from snn2chip.engine import RunOptions, simulate
from snn2chip.errors import ConfigError
from snn2chip.graph import Population, Projection
from snn2chip.graph.operators import identity, weights_of, with_weights
from snn2chip.neurons import Input
from snn2chip.quantize import sign_mode, weight_range
from snn2chip.targets import load_target
from tests.networks import (
    chain,
    conv_net,
    cuba,
    dense,
    graph,
    integrate,
    li,
    lif,
    spikes_for,
)

LOIHI2 = load_target("loihi2")
FORMATS = formats_of(LOIHI2)
LOIHI = find_backend("loihi")
WIDTHS = st.integers(1, 8)
GRANULARITY = st.sampled_from(["layer", "neuron"])
MULTIPLIER = st.sampled_from([0.5, 1.0, 1.3, 4.0])


def at(bits):
    return replace(FORMATS, weight_bits=bits)


def network(seed, kind):
    rng = np.random.default_rng(seed)
    if kind == "conv":
        return conv_net(rng, integrate)
    return chain(rng, {"lif": lif, "cuba": cuba, "li": li}[kind], bias=bool(seed % 2))


def nets(*kinds):
    return st.builds(network, st.integers(0, 1000), st.sampled_from(kinds))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(nets("lif", "cuba", "conv"), WIDTHS, GRANULARITY, MULTIPLIER)
def test_everything_fits_its_bits(net, bits, granularity, multiplier):
    names = [p.name for p in net.populations]
    program = realise(net, at(bits), dict.fromkeys(names, multiplier), granularity=granularity)
    for projection in program.projections:
        weights = weights_of(projection.operator)
        low, high, step = weight_range(sign_mode(weights), bits)
        assert low <= weights.min()
        assert weights.max() <= high
        assert not (weights % step).any()
        assert projection.weight_bits == bits
    for population in program.populations[1:]:
        assert (population.parameters["vth"] >= 1).all()
        assert (population.parameters["vth"] <= FORMATS.threshold_max).all()
        assert (np.abs(population.parameters["bias_mant"]) < 4096).all()
    assert LOIHI.violations(program, LOIHI2) == ()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(nets("lif", "conv"), st.integers(2, 8), GRANULARITY)
def test_weights_come_back_within_half_a_step(net, bits, granularity):
    """Where nothing is cut: |weight - stored| <= step / 2 in the unit of its neuron."""
    for name in (p.name for p in net.populations[1:]):
        program = realise(net, at(bits), granularity=granularity)
        population = program.population(name)
        for found in stored_weights(net, name, at(bits), granularity=granularity):
            units = np.asarray(population.parameters["vth"], float).reshape(-1)
            error = np.abs(found.exact - found.stored).reshape(len(units), -1)
            step = weight_range("mixed", bits)[2]
            # The threshold is rounded to a whole number, at most half of one above.
            assert (error * units[:, None] <= step / 2 + np.abs(found.exact).max()).all()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(nets("lif", "cuba", "conv"), WIDTHS, GRANULARITY, MULTIPLIER)
def test_twice_the_weights_and_thresholds_change_no_integer(net, bits, granularity, multiplier):
    doubled = replace(
        net,
        populations=tuple(
            p if p.is_input else replace(p, neuron=_twice_as_high(p.neuron))
            for p in net.populations
        ),
        projections=tuple(
            replace(
                p,
                operator=with_weights(p.operator, 2 * weights_of(p.operator)),
                bias=None if p.bias is None else 2 * p.bias,
            )
            for p in net.projections
        ),
    )
    chosen = {p.name: multiplier for p in net.populations}
    one, other = (realise(g, at(bits), chosen, granularity=granularity) for g in (net, doubled))
    assert one.notes == other.notes
    for a, b in zip(one.projections, other.projections, strict=True):
        np.testing.assert_array_equal(weights_of(a.operator), weights_of(b.operator))
    for a, b in zip(one.populations, other.populations, strict=True):
        for name, value in a.parameters.items():
            np.testing.assert_array_equal(value, b.parameters[name])


def _twice_as_high(neuron):
    return replace(neuron, v_threshold=2 * neuron.v_threshold)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 1000), WIDTHS, GRANULARITY, st.permutations(range(5)))
def test_permuted_neurons_have_permuted_integers(seed, bits, granularity, order):
    net = network(seed, "lif")
    order = list(order)
    first, second = net.projections
    shuffled = graph(
        net.populations,
        [
            replace(
                first,
                operator=with_weights(first.operator, first.operator.weight[order]),
                bias=None if first.bias is None else first.bias[order],
            ),
            replace(
                second, operator=with_weights(second.operator, second.operator.weight[:, order])
            ),
        ],
    )
    one, other = (realise(g, at(bits), granularity=granularity) for g in (net, shuffled))
    for name, value in one.population("hidden0").parameters.items():
        wide = np.broadcast_to(value, (5,))
        found = np.broadcast_to(other.population("hidden0").parameters[name], (5,))
        np.testing.assert_array_equal(wide[order], found)
    weights = [weights_of(p.projections[0].operator) for p in (one, other)]
    np.testing.assert_array_equal(weights[0][order], weights[1])


def test_each_neuron_fills_its_bits():
    """Rows of very different sizes: one scale leaves the small one 2 steps, its own 127."""
    weights = np.array([[1.0, -0.5], [0.02, 0.015], [-0.3, 0.2]])
    net = graph(
        [Population("input", Input(), (2,)), Population("out", integrate((3,)), (3,))],
        [dense("input", "out", weights, (2,), (3,))],
    )
    layer, neuron = (realise(net, FORMATS, granularity=g) for g in ("layer", "neuron"))
    assert layer.population("out").parameters["vth"] == 254
    assert np.abs(layer.projections[0].operator.weight).max(axis=1).tolist() == [254, 6, 76]
    assert neuron.population("out").parameters["vth"].tolist() == [254, 12700, 853]
    assert np.abs(neuron.projections[0].operator.weight).max(axis=1).tolist() == [254, 254, 256]
    assert "one per neuron" in " ".join(neuron.notes)


def test_a_convolution_has_a_threshold_per_channel():
    net = conv_net(np.random.default_rng(0), integrate)
    program = realise(net, FORMATS, granularity="neuron")
    assert program.population("conv").parameters["vth"].shape == (2, 1, 1)
    assert program.population("out").parameters["vth"].shape == (3,)
    kernels = np.abs(program.projections[0].operator.weight).reshape(2, -1).max(axis=1)
    assert (kernels >= 250).all()
    assert any("one per channel" in note for note in program.notes)


@pytest.mark.parametrize("bits", [3, 8])
def test_projections_of_every_kind_share_the_scale_of_their_channel(bits):
    """A convolution, a dense matrix and an identity into one population of two channels."""
    rng = np.random.default_rng(1)
    net = conv_net(rng, integrate)
    shape = net.population("conv").shape
    size = int(np.prod(shape))
    more = graph(
        [
            Population("second", Input(), (5,)),
            Population("third", Input(), shape),
            *net.populations,
        ],
        [
            *net.projections,
            dense("second", "conv", rng.normal(0, 0.1, (size, 5)), (5,), shape),
            Projection("third", "conv", with_weights(identity(shape), rng.random(shape))),
        ],
    )
    program = realise(more, at(bits), granularity="neuron")
    threshold = program.population("conv").parameters["vth"]
    assert threshold.shape == (2, 1, 1)
    unit = np.broadcast_to(threshold, shape)
    for projection, floats in zip(program.projections, more.projections, strict=True):
        if projection.target != "conv":
            continue
        stored = weights_of(projection.operator) * 2.0 ** int(projection.parameters["exponent"])
        exact = weights_of(floats.operator)
        per_row = unit if exact.shape == shape else unit.reshape(len(exact), -1)[:, 0]
        rows = per_row.reshape(per_row.shape + (1,) * (exact.ndim - per_row.ndim))
        step = weight_range("mixed", bits)[2]
        assert (np.abs(stored - exact * rows) <= step / 2 + 1e-9 * size).all()
    spikes = spikes_for(more, rng, steps=6, samples=2)
    _, trace = simulate(program, spikes, LOIHI.arithmetic(more), RunOptions(trace=True))
    expected = run_sample(program, {n: x[:, 1] for n, x in spikes.items()}, 6 + program.max_latency)
    found = trace.arrays["conv"][1].reshape(-1, size)
    np.testing.assert_array_equal(found, expected.spikes["conv"])


def test_a_readout_keeps_one_scale_because_its_membranes_are_compared():
    net = chain(np.random.default_rng(0), li, (6, 3))
    net = replace(net, readout=replace(net.readout, kind="v_last"))
    program = realise(net, FORMATS, granularity="neuron")
    assert np.unique(program.population("out").scale).size == 1


@settings(max_examples=15, deadline=None, derandomize=True)
@given(nets("lif", "cuba", "conv"), WIDTHS, st.integers(0, 100))
def test_thresholds_per_neuron_run_as_the_oracle_says(net, bits, seed):
    """The engine in both arithmetics, cut in any way, against one neuron at a time."""
    steps, samples = 8, 2
    spikes = spikes_for(net, np.random.default_rng(seed), steps=steps, samples=samples)
    for mode in ("chip", "lava"):
        backend = LOIHI.in_mode(mode).with_scales(LOIHI2, "neuron", bits)
        program = backend.realise(net, LOIHI2)
        options = RunOptions(batch=seed % 2 + 1, block_steps=3, trace=True, trace_state=True)
        _, trace = simulate(program, spikes, backend.arithmetic(net), options)
        for sample in range(samples):
            given = {name: x[:, sample] for name, x in spikes.items()}
            expected = run_sample(program, given, steps + program.max_latency)
            for population in program.populations[1:]:
                found = trace.arrays[population.name][sample].reshape(-1, population.size)
                np.testing.assert_array_equal(found, expected.spikes[population.name])
                membranes = trace.arrays[f"{population.name}.v"][sample]
                np.testing.assert_array_equal(
                    membranes.reshape(-1, population.size), expected.v[population.name]
                )


@pytest.mark.parametrize("bits", [9, 16])
def test_wider_weights_than_the_targets_are_refused(bits):
    with pytest.raises(ConfigError, match=f"--weight-bits {bits} on loihi2") as caught:
        LOIHI.with_scales(LOIHI2, "layer", bits)
    assert caught.value.needs == "1 to 8 bits, the sign included"
    assert "weight_bits = 8" in caught.value.has
    assert caught.value.remedy


def test_the_reference_has_no_widths_and_no_scales_of_its_own():
    reference = find_backend("reference")
    assert reference.with_scales(LOIHI2) is reference
    for options in (("neuron", None), ("layer", 4), ("layer", None, True)):
        with pytest.raises(ConfigError, match="float reference"):
            reference.with_scales(LOIHI2, *options)
    assert reference.stored_weights(network(0, "lif"), LOIHI2, "out") == ()


def small(scale, v_threshold=1.0):
    weights = scale * np.array([[1.0, -1.0], [2.0, 1.0]])
    return graph(
        [
            Population("input", Input(), (2,)),
            Population("out", integrate((2,), threshold=v_threshold), (2,)),
        ],
        [dense("input", "out", weights, (2,), (2,))],
    )


def notes(net, bits=8, **options):
    return "\n".join(realise(net, at(bits), **options).notes)


def test_weights_that_all_round_to_zero_are_told_with_a_remedy():
    told = notes(small(1e-9))
    assert "input->out: all weights round to 0 in 8 bits" in told
    assert "--weight-bits" in told
    assert "all weights are 0; leave the projection out" in notes(small(0.0))
    assert "round to 0" not in notes(small(1.0))


def test_a_neuron_that_loses_all_its_weights_is_counted():
    net = small(1.0)
    weights = np.array([[1.0, -1.0], [0.001, 0.002]])
    lost = replace(
        net,
        projections=(
            replace(
                net.projections[0], operator=with_weights(net.projections[0].operator, weights)
            ),
        ),
    )
    assert "input->out: 1 of 2 rows round to 0 in 8 bits" in notes(lost)
    assert "round to 0" not in notes(lost, granularity="neuron")


def test_cut_weights_are_counted_beside_the_threshold():
    told = notes(small(1.0), multipliers={"out": 2.0})
    assert "out: integer threshold 254, 2 times what the largest weight takes" in told
    assert "input->out: 1 of 4 weights cut to 8 bits" in told


@pytest.mark.parametrize(
    ("tau", "told"),
    [
        (1e3, "the decay of v rounds to 0 in 3 of 3 neurons, which keep it"),
        (1.00001e-3, "the decay of v rounds to all of it in 3 of 3 neurons"),
        (5e-3, ""),
    ],
)
def test_decays_that_rounding_takes_away_are_told(tau, told):
    net = chain(np.random.default_rng(0), lambda shape: lif(shape, tau=tau), (4, 3))
    found = [note for note in realise(net, FORMATS).notes if "decay" in note]
    assert [told in note for note in found] == ([True] if told else [])


def test_the_decay_of_a_current_is_told_too():
    slow = chain(np.random.default_rng(0), lambda s: cuba(s, tau_syn=1e3), (4, 3))
    assert "the decay of u rounds to 0 in 3 of 3 neurons" in notes(slow)


def test_biases_that_round_to_zero_are_counted():
    net = small(1.0)
    bias = np.array([1e-7, 0.5])
    biased = replace(net, projections=(replace(net.projections[0], bias=bias),))
    assert "out: 1 of 2 biases round to 0" in notes(biased)
