"""``--reset-interval``: states cleared layer after layer, as netx pipelines its resets."""

from __future__ import annotations

import numpy as np
import pytest

import snn2chip
from snn2chip.backends.loihi.netx import read_net, with_resets
from snn2chip.backends.loihi.oracle import run_sample
from snn2chip.errors import ConfigError

from .net_files import cuba, dense, write_net
from .netx_golden import assert_equal, engine
from .test_netx_chain import command

STEPS = 23


@pytest.fixture
def net(tmp_path):
    """Two leaky layers with biases, which remember for long."""
    rng = np.random.default_rng(8)
    layers = [
        dense(rng.integers(-20, 40, (4, 3)) * 1.0, cuba(60, 300, 20), bias=rng.integers(0, 9, 4)),
        dense(rng.integers(-20, 40, (2, 4)) * 1.0, cuba(90, 300, 20), bias=rng.integers(0, 9, 2)),
    ]
    write_net(tmp_path / "two.net", layers)
    x = (rng.random((2, STEPS, 3)) < 0.4).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x=x)
    return tmp_path / "two.net", tmp_path / "x.npz", x


def states(net, x, interval, offset=0, **options):
    program = with_resets(read_net(net), interval, offset)
    return engine(program, np.asarray(x), **options)


def test_each_layer_is_reset_one_step_after_the_one_before(net):
    """Without input and bias a state is 0 from its reset on, at Lava's step offset + 1 + layer."""
    program = with_resets(read_net(net[0]), 7, 3)
    assert [int(p.parameters["reset_offset"]) for p in program.populations[1:]] == [4, 5]
    assert {int(p.parameters["reset_interval"]) for p in program.populations[1:]} == {7}
    assert [p.model for p in program.populations[1:]] == ["cuba_reset", "cuba_reset"]
    assert "reset every 7 steps" in program.notes[-1]


@pytest.mark.parametrize(("interval", "offset"), [(1, 0), (5, 0), (7, 3), (6, 25), (50, 1)])
@pytest.mark.parametrize("block_steps", [None, 4])
def test_the_engine_equals_the_oracle(interval, offset, block_steps, net):
    program = with_resets(read_net(net[0]), interval, offset)
    run = run_sample(program, {"input": net[2][0]}, STEPS)
    found = states(net[0], net[2][0], interval, offset, block_steps=block_steps)
    expected = {
        name: {key: getattr(run, key)[name] for key in ("spikes", "u", "v")}
        for name in ("layer0", "layer1")
    }
    assert_equal(found, expected)


def test_a_reset_begins_as_a_first_step(net):
    """From its reset on, the first layer does what a fresh one does with the same input."""
    whole = states(net[0], net[2][0], 9)["layer0"]
    # Lava resets it before its step 10, which is row 9; the spikes of row 8 arrive there.
    fresh = states(net[0], net[2][0][8:17], 9, 5)["layer0"]
    bias = engine(read_net(net[0]), net[2][0][8:17])["layer0"]
    assert (whole["v"][9:17] != engine(read_net(net[0]), net[2][0])["layer0"]["v"][9:17]).any()
    assert not np.array_equal(fresh["v"], bias["v"])


def test_the_command_resets(net, tmp_path):
    path, data, x = net
    trace = tmp_path / "t.npz"
    options = ("--reset-interval", 6, "--reset-offset", 2, "--trace", trace, "--trace-state")
    assert command("simulate", path, "--data", data, *options) == 0
    expected = states(path, x[1], 6, 2)
    with np.load(trace) as arrays:
        for layer, values in expected.items():
            np.testing.assert_array_equal(arrays[f"{layer}.v"][1], values["v"])
            np.testing.assert_array_equal(arrays[layer][1], values["spikes"])


def test_the_interface_resets(net):
    path, data, _ = net
    free = snn2chip.simulate(path, data=str(data))
    opened = snn2chip.load(path, reset_interval=6)
    cleared = snn2chip.simulate(opened, data=str(data))
    assert (free.spikes("layer1") != cleared.spikes("layer1")).any()
    assert any("reset every 6 steps" in note for note in cleared.result.program.notes)
    with pytest.raises(ConfigError, match="--reset-interval"):
        snn2chip.simulate(opened, data=str(data), reset_interval=6)


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        (("--reset-interval", 0), "--reset-interval"),
        (("--reset-interval", "often"), "--reset-interval"),
        (("--reset-interval", 4, "--reset-offset", -1), "--reset-offset"),
        (("--reset-offset", 3), "--reset-offset without --reset-interval"),
    ],
)
def test_wrong_values_end_with_2(options, fragment, net, capsys):
    assert command("simulate", net[0], "--data", net[1], *options) == 2
    assert fragment in capsys.readouterr().err


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "6"])
def test_wrong_values_of_the_interface(value, net):
    with pytest.raises(ConfigError, match="reset_interval"):
        snn2chip.load(net[0], reset_interval=value)


def test_other_networks_have_no_resets(capsys):
    assert command("simulate", "digits-mlp", "--reset-interval", 4) == 2
    assert "a .net file" in capsys.readouterr().err
