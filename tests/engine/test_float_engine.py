"""The engine in float64 equals the plain run of the graph, for any model, delay, loop and cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn2chip.backends.reference.arithmetic import Float64, realise
from snn2chip.engine import RunOptions, simulate
from snn2chip.errors import UnsupportedError
from snn2chip.graph import Readout
from snn2chip.graph.operators import with_weights
from snn2chip.graph.oracle import run_graph
from tests.examples import examples
from tests.networks import NORSE, chain, spikes_for

from .graphs import graphs

STEPS, SAMPLES = 9, 3


def run(net, spikes, **options):
    arithmetic = Float64(net.discretization)
    return simulate(realise(net), {"in": spikes}, arithmetic, RunOptions(**options))


def oracle_score(net, outputs):
    out = outputs["out"]
    match net.readout.kind:
        case "spike_count":
            return out.sum(axis=0)
        case "v_last":
            return out[-1]
        case "v_max":
            return out.max(axis=0)
        case _:
            return out.mean(axis=0)


@settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
@given(graphs(), st.sampled_from([1, 2, 3]), st.sampled_from([None, 1, 4]))
def test_the_engine_equals_the_plain_run(drawn, batch, block_steps):
    net, rng = drawn
    spikes = rng.random((STEPS, SAMPLES, *net.population("in").shape)) < 0.4
    expected = run_graph(net, spikes)
    activity, trace = run(
        net, spikes, batch=batch, block_steps=block_steps, trace=True, trace_state=True
    )
    for population in net.populations[1:]:
        name = population.name
        v = np.moveaxis(trace.arrays[f"{name}.v"], 0, 1)
        np.testing.assert_allclose(v, expected[f"{name}.v"], atol=1e-12)
        if population.neuron.spiking:
            sent = np.moveaxis(trace.arrays[name], 0, 1)
            np.testing.assert_array_equal(sent, expected[name])
            got = activity.populations[name].spikes.unpack()
            np.testing.assert_array_equal(got, expected[name] != 0)
    np.testing.assert_allclose(activity.scores, oracle_score(net, expected), atol=1e-12)


def test_updates_follow_their_definition():
    """State non-zero at the start, or an arriving event, or a bias, or a spike."""
    rng = np.random.default_rng(0)
    net = chain(rng, sizes=(4, 3, 2))
    spikes = spikes_for(net, rng, rate=0.1, steps=12)
    activity, _ = simulate(realise(net), spikes, Float64(NORSE))
    expected = run_graph(net, spikes)
    for source, target in (("input", "hidden0"), ("hidden0", "out")):
        v = expected[f"{target}.v"]
        before = np.concatenate([np.zeros((1, *v.shape[1:])), v[:-1]])
        event = expected[source].reshape(12, 4, -1).any(axis=2)[..., None]
        updated = (before != 0) | event | (expected[target] != 0)
        np.testing.assert_array_equal(activity.populations[target].updated.unpack(), updated)
    assert not activity.populations["input"].updated.total()


def test_a_bias_keeps_every_neuron_awake():
    rng = np.random.default_rng(1)
    net = chain(rng, sizes=(4, 3), bias=True)
    silence = {"input": np.zeros((5, 2, 4), bool)}
    activity, _ = simulate(realise(net), silence, Float64(NORSE))
    assert activity.populations["out"].updated.unpack().all()


def test_peaks_bound_the_membranes():
    rng = np.random.default_rng(2)
    net = chain(rng, sizes=(6, 5, 3))
    spikes = spikes_for(net, rng)
    activity, _ = simulate(realise(net), spikes, Float64(NORSE))
    expected = run_graph(net, spikes)
    for name in ("hidden0", "out"):
        peak = np.abs(expected[f"{name}.v"]).max()
        assert activity.populations[name].peak_v == pytest.approx(peak, rel=1e-12)


def test_progress_counts_samples():
    rng = np.random.default_rng(3)
    net = chain(rng, sizes=(4, 3))
    told = []
    simulate(
        realise(net),
        spikes_for(net, rng, samples=5),
        Float64(NORSE),
        RunOptions(batch=2),
        lambda done, total: told.append((done, total)),
    )
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_a_membrane_readout_of_spiking_neurons_is_refused():
    rng = np.random.default_rng(4)
    net = replace(chain(rng, sizes=(4, 3)), readout=Readout("v_last"))
    with pytest.raises(UnsupportedError, match="v_last"):
        simulate(realise(net), spikes_for(net, rng), Float64(NORSE))


@pytest.mark.parametrize("permuted", [0, 1])
def test_permuting_neurons_permutes_spikes(permuted):
    rng = np.random.default_rng(5)
    net = chain(rng, sizes=(6, 5, 4))
    spikes = spikes_for(net, rng)
    order = rng.permutation(5)
    first, second = net.projections
    shuffled = replace(
        net,
        projections=(
            replace(first, operator=with_weights(first.operator, first.operator.weight[order])),
            replace(
                second, operator=with_weights(second.operator, second.operator.weight[:, order])
            ),
        ),
    )
    one, _ = simulate(realise(net), spikes, Float64(NORSE), RunOptions(batch=permuted + 1))
    other, _ = simulate(realise(shuffled), spikes, Float64(NORSE))
    hidden = one.populations["hidden0"].spikes.unpack()[..., order]
    np.testing.assert_array_equal(hidden, other.populations["hidden0"].spikes.unpack())
    np.testing.assert_array_equal(one.scores, other.scores)
