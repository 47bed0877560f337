"""Graphs in Loihi's integers: what is folded, what is refused, and how close the result comes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.backends import find_backend
from snn2chip.backends.fold import fold
from snn2chip.backends.latency import chip_latencies
from snn2chip.backends.loihi.formats import formats_of
from snn2chip.backends.loihi.realise import realise
from snn2chip.backends.loihi.realise.scales import CUBA
from snn2chip.backends.reference.arithmetic import Float64
from snn2chip.backends.reference.arithmetic import realise as realise_float
from snn2chip.core import chip_delay
from snn2chip.engine import RunOptions, simulate
from snn2chip.errors import UnsupportedError
from snn2chip.graph import Delay, Population
from snn2chip.neurons import Input
from snn2chip.targets import load_target
from tests.networks import (
    NORSE,
    chain,
    conv_net,
    cuba,
    cuba_li,
    dense,
    full,
    graph,
    integrate,
    li,
    lif,
    spikes_for,
)

LOIHI2 = load_target("loihi2")
FORMATS = formats_of(LOIHI2)
LOIHI = find_backend("loihi")


def run(net, program, spikes):
    return simulate(program, spikes, LOIHI.arithmetic(net))[0]


def reference(net, spikes):
    return simulate(realise_float(net), spikes, Float64(net.discretization))[0]


def differing(net, a, b):
    return sum(
        int((a.populations[p.name].spikes.unpack() != b.populations[p.name].spikes.unpack()).sum())
        for p in net.populations
    )


def dyadic(rng, shape, bits=6):
    return rng.integers(-(2**bits), 2**bits, size=shape) / 2**bits


@pytest.mark.parametrize("seed", range(5))
def test_a_network_of_exact_numbers_has_no_drift(seed):
    """IF neurons, weights of 7 bits, threshold 1: the integers are the graph times a power of 2."""
    rng = np.random.default_rng(seed)
    weights = [dyadic(rng, (8, 6)), dyadic(rng, (4, 8))]
    for weight in weights:
        weight[0, 0] = 127 / 64
    net = graph(
        [
            Population("input", Input(), (6,)),
            Population("hidden", integrate((8,)), (8,)),
            Population("out", integrate((4,)), (4,)),
        ],
        [
            dense("input", "hidden", weights[0], (6,), (8,)),
            dense("hidden", "out", weights[1], (8,), (4,)),
        ],
    )
    spikes = spikes_for(net, rng, steps=50)
    program = realise(net, FORMATS)
    assert differing(net, reference(net, spikes), run(net, program, spikes)) == 0
    assert reference(net, spikes).populations["out"].spikes.total() > 0


@pytest.mark.parametrize("neuron", [lif, integrate, cuba])
def test_rounding_keeps_the_rates(neuron):
    """Eight bits move single spikes, but no population's rate by more than 3 %."""
    rng = np.random.default_rng(1)
    net = chain(rng, neuron, (12, 10, 5), bias=True)
    spikes = spikes_for(net, rng, steps=60, samples=32)
    before = reference(net, spikes)
    after = run(net, realise(net, FORMATS, None, before), spikes)
    for name in ("hidden0", "out"):
        expected = before.populations[name].spikes.total()
        assert expected > 500
        assert abs(after.populations[name].spikes.total() - expected) < 0.03 * expected


@pytest.mark.parametrize("readout", [li, cuba_li])
def test_a_readout_comes_back_in_the_graphs_units(readout):
    rng = np.random.default_rng(2)
    net = chain(rng, readout, (6, 3))
    net = graph(net.populations, net.projections, readout="v_last")
    spikes = spikes_for(net, rng)
    exact = reference(net, spikes).scores
    ours = run(net, realise(net, FORMATS), spikes).scores
    np.testing.assert_allclose(ours, exact, atol=0.01 * np.abs(exact).max())


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 2**31), st.sampled_from([0.5, 2.0, 8.0]), st.booleans())
def test_scaling_weights_and_thresholds_changes_no_integer(seed, factor, bias):
    net = chain(np.random.default_rng(seed), lif, bias=bias)
    scaled = graph(
        [
            p if p.is_input else replace(p, neuron=lif(p.shape, threshold=factor))
            for p in net.populations
        ],
        [
            dense(
                p.source,
                p.target,
                p.operator.weight * factor,
                p.operator.source_shape,
                p.operator.target_shape,
                None if p.bias is None else p.bias * factor,
            )
            for p in net.projections
        ],
    )
    one, other = realise(net, FORMATS), realise(scaled, FORMATS)
    for a, b in zip(one.projections, other.projections, strict=True):
        np.testing.assert_array_equal(a.operator.weight, b.operator.weight)
    for a, b in zip(one.populations, other.populations, strict=True):
        for name, value in a.parameters.items():
            np.testing.assert_array_equal(value, b.parameters[name])


def test_integers_stay_within_the_formats():
    rng = np.random.default_rng(3)
    program = realise(chain(rng, cuba, bias=True), FORMATS)
    for projection in program.projections:
        weight = projection.operator.weight
        assert weight.min() >= -256
        assert weight.max() <= 254
        assert (weight % 2 == 0).all()
    for p in program.populations[1:]:
        assert 0 < p.parameters["vth"] <= FORMATS.threshold_max
        assert (p.parameters["dv"] >= 0).all()
        assert (p.parameters["dv"] <= 4096).all()
        assert (np.abs(p.parameters["bias_mant"]) <= 4095).all()


def test_thresholds_per_neuron_go_into_dense_weights():
    rng = np.random.default_rng(4)
    net = chain(rng, integrate, (4, 3))
    thresholds = np.array([0.5, 1.0, 2.0])
    neuron = replace(integrate((3,)), v_threshold=thresholds)
    net = graph([net.populations[0], replace(net.populations[1], neuron=neuron)], net.projections)
    program = realise(net, FORMATS)
    out = program.population("out")
    assert out.parameters["vth"].shape == ()
    np.testing.assert_allclose(
        out.scale, float(out.parameters["vth"]) * 64 / thresholds, rtol=1e-12
    )


def test_a_threshold_that_varies_within_a_conv_channel_is_refused():
    net = conv_net(np.random.default_rng(0))
    neuron = lif((2, 4, 4))
    uneven = neuron.v_threshold.copy()
    uneven[0, 0, 0] = 2.0
    populations = [
        p if p.name != "conv" else replace(p, neuron=replace(neuron, v_threshold=uneven))
        for p in net.populations
    ]
    with pytest.raises(UnsupportedError, match="within a channel"):
        realise(graph(populations, net.projections), FORMATS)


def test_everything_unsupported_is_told_at_once():
    net = chain(np.random.default_rng(0), lif, discretization=NORSE.override(reset="subtract"))
    with pytest.raises(UnsupportedError) as caught:
        realise(net, FORMATS)
    text = str(caught.value)
    assert "hidden0" in text
    assert "out" in text
    assert "--reset zero" in text


def test_a_threshold_below_the_reset_is_refused():
    net = chain(np.random.default_rng(0), lambda shape: lif(shape, threshold=0.5, v_reset=0.5))
    with pytest.raises(UnsupportedError, match="v_reset"):
        realise(net, FORMATS)


def test_v_reset_shifts_membrane_threshold_and_start():
    net = chain(
        np.random.default_rng(0), lambda shape: lif(shape, threshold=1.0, v_reset=-1.0, v_leak=0.5)
    )
    folded = fold(net, net.population("out"), CUBA)
    np.testing.assert_allclose(folded.theta, full((3,), 2.0))
    np.testing.assert_allclose(folded.v0, full((3,), 0.75))
    np.testing.assert_allclose(folded.bias, full((3,), 0.2 * 1.5 / 2.0))


def test_at_least_lowers_the_threshold_by_one_and_says_so():
    net = chain(np.random.default_rng(0), integrate)
    strict = realise(net, FORMATS)
    loose = realise(replace(net, discretization=NORSE.override(fires=">=")), FORMATS)
    assert (
        loose.population("out").parameters["vth"] == strict.population("out").parameters["vth"] - 1
    )
    assert any(">=" in note for note in loose.notes)


def test_a_cuba_bias_is_reported_as_modelled():
    program = realise(chain(np.random.default_rng(0), cuba, bias=True), FORMATS)
    assert any("modelled" in note for note in program.notes)


def test_calibration_keeps_large_membranes_inside_24_bits():
    rng = np.random.default_rng(5)
    weight = np.abs(rng.normal(1e-3, 1e-4, size=(3, 40)))
    net = graph(
        [Population("input", Input(), (40,)), Population("out", li((3,), tau=1.0), (3,))],
        [dense("input", "out", weight, (40,), (3,))],
        readout="v_last",
    )
    spikes = spikes_for(net, rng, steps=400, rate=1.0)
    blind = run(net, realise(net, FORMATS), spikes)
    seen = run(net, realise(net, FORMATS, None, reference(net, spikes)), spikes)
    assert sum(blind.populations["out"].warnings.values()) > 0
    assert sum(seen.populations["out"].warnings.values()) == 0


def test_latencies_count_synapses_and_skips_wait():
    rng = np.random.default_rng(6)
    net = chain(rng, lif, (4, 4, 4))
    skip = dense("input", "out", rng.normal(size=(4, 4)), (4,), (4,))
    net = graph(net.populations, [*net.projections, skip])
    assert chip_latencies(net) == {"input": 0, "hidden0": 1, "out": 2}
    program = realise(net, FORMATS)
    assert [int(chip_delay(program, p)) for p in program.projections] == [1, 1, 2]


def loop(steps):
    rng = np.random.default_rng(7)
    net = chain(rng, lif, (4, 4))
    back = dense("out", "out", rng.normal(size=(4, 4)), (4,), (4,), delay=Delay(np.array(steps)))
    return graph(net.populations, [*net.projections, back])


def test_a_cycle_with_a_step_of_delay_is_exact():
    assert chip_latencies(loop(1)) == {"input": 0, "out": 1}


def test_a_cycle_without_delay_is_refused():
    with pytest.raises(UnsupportedError, match="cycle"):
        chip_latencies(loop(0))


def test_delays_beyond_the_chip_are_violations():
    program = realise(loop(64), FORMATS)
    (violation,) = LOIHI.violations(program, LOIHI2)
    assert violation.rule == "loihi2.synaptic-delay"
    assert "63 steps" in violation.needs
    assert "62 steps" in violation.has
    assert LOIHI.violations(realise(loop(63), FORMATS), LOIHI2) == ()


def test_direct_input_is_refused_with_a_remedy():
    net = chain(np.random.default_rng(0))
    net = replace(net, encoding=replace(net.encoding, kind="direct"))
    with pytest.raises(UnsupportedError, match="--encoding if"):
        LOIHI.realise(net, LOIHI2)


def test_any_batch_gives_the_same_spikes():
    rng = np.random.default_rng(8)
    net = conv_net(rng)
    spikes = spikes_for(net, rng, samples=7)
    program = realise(net, FORMATS)
    whole = run(net, program, spikes)
    for batch in (1, 3):
        part, _ = simulate(program, spikes, LOIHI.arithmetic(net), RunOptions(batch=batch))
        assert differing(net, whole, part) == 0


@pytest.mark.parametrize("neuron", [lif, cuba])
def test_a_decay_below_zero_is_refused(neuron):
    """An Euler step longer than a time constant turns the sign, which no chip decay does."""
    net = chain(np.random.default_rng(0), neuron, discretization=NORSE.override(dt=6e-3))
    with pytest.raises(UnsupportedError, match="no longer than the shortest"):
        realise(net, FORMATS)


@pytest.mark.parametrize(("early_bias", "noted"), [("dropped", True), ("kept", False)])
def test_a_recurrent_bias_that_begins_late_is_reported(early_bias, noted):
    rng = np.random.default_rng(9)
    net = chain(rng, lif, (4, 4), discretization=NORSE.override(early_bias=early_bias))
    delay = Delay(np.array(1))
    back = dense("out", "out", rng.normal(size=(4, 4)), (4,), (4,), np.ones(4), delay=delay)
    net = graph(net.populations, [*net.projections, back], net.discretization)
    assert any("delayed projection" in note for note in realise(net, FORMATS).notes) == noted
