"""The two arithmetics: where they differ, what is a violation, and how a user names them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snn2chip
from snn2chip.backends import find_backend
from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.modes import CHIP, LAVA
from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.engine import RunOptions, simulate
from snn2chip.errors import ConfigError
from snn2chip.graph import Conv, Dense, Encoding, Readout
from snn2chip.targets import load_target

from .netx.net_files import cuba, dense, write_net
from .netx.test_netx_chain import command

NEURON = {"du": 4095, "dv": 100, "vth": 300, "bias_mant": 0, "bias_exp": 0, "v0": 0}


def network(operator, arithmetic=CHIP, exponent=0, **neuron):
    parameters = {key: np.array(value) for key, value in {**NEURON, **neuron}.items()}
    return Program(
        name="two",
        arithmetic=arithmetic,
        populations=(
            ProgramPopulation("in", "input", "input", operator.source_shape),
            ProgramPopulation("out", "cuba", "CubaLIF", operator.target_shape, parameters),
        ),
        projections=(
            ProgramProjection(
                "in", "out", operator, parameters={"exponent": np.array(exponent)}, weight_bits=8
            ),
        ),
        outputs=("out",),
        readout=Readout("spike_count"),
        encoding=Encoding(),
    )


def square(*weights):
    return Dense(np.array([weights]), (len(weights),), (1,))


def kernel(weight):
    return Conv(np.full((1, 1, 1, 1), weight), (1, 2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)


def rules(program, activity=None):
    backend = find_backend("loihi")
    target = load_target("loihi2")
    found = backend.violations(program, target, activity)
    assert all(v.object in ("out", "in->out") and v.source and v.remedy for v in found)
    return [v.rule.removeprefix("loihi2.") for v in found]


def u(program, mode, spikes):
    options = RunOptions(trace=True, trace_state=True)
    activity, trace = simulate(program, {"in": spikes}, LoihiArithmetic(mode), options)
    return activity, trace.arrays["out.u"]


BROKEN = [
    ("bias-mantissa", {"bias_mant": 4096}, square(2, -2), 0),
    ("bias-mantissa", {"bias_mant": [-4097]}, square(2, -2), 0),
    ("bias-exponent", {"bias_exp": -1}, square(2, -2), 0),
    ("bias-exponent", {"bias_exp": 8}, square(2, -2), 0),
    ("threshold", {"vth": 131072}, square(2, -2), 0),
    ("threshold", {"vth": -1}, square(2, -2), 0),
    ("decay", {"du": 4096}, square(2, -2), 0),
    ("decay", {"dv": 4097}, square(2, -2), 0),
    ("state", {"v0": 2**23}, square(2, -2), 0),
    ("weight-bits", {}, square(2, -1), 0),
    ("weight-bits", {}, square(256, 2), 0),
    ("weight-bits", {}, square(-258, 2), 0),
    ("weight-bits", {}, kernel(300), 0),
    ("weight-exponent", {}, square(2, -2), 8),
    ("weight-exponent", {}, square(2, -2), -8),
    ("weight-exponent", {}, kernel(30), -1),
]


@pytest.mark.parametrize(("rule", "neuron", "operator", "exponent"), BROKEN, ids=range(len(BROKEN)))
def test_what_no_chip_holds_is_a_violation_of_the_chip_only(rule, neuron, operator, exponent):
    program = network(operator, exponent=exponent, **neuron)
    assert rules(program) == [rule]
    assert rules(replace(program, arithmetic=LAVA)) == []


@pytest.mark.parametrize(
    ("neuron", "operator", "exponent"),
    [
        ({"bias_mant": [-4096], "bias_exp": 7, "vth": 131071}, square(254, -256), 7),
        ({"du": -1, "dv": 4096, "v0": 1 - 2**23}, square(255, 1), -7),
        ({"du": 4095, "dv": 0, "vth": 0}, square(-255, -1), 0),
        ({}, kernel(-255), 0),
    ],
    ids=("bias", "states", "inhibitory", "kernel"),
)
def test_the_edges_of_the_formats_fit(neuron, operator, exponent):
    assert rules(network(operator, exponent=exponent, **neuron)) == []


def test_convolutions_ignore_their_exponent_in_lava():
    program = network(kernel(12), exponent=-2)
    spikes = np.ones((1, 1, 1, 2, 2), bool)
    assert (u(program, "chip", spikes)[1] == 3 << 6).all()
    assert (u(program, "lava", spikes)[1] == 12 << 6).all()


def test_a_second_wrap_is_a_violation_of_the_run():
    program = network(Dense(np.full((1, 4500), 255), (4500,), (1,)), dv=4096, vth=131071)
    spikes = np.zeros((3, 2, 4500), bool)
    spikes[1, 0, :] = True
    activity, chip = u(program, "chip", spikes)
    _, lava = u(program, "lava", spikes)
    assert (chip[0, 1] != lava[0, 1]).all()
    assert (chip[0, 1] - lava[0, 1]) % 2**24 == 0
    assert np.abs(chip).max() <= 2**23 < np.abs(lava).max()
    assert activity.populations["out"].warnings["u_beyond_24_bits"] == 1
    assert rules(program, activity) == ["state"]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_both_agree_where_nothing_is_violated(seed):
    rng = np.random.default_rng(seed)
    weights = 2 * rng.integers(-128, 128, size=(4, 30))
    program = network(
        Dense(weights, (30,), (4,)),
        exponent=int(rng.integers(-7, 8)),
        du=int(rng.integers(-1, 4096)),
        dv=int(rng.integers(0, 4097)),
        vth=int(rng.integers(0, 2**17)),
        bias_mant=rng.integers(-4096, 4096, size=4),
        bias_exp=int(rng.integers(0, 8)),
    )
    spikes = rng.random((40, 2, 30)) < rng.random()
    activity, chip = u(program, "chip", spikes)
    if not rules(program, activity):
        np.testing.assert_array_equal(u(program, "lava", spikes)[1], chip)


@pytest.fixture
def nine_bits(tmp_path):
    """A .net whose odd weights beyond 127 take nine bits in Lava, with its data."""
    weight = np.array([[201, -77, 30], [-203, 129, 5]]) * 1.0
    path = tmp_path / "odd.net"
    write_net(path, [dense(weight, cuba(60, 4096, 128))])
    x = (np.random.default_rng(3).random((4, 12, 3)) < 0.5).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x=x)
    return path, tmp_path / "x.npz"


def test_a_net_runs_as_lava_does_and_says_so(nine_bits, tmp_path):
    net, data = nine_bits
    report = tmp_path / "r.json"
    assert command("simulate", net, "--data", data, "--json", report) == 0
    assert json.loads(report.read_text())["target"]["arithmetic"] == LAVA


def test_a_net_on_the_chip_has_violations(nine_bits, tmp_path, capsys):
    net, data = nine_bits
    report = tmp_path / "r.json"
    code = command("simulate", net, "--data", data, "--arithmetic", "chip", "--json", report)
    assert code == 5
    assert "loihi2.weight-bits" in capsys.readouterr().err
    assert json.loads(report.read_text())["target"]["arithmetic"] == CHIP
    assert command("check", net) == 0
    assert command("check", net, "--arithmetic", "chip") == 5


def test_graphs_run_on_the_chip_unless_told_otherwise():
    options = {"samples": 4, "steps": 8}
    chip = snn2chip.simulate("digits-mlp", **options)
    lava = snn2chip.simulate("digits-mlp", arithmetic="lava", **options)
    assert chip.result.activity.arithmetic == chip.result.program.arithmetic == CHIP
    assert lava.result.activity.arithmetic == lava.result.program.arithmetic == LAVA
    assert chip.violations == lava.violations == ()
    np.testing.assert_array_equal(chip.result.activity.scores, lava.result.activity.scores)


def test_a_compiled_folder_runs_in_both(tmp_path):
    snn2chip.compile("digits-mlp", tmp_path / "out", samples=4)
    for mode, name in ((None, CHIP), ("chip", CHIP), ("lava", LAVA)):
        run = snn2chip.simulate(tmp_path / "out", samples=4, arithmetic=mode)
        assert run.result.activity.arithmetic == name


def test_compile_emits_for_the_chip_only(tmp_path):
    with pytest.raises(ConfigError, match="--arithmetic lava"):
        snn2chip.compile("digits-mlp", tmp_path / "out", arithmetic="lava")
    assert not (tmp_path / "out").exists()


def test_other_names_are_refused(nine_bits, capsys):
    net, data = nine_bits
    assert command("simulate", net, "--data", data, "--arithmetic", "lawa") == 2
    assert "lava" in capsys.readouterr().err
    assert command("simulate", "--target", "reference", "--arithmetic", "chip") == 2
    with pytest.raises(ConfigError, match="arithmetic"):
        snn2chip.simulate(net, data=str(data), arithmetic=3)
