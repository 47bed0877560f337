"""The golden traces of Lava, and the Program of each of their cases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.graph import Conv, Delay, Dense, Encoding, Readout
from snn2chip.quantize import sign_mode, weight_range

FILE = Path(__file__).with_name("golden") / "lava_0_10_0.npz"


def load():
    """(descriptions by name, arrays by key)."""
    with np.load(FILE, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    cases = [json.loads(str(text)) for text in arrays.pop("cases")]
    return {case["name"]: case for case in cases}, arrays


def truncate(weights, bits=8, mode=None):
    """Lava's weights of ``bits`` bits: rounded down, of an inhibitory projection toward zero."""
    mode = mode or sign_mode(weights)
    low, high, step = weight_range(mode, bits)
    floor = -(-weights // step) if mode == "inhibitory" else weights // step
    return np.clip(floor * step, low, high)


def channels_first(shape):
    """(C, H, W) of Lava's (W, H, C); other shapes as they are."""
    return tuple(reversed(shape))


def image(array):
    """[step, *C, H, W] of Lava's recording [step, W, H, C]."""
    return array.transpose(0, *range(array.ndim - 1, 0, -1))


def program(case, arrays):
    """Our program of a case: Lava runs freely, and each synapse takes one step."""
    shapes = {"in": channels_first(case["input"])}
    shapes.update((n, channels_first(p["shape"])) for n, p in case["populations"].items())
    populations = [ProgramPopulation("in", "input", "input", shapes["in"])]
    populations += [_population(n, p, shapes[n]) for n, p in case["populations"].items()]
    last = populations[-1].name
    return Program(
        name=case["name"],
        arithmetic="loihi-lava",
        populations=tuple(populations),
        projections=tuple(
            _projection(p, case["name"], arrays, shapes) for p in case["projections"]
        ),
        outputs=(last,),
        readout=Readout("spike_count"),
        encoding=Encoding(),
    )


def _population(name, given, shape):
    keys = ("du", "dv", "vth", "bias_mant", "bias_exp")
    parameters = {key: np.array(given[key]) for key in keys}
    return ProgramPopulation(
        name, "cuba", "CubaLIF", shape, parameters={**parameters, "v0": np.array(given["v"])}
    )


def _projection(given, case, arrays, shapes):
    source, target = given["source"], given["target"]
    weights = arrays[f"{case}/{source}->{target}.weights"].astype(np.int64)
    is_conv = given["kind"] == "conv"
    make = make_conv if is_conv else make_dense
    delays = arrays.get(f"{case}/{source}->{target}.delays", np.zeros((), np.int64))
    return ProgramProjection(
        source=source,
        target=target,
        operator=make(given, weights, shapes[source], shapes[target]),
        delay=Delay(1 + delays.astype(np.int64), "synapse" if delays.ndim else "all"),
        parameters={"exponent": np.array(0 if is_conv else given.get("weight_exp", 0))},
        weight_bits=8,
    )


def make_dense(given, weights, source_shape, target_shape):
    mode = given["sign_mode"].lower() if "sign_mode" in given else None
    weights = truncate(weights, given.get("num_weight_bits", 8), mode)
    return Dense(in_our_order(weights, source_shape), source_shape, target_shape)


def in_our_order(matrix, source_shape):
    """A matrix [target, source] whose columns go as Lava flattens an image, in our order."""
    if len(source_shape) == 1:
        return matrix
    lava_order = np.arange(matrix.shape[1]).reshape(channels_first(source_shape))
    return matrix[:, lava_order.transpose().reshape(-1)]


def make_conv(given, weights, source_shape, target_shape):
    """Lava convolves, we correlate; formats of convolutions are ignored by Lava."""
    operator = Conv(
        weight=weights[:, ::-1, ::-1].transpose(0, 3, 2, 1),
        source_shape=source_shape,
        stride=tuple(reversed(given.get("stride", (1, 1)))),
        padding=tuple((n, n) for n in reversed(given.get("padding", (0, 0)))),
        dilation=tuple(reversed(given.get("dilation", (1, 1)))),
        groups=given.get("groups", 1),
    )
    assert operator.target_shape == target_shape
    return operator
