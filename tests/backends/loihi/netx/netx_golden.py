"""The golden traces of Lava with netx, and how its layout becomes ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.netx import bias_writes
from snn2chip.engine import RunOptions, simulate

FILE = Path(__file__).with_name("golden") / "netx_0_6_0.npz"
STATES = ("spikes", "u", "v")


def load():
    """(descriptions by name, arrays by key)."""
    with np.load(FILE, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    cases = [json.loads(str(text)) for text in arrays.pop("cases")]
    return {case["name"]: case for case in cases}, arrays


CASES, ARRAYS = load()


def net_file(name, folder):
    """The file that Lava read."""
    path = folder / f"{name}.net"
    path.write_bytes(ARRAYS[f"{name}/net"].tobytes())
    return path


def image(array):
    """[step, *C, H, W] of Lava's recording [step, W, H, C]."""
    return array.transpose(0, *range(array.ndim - 1, 0, -1))


def given(program, name):
    """What goes into the program's input, [step, *shape]; biases where the file has neurons."""
    array, steps = ARRAYS[f"{name}/input"], CASES[name]["steps"]
    if program.encoding.kind == "direct":
        return bias_writes(array.transpose()[np.newaxis], False, steps, name)[:, 0]
    spikes = image(array)
    return spikes.reshape(len(spikes), *program.inputs[0].shape)


def lava(name):
    """{population: {spikes, u, v}}, each [step, *C, H, W]."""
    return {
        layer: {key: image(ARRAYS[f"{name}/{layer}.{key}"]) for key in STATES}
        for layer in CASES[name]["layers"]
    }


def engine(program, spikes, **options):
    """{population: {spikes, u, v}}, each [chip step, *shape], of one sample."""
    chosen = RunOptions(trace=True, trace_state=True, **options)
    source = program.inputs[0].name
    _, trace = simulate(program, {source: spikes[:, np.newaxis]}, LoihiArithmetic("lava"), chosen)
    return {
        p.name: {
            "spikes": trace.arrays[p.name][0],
            "u": trace.arrays[f"{p.name}.u"][0],
            "v": trace.arrays[f"{p.name}.v"][0],
        }
        for p in program.populations
        if not p.is_input
    }


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for population, arrays in expected.items():
        for key, values in arrays.items():
            np.testing.assert_array_equal(found[population][key], values, f"{population}.{key}")
