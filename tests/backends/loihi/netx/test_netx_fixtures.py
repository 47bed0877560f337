"""Files that other people made with lava-dl, with the spikes that they published."""

from __future__ import annotations

import numpy as np

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.netx import bias_writes, pipelined, read_net
from snn2chip.engine import simulate

from .netx_golden import engine


def tiny(folder):
    """The program, its biases [C, H, W], and the published spikes [step, C, H, W] by layer."""
    program = read_net(folder / "tiny.net")
    bias = np.load(folder / "input_bias.npy").transpose()
    files = {"layer0": "input", "layer1": "layer1", "layer2": "output"}
    published = {k: np.load(folder / f"{v}.npy")[0].transpose(3, 0, 1, 2) for k, v in files.items()}
    return program, bias, published


def test_tiny_equals_the_published_spikes(shared_fixtures):
    """lava-dl's own test resets each layer before its first spikes arrive, as slayer runs them."""
    program, bias, published = tiny(shared_fixtures / "lava_dl" / "tiny")
    spikes = bias_writes(bias[np.newaxis], False, 15, "tiny")
    activity, _ = simulate(pipelined(program), {"input": spikes}, LoihiArithmetic("lava"))
    for layer, expected in published.items():
        found = activity.populations[layer].spikes.unpack()[:, 0]
        assert expected[0].sum() == 0, "the published spikes begin one step late"
        assert expected.sum() > 90
        np.testing.assert_array_equal(found, expected[1:], layer)


def test_tiny_runs_freely_otherwise(shared_fixtures):
    """Layers before which nothing is reset integrate their bias early, and differ."""
    program, bias, published = tiny(shared_fixtures / "lava_dl" / "tiny")
    found = engine(program, bias_writes(bias[np.newaxis], False, 16, "tiny")[:, 0])
    np.testing.assert_array_equal(found["layer0"]["spikes"][:15], published["layer0"][1:])
    assert (found["layer1"]["spikes"][1:] != published["layer1"][1:]).any()


def test_oxford_equals_the_published_spikes(shared_fixtures):
    """No shift is needed: each synapse takes one step in both."""
    folder = shared_fixtures / "lava_dl" / "oxford"
    program = read_net(folder / "network.net")
    with np.load(folder / "spikes.npz") as file:
        given, expected = file["input"].T, file["layer1"].T
    found = engine(program, given)["layer0"]["spikes"]
    assert expected.sum() == 1826
    np.testing.assert_array_equal(found, expected)
    # Without bias, layers that wait for their first spikes do the same, one step earlier each.
    activity, _ = simulate(
        pipelined(program), {"input": given[:, np.newaxis]}, LoihiArithmetic("lava")
    )
    windowed = activity.populations["layer0"].spikes.unpack()[:, 0]
    np.testing.assert_array_equal(windowed[:-1], expected[1:])
