"""Engine and oracle equal recordings of Lava 0.10.0's fixed-point engine, at every step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.oracle import run_sample
from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.engine import RunOptions, simulate
from snn2chip.graph import Delay, Dense, Encoding, Readout
from snn2chip.quantize import round_weights

from .lava_golden import FILE, image, load, program, truncate

CASES, ARRAYS = load()
STATES = ("spikes", "u", "v")
EVERY_CASE = pytest.mark.parametrize("name", CASES)


def given_input(name):
    """[step, *C, H, W]."""
    return image(ARRAYS[f"{name}/in.spikes"])


def lava(name):
    """{population: {spikes, u, v}}, each [step, *C, H, W]."""
    return {
        population: {key: image(ARRAYS[f"{name}/{population}.{key}"]) for key in STATES}
        for population in CASES[name]["populations"]
    }


def engine(network, spikes, options=None):
    """{population: {spikes, u, v}}, each [step, *shape]."""
    options = options or RunOptions(trace=True, trace_state=True)
    _, trace = simulate(network, {"in": spikes[:, np.newaxis]}, LoihiArithmetic("lava"), options)
    return {
        p.name: {
            "spikes": trace.arrays[p.name][0],
            "u": trace.arrays[f"{p.name}.u"][0],
            "v": trace.arrays[f"{p.name}.v"][0],
        }
        for p in network.populations
        if not p.is_input
    }


def oracle(network, spikes):
    """As ``engine``."""
    run = run_sample(network, {"in": spikes}, len(spikes))
    return {
        p.name: {key: getattr(run, key)[p.name].reshape(-1, *p.shape) for key in STATES}
        for p in network.populations
        if not p.is_input
    }


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for population, arrays in expected.items():
        for key, values in arrays.items():
            np.testing.assert_array_equal(found[population][key], values, f"{population}.{key}")


@EVERY_CASE
def test_the_engine_equals_lava(name):
    assert_equal(engine(program(CASES[name], ARRAYS), given_input(name)), lava(name))


@EVERY_CASE
def test_the_oracle_equals_lava(name):
    assert_equal(oracle(program(CASES[name], ARRAYS), given_input(name)), lava(name))


@EVERY_CASE
def test_blocks_of_time_equal_lava(name):
    options = RunOptions(block_steps=7, trace=True, trace_state=True)
    assert_equal(engine(program(CASES[name], ARRAYS), given_input(name), options), lava(name))


DENSE = [
    pytest.param(name, given, id=f"{name}-{given['source']}-{given['target']}")
    for name, case in CASES.items()
    for given in case["projections"]
    if given["kind"] != "conv"
]
OWN_SIGN_MODE = [case for case in DENSE if "sign_mode" not in case.values[1]]


@pytest.mark.parametrize(("name", "given"), DENSE)
def test_weights_are_truncated_as_lava_does(name, given):
    key = f"{name}/{given['source']}->{given['target']}"
    mode = given["sign_mode"].lower() if "sign_mode" in given else None
    bits = given.get("num_weight_bits", 8)
    found = truncate(ARRAYS[f"{key}.weights"], bits, mode)
    np.testing.assert_array_equal(found, ARRAYS[f"{key}.truncated"])


@pytest.mark.parametrize(("name", "given"), OWN_SIGN_MODE)
def test_our_rounding_keeps_what_lava_stores(name, given):
    """Weights that Lava has truncated are on the grid that quantization rounds to."""
    weights = ARRAYS[f"{name}/{given['source']}->{given['target']}.truncated"]
    rounded = round_weights(weights.astype(np.float64), given.get("num_weight_bits", 8))
    np.testing.assert_array_equal(rounded.weights, weights)
    assert rounded.clipped == 0


def test_the_traces_reach_the_edges_of_the_arithmetic():
    """Every case spikes, except where a threshold is out of reach; some wrap, some saturate."""
    spikes = {name: sum(a["spikes"].sum() for a in lava(name).values()) for name in CASES}
    assert [name for name, count in spikes.items() if count == 0] == [
        "current_at_two_to_23",
        "membrane_saturates",
    ]
    warnings = {}
    for name in ("current_wraps_at_24_bits", "membrane_saturates"):
        activity, _ = simulate(
            program(CASES[name], ARRAYS),
            {"in": given_input(name)[:, np.newaxis]},
            LoihiArithmetic("lava"),
        )
        for found in activity.populations.values():
            for key, count in found.warnings.items():
                warnings[key] = warnings.get(key, 0) + count
    assert warnings["u_wrapped"] > 0
    assert warnings["v_saturated"] > 0
    beyond = lava("current_beyond_32_bits")["kept"]["u"].astype(np.int64)
    assert np.abs(beyond).max() > 2**24


def test_a_wrong_threshold_would_be_noticed():
    network = program(CASES["mixed"], ARRAYS)
    source, out = network.populations
    lower = replace(out, parameters={**out.parameters, "vth": out.parameters["vth"] - 50})
    with pytest.raises(AssertionError):
        assert_equal(
            engine(replace(network, populations=(source, lower)), given_input("mixed")),
            lava("mixed"),
        )


def test_the_file_stays_small():
    assert FILE.stat().st_size < 300_000


def test_one_neuron_of_nir_on_lava(shared_fixtures):
    """A LIF that the authors of NIR ran on Lava: input spike, v, output spike at every step.

    The file's v is Lava's own integer: a weight of 10 arrives as 10 << 6.
    """
    rows = np.loadtxt(shared_fixtures / "nir" / "lif_lava_cpu_fixed.csv", delimiter=",")
    given, v, spikes = rows.astype(np.int64).T
    neuron = {"du": 4095, "dv": int(0.04 * 4095), "vth": 25, "bias_mant": 0, "bias_exp": 0, "v0": 0}
    parameters = {key: np.array(value) for key, value in neuron.items()}
    network = Program(
        name="lif",
        arithmetic="loihi-lava",
        populations=(
            ProgramPopulation("in", "input", "input", (1,)),
            ProgramPopulation("lif", "cuba", "LIF", (1,), parameters=parameters),
        ),
        projections=(
            ProgramProjection(
                "in",
                "lif",
                Dense(np.array([[int(0.04 * 256)]]), (1,), (1,)),
                delay=Delay(np.array(1)),
                parameters={"exponent": np.array(0)},
            ),
        ),
        outputs=("lif",),
        readout=Readout("spike_count"),
        encoding=Encoding(),
    )
    assert spikes.sum() == 4
    for run in (engine, oracle):
        found = run(network, given[:, np.newaxis].astype(np.uint8))["lif"]
        np.testing.assert_array_equal(found["v"][:, 0], v)
        np.testing.assert_array_equal(found["spikes"][:, 0], spikes)
