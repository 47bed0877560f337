"""SDNN and RF files from the command line on, and the numbers that their neurons get."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import snn2chip
from snn2chip.backends.loihi.netx import read_net
from snn2chip.backends.loihi.netx.graded import _through_period

from .net_files import cuba, dense, write_net
from .test_netx_chain import command

SDNN = {"type": "SDNN", "vThMant": 3}
RF = {"type": "RF_PHASE", "sinDecay": 1500, "cosDecay": 3700, "vThMant": 20}


@pytest.fixture
def sigma_delta(tmp_path):
    """Values into a delta encoder, a layer of sigma-delta neurons, and a decoder."""
    rng = np.random.default_rng(4)
    layers = [
        {"type": "input", "shape": np.array([4]), "neuron": SDNN, "weight": 64, "bias": 0},
        dense(rng.integers(-90, 120, (3, 4)), SDNN, bias=np.array([64, -64, 0])),
        dense(rng.integers(-90, 120, (2, 3)), {**SDNN, "sigma_output": True}),
    ]
    write_net(tmp_path / "sdnn.net", layers)
    x = rng.integers(-60, 200, (3, 4))
    np.savez(tmp_path / "x.npz", x=x)
    return layers, tmp_path / "sdnn.net", tmp_path / "x.npz", x


def test_a_sigma_delta_network_settles_at_its_activations(sigma_delta, tmp_path):
    """With static values the decoded output becomes W2 relu(W1 x + b), up to what is not sent."""
    layers, net, data, x = sigma_delta
    trace, report = tmp_path / "t.npz", tmp_path / "r.json"
    files = ("--trace", trace, "--trace-state", "--json", report)
    assert command("simulate", net, "--data", data, "--steps", 9, *files) == 0
    # a_in comes times 2^6 (spike_exp); all weights are exact.
    one, two = (layer["weight"].astype(int) for layer in layers[1:])
    hidden = np.maximum(x * 64 @ one.T + np.array([64, -64, 0]) * 4096, 0)
    with np.load(trace) as arrays:
        found = arrays["layer1.act"][:, -1]
        sent = arrays["layer1"].sum(axis=1)
        np.testing.assert_array_equal(found, hidden)
        np.testing.assert_array_equal(arrays["layer2"][:, -1], sent @ two.T)
        # One unit of 2^6 at most is lost per spike that is sent.
        assert (np.abs(sent * 64 - hidden) <= 3 * 4096 + 64 * 9).all()
    layer = json.loads(report.read_text())["layers"][1]
    assert layer["spikes"] > 0


def test_its_layers_are_shown(sigma_delta, capsys):
    assert command("info", sigma_delta[1]) == 0
    text = capsys.readouterr().out
    for shown in ("Delta", "SigmaDelta", "Sigma", "state_exp 6"):
        assert shown in text
    assert command("check", sigma_delta[1]) == 0


def test_its_score_is_what_the_decoder_said(sigma_delta):
    _, net, data, _ = sigma_delta
    run = snn2chip.simulate(net, data=str(data), steps=9, trace=True)
    expected = run.result.trace.arrays["layer2"].sum(axis=1)
    np.testing.assert_array_equal(run.result.activity.scores, expected)


def test_resonators_run(tmp_path, capsys):
    rng = np.random.default_rng(2)
    parts = {part: rng.integers(-90, 120, (5, 4)) * 1.0 for part in ("real", "imag")}
    layers = [dense(np.ones((5, 4)), RF) | {"weight": parts}, dense(np.ones((2, 5)) * 90, cuba(60))]
    write_net(tmp_path / "rf.net", layers)
    np.savez(tmp_path / "x.npz", x=(rng.random((2, 30, 4)) < 0.5).astype(np.uint8))
    run = snn2chip.simulate(tmp_path / "rf.net", data=str(tmp_path / "x.npz"))
    assert run.spikes("layer0").any()
    assert run.spikes("layer1").any()
    # Every spike goes through two synapses to each resonator.
    assert run.layers[1].counts.synaptic_events == 2 * 5 * run.spikes("input").sum()
    assert command("info", tmp_path / "rf.net") == 0
    assert "decay_bits 12" in capsys.readouterr().out


@given(st.integers(-4096, 4096), st.integers(-4096, 4096))
def test_decays_come_back_from_their_period_cut_by_one_at_most(sine, cosine):
    for given_, made in zip((sine, cosine), _through_period(sine, cosine), strict=True):
        assert abs(given_ - made) <= 1
        assert abs(made) <= abs(given_)


def test_a_threshold_wraps_as_lava_holds_it(tmp_path):
    write_net(tmp_path / "n.net", [dense(np.ones((2, 2)), {**SDNN, "vThMant": 2**19 + 1})])
    assert int(read_net(tmp_path / "n.net").populations[1].parameters["vth"]) == 4096 - 2**31
