"""Networks as Lava is told of them, and the Program of each.

A network is a dict that JSON can hold: ``name``, ``steps``, ``input`` (shape), ``populations``
(name -> ``model``, ``shape`` and what Lava's process takes) and ``projections`` (``kind``,
``source``, ``target``, ``port``, ``options``). Arrays go by ``<network>/in`` (what is sent to it,
[step, *shape]) and ``<network>/<projection>.weights``, ``.delays``. Shapes are in Lava's order.
"""

from __future__ import annotations

import json

import numpy as np

from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.graph import Delay, Encoding, Readout, identity
from tests.backends.loihi.lava_golden import (
    channels_first,
    image,
    in_our_order,
    make_conv,
    make_dense,
)

MODELS = {
    "LIF": "cuba",
    "LIFReset": "cuba_reset",
    "TernaryLIF": "ternary",
    "Sigma": "sigma",
    "Delta": "delta",
    "SigmaDelta": "sigma_delta",
    "RF": "rf",
    "RF_IZ": "rf_iz",
}
CUBA = ("du", "dv", "bias_mant", "bias_exp")
KEYS = {
    "cuba": (*CUBA, "vth"),
    "cuba_reset": (*CUBA, "vth", "reset_interval", "reset_offset"),
    "ternary": (*CUBA, "vth_hi", "vth_lo"),
    "delta": ("cum_error", "spike_exp", "state_exp"),
    "sigma_delta": ("cum_error", "spike_exp", "state_exp"),
    "rf": ("decay_bits", "state_exp"),
    "rf_iz": ("decay_bits", "state_exp"),
}


def program(network, arrays):
    """The Program that computes what Lava does with the network."""
    shapes = {"in": channels_first(network["input"])}
    shapes |= {n: channels_first(p["shape"]) for n, p in network["populations"].items()}
    populations = [ProgramPopulation("in", "input", "input", shapes["in"])]
    for name, given in network["populations"].items():
        model = MODELS[given["model"]]
        parameters = {
            key: by_channel(np.array(value), shapes[name])
            for key, value in numbers(model, given).items()
        }
        populations.append(ProgramPopulation(name, model, given["model"], shapes[name], parameters))
    return Program(
        name=network["name"],
        arithmetic="loihi-lava",
        populations=tuple(populations),
        projections=tuple(
            projection(p, f"{network['name']}/{k}", arrays, shapes)
            for k, p in enumerate(network["projections"])
        ),
        outputs=(populations[-1].name,),
        readout=Readout("spike_count"),
        encoding=Encoding(),
    )


def by_channel(values, shape):
    """Values of an image's channels, which are Lava's last axis and our first."""
    return values.reshape(-1, 1, 1) if values.ndim == 1 and len(shape) == 3 else values


def numbers(model, given):
    """Our parameters of what Lava's process takes."""
    made = {key: given[key] for key in KEYS.get(model, ())}
    if "bias_mant" in made:
        made["v0"] = given.get("v", 0)
    if model in ("delta", "sigma_delta"):
        unit = 1 << (given["spike_exp"] + given["state_exp"])
        made["vth"] = int(given["vth"] * unit)
        made["cum_error"] = int(given["cum_error"])
    if model == "sigma_delta":
        made["bias"] = np.asarray(given["bias"]) * unit
        made["relu"] = int(given["act_mode"] == "RELU")
    if model.startswith("rf"):
        angle = 2 * np.pi / given["period"]
        size = (1 - given["alpha"]) * 2 ** given["decay_bits"]
        made["cos"], made["sin"] = int(size * np.cos(angle)), int(size * np.sin(angle))
        made["vth"] = int(given["vth"] * 2 ** given["state_exp"])
    return made


def projection(given, key, arrays, shapes):
    """Our projection; every synapse takes one step, and a direct connection none."""
    source, target = given["source"], given["target"]
    if given["kind"] == "direct":
        return ProgramProjection(source, target, identity(shapes[source]), model="writes")
    is_conv = given["kind"] == "conv"
    options = given["options"]
    weights = arrays[f"{key}.weights"].astype(np.int64)
    delays = np.asarray(arrays.get(f"{key}.delays", 0), np.int64)
    if delays.ndim:
        delays = in_our_order(delays, shapes[source])
    parameters = {"exponent": np.array(options.get("weight_exp", 0))}
    if given.get("port") == "a_imag_in":
        parameters["imaginary"] = np.array(1)
    make = make_conv if is_conv else make_dense
    return ProgramProjection(
        source=source,
        target=target,
        operator=make(options, weights, shapes[source], shapes[target]),
        delay=Delay(1 + delays, "synapse" if delays.ndim else "all"),
        parameters=parameters,
        weight_bits=8,
        model="graded" if options.get("num_message_bits", 0) else "spikes",
    )


def given_input(network, arrays):
    """[step, *C, H, W]."""
    return image(arrays[f"{network['name']}/in"])


def write(path, networks, arrays, save=np.savez):
    """Networks and their arrays in one file."""
    save(path, networks=np.array([json.dumps(n) for n in networks]), **arrays)


def read(path):
    """(networks by name, arrays by key)."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    networks = [json.loads(str(text)) for text in arrays.pop("networks")]
    return {network["name"]: network for network in networks}, arrays
