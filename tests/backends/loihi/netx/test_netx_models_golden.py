"""Resets, sigma-delta and resonators of ``.net`` files: engine and oracle equal Lava with netx."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.netx import bias_writes, read_net, with_resets
from snn2chip.backends.loihi.oracle import run_sample
from snn2chip.engine import RunOptions, simulate

from .netx_golden import image

FILE = Path(__file__).with_name("golden") / "netx_models_0_6_0.npz"


def load():
    """(descriptions by name, arrays by key)."""
    with np.load(FILE, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    cases = [json.loads(str(text)) for text in arrays.pop("cases")]
    return {case["name"]: case for case in cases}, arrays


CASES, ARRAYS = load()
EVERY_CASE = pytest.mark.parametrize("name", CASES)


def read(name, folder):
    """The program of the file that Lava read, with the resets that netx was given."""
    path = folder / f"{name}.net"
    path.write_bytes(ARRAYS[f"{name}/net"].tobytes())
    given, program = CASES[name]["given"], read_net(path)
    if given:
        return with_resets(program, given["reset_interval"], given.get("reset_offset", 0))
    return program


def given_input(program, name):
    """[step, *shape]."""
    array, steps = ARRAYS[f"{name}/input"], CASES[name]["steps"]
    if program.encoding.kind == "direct":
        return bias_writes(array.transpose()[np.newaxis], False, steps, name)[:, 0]
    return image(array).reshape(steps, *program.inputs[0].shape)


def lava(name):
    """{population.state: [step, *C, H, W]}."""
    layers = tuple(f"{name}/{layer}." for layer in CASES[name]["layers"])
    return {k.partition("/")[2]: image(v) for k, v in ARRAYS.items() if k.startswith(layers)}


@EVERY_CASE
@pytest.mark.parametrize("block_steps", [None, 7])
def test_the_engine_equals_lava(name, block_steps, tmp_path):
    program = read(name, tmp_path)
    options = RunOptions(trace=True, trace_state=True, block_steps=block_steps)
    spikes = {program.inputs[0].name: given_input(program, name)[:, np.newaxis]}
    _, trace = simulate(program, spikes, LoihiArithmetic("lava"), options)
    expected = lava(name)
    for key, values in expected.items():
        found = trace.arrays[key.removesuffix(".spikes")][0]
        np.testing.assert_array_equal(found, values, key)
    assert {k for k in trace.arrays if "." in k} == {k for k in expected if "spikes" not in k}


@EVERY_CASE
def test_the_oracle_equals_lava(name, tmp_path):
    program, steps = read(name, tmp_path), 20
    run = run_sample(program, {program.inputs[0].name: given_input(program, name)}, steps)
    for key, values in lava(name).items():
        layer, state = key.split(".")
        found = run.spikes[layer] if state == "spikes" else run.states[state][layer]
        np.testing.assert_array_equal(found, values[:steps].reshape(steps, -1), key)


@EVERY_CASE
def test_the_case_is_not_silent(name):
    assert all(values.any() for key, values in lava(name).items() if key.endswith(".spikes"))


@pytest.mark.parametrize(
    ("name", "models", "fragment"),
    [
        ("sdnn_dense", ["delta_driven", "sigma_delta", "sigma"], "one packet per input"),
        ("sdnn_conv", ["delta_driven", "sigma_delta", "sigma_delta"], "whose 1.0 is 64"),
        ("sdnn_delays_then_cuba", ["delta_driven", "sigma_delta", "cuba"], "whose 1.0 is 64"),
        ("rf_phase", ["rf", "cuba"], "bias of resonators is ignored"),
        ("rf_iz", ["rf_iz", "cuba"], "bias of resonators is ignored"),
        ("reset_two_layers", ["cuba_reset", "cuba_reset"], "reset every 7 steps"),
        ("reset_input_neurons", ["cuba_driven_reset", "cuba_reset"], "reset every 9 steps"),
    ],
)
def test_models_and_notes(name, models, fragment, tmp_path):
    program = read(name, tmp_path)
    assert [p.model for p in program.populations if not p.is_input] == models
    assert any(fragment in note for note in program.notes)


def test_payloads_are_multiplied_behind_sigma_delta_neurons_only(tmp_path):
    program = read("sdnn_delays_then_cuba", tmp_path)
    assert [p.model for p in program.projections] == ["writes", "graded", "graded"]
    program = read("sdnn_of_spikes_recurrent", tmp_path)
    # netx asks the layer before how many bits a recurrent synapse's messages have.
    assert [p.model for p in program.projections] == ["spikes", "spikes", "graded"]


def test_sigma_delta_layers_are_never_reset(tmp_path):
    program = with_resets(read("sdnn_delays_then_cuba", tmp_path), 8, 0)
    assert [p.model for p in program.populations[1:]] == [
        "delta_driven",
        "sigma_delta",
        "cuba_reset",
    ]
    assert int(program.populations[-1].parameters["reset_offset"]) == 3
    assert "layer0, layer1: never reset" in program.notes[-1]


def test_the_file_stays_small():
    assert FILE.stat().st_size < 200_000
