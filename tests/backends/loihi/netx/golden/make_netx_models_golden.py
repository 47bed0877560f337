"""Makes netx_models_0_6_0.npz: resets, sigma-delta and resonate-and-fire networks in Lava.

Environment and layout are those of make_netx_golden.py, which this script imports; the states are
those of Lava's process of each layer, int32, and ``given`` of a description are netx's options.
Of lava-dl's ``slayer.neuron.rf``, which needs torch, only the function that netx calls is taken::

    lava-env/bin/python tests/backends/loihi/netx/golden/make_netx_models_golden.py
"""

from __future__ import annotations

import ast
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.source import RingBuffer
from make_netx_golden import Case, hdf5, probe, recording
from net_files import conv, cuba, dense, write_net

FILE = Path(__file__).with_name("netx_models_0_6_0.npz")
STATES = {
    "LIF": ("u", "v"),
    "LIFReset": ("u", "v"),
    "Sigma": ("sigma",),
    "Delta": ("act", "residue", "error"),
    "SigmaDelta": ("sigma", "act", "residue", "error"),
    "RF": ("real", "imag"),
    "RF_IZ": ("real", "imag"),
}


def lava_dl_rf_params() -> Any:
    """``neuron_params`` of lava-dl's own ``slayer/neuron/rf.py``."""
    path = Path(hdf5.__file__).parents[1] / "slayer" / "neuron" / "rf.py"
    tree = ast.parse(path.read_text())
    tree.body = [n for n in tree.body if getattr(n, "name", "") == "neuron_params"]
    scope: dict[str, Any] = {"np": np}
    exec(compile(tree, str(path), "exec"), scope)
    return scope["neuron_params"]


def sdnn(threshold: int, **more: Any) -> dict[str, Any]:
    """A group of sigma-delta neurons."""
    return {"type": "SDNN", "activation": b"relu", "vThMant": threshold, **more}


def rf(threshold: int, sine: int, cosine: int, kind: str = "RF_PHASE") -> dict[str, Any]:
    """A group of resonators."""
    return {"type": kind, "sinDecay": sine, "cosDecay": cosine, "vThMant": threshold}


def reset_cases() -> Iterator[tuple[Case, dict[str, int]]]:
    """Resets, layer after layer."""
    slow = {"decay_u": 300, "decay_v": 20}
    case = Case("reset_two_layers", (6,))
    case.dense(5, 6, -60, 120, neuron=cuba(400, **slow), bias=[3, 9, -2, 30, 0])
    yield (
        case.dense(4, 5, -60, 120, neuron=cuba(300, **slow), bias=[9, 1, 0, 7]),
        {"reset_interval": 7},
    )
    case = Case("reset_input_neurons", (4, 5, 2))
    case.values = case.weights(-20, 70, 4, 5, 2)
    shape = {"type": "input", "shape": np.array([2, 5, 4])}
    case.add({**shape, "neuron": cuba(90, 4096, 30)})
    case.add(conv(case.weights(-30, 60, 3, 2, 2, 2), (3, 4, 3), cuba(200, 500, 50)))
    yield case, {"reset_interval": 9, "reset_offset": 4}
    case = Case("reset_recurrent", (5,))
    layer = dense(
        case.weights(-60, 120, 6, 5), cuba(250, **slow), weight_rec=case.weights(-250, 200, 6, 6)
    )
    yield case.add(layer), {"reset_interval": 6, "reset_offset": 20}


def sigma_delta_cases() -> Iterator[tuple[Case, dict[str, int]]]:
    """Delta, SigmaDelta and Sigma layers."""
    case = Case("sdnn_dense", (6,))
    case.values = case.weights(-200, 300, 6)
    case.add({"type": "input", "shape": np.array([6]), "neuron": sdnn(5)})
    case.dense(5, 6, -100, 120, neuron=sdnn(9), bias=[30, -40, 900, 7, 0])
    yield case.dense(3, 5, -60, 90, neuron=sdnn(9, sigma_output=True)), {}
    case = Case("sdnn_conv", (4, 5, 2))
    case.values = case.weights(-20, 170, 4, 5, 2)
    case.add({"type": "input", "shape": np.array([2, 5, 4]), "neuron": sdnn(0)})
    weight = case.weights(-30, 60, 3, 2, 2, 2)
    case.add(conv(weight, (3, 4, 3), sdnn(20), bias=np.array([50, -90, 0])))
    case.add({"type": "flatten", "shape": np.array([36])})
    yield case.dense(3, 36, -60, 99, neuron=sdnn(30)), {}
    case = Case("sdnn_of_spikes_recurrent", (5,))
    rec = dense(case.weights(-60, 120, 4, 5), sdnn(0), weight_rec=case.weights(-20, 20, 4, 4))
    yield case.add(rec).dense(3, 4, -9, 20, neuron=sdnn(0)), {}
    case = Case("sdnn_delays_then_cuba", (5,))
    case.values = case.weights(-200, 300, 5)
    case.add({"type": "input", "shape": np.array([5]), "neuron": sdnn(3)})
    case.dense(4, 5, -100, 200, 2, delay=case.weights(0, 9, 4, 5), neuron=sdnn(50))
    yield case.dense(3, 4, -60, 90, neuron=cuba(2000, 4096, 400)), {}


def resonator_cases() -> Iterator[tuple[Case, dict[str, int]]]:
    """Resonators with complex weights, and layers behind them."""
    for name, kind, sine, cosine, threshold in (
        ("rf_phase", "RF_PHASE", 1500, 3700, 60),
        ("rf_phase_backwards", "RF_PHASE", 2900, -2700, 90),
        ("rf_iz", "RF_IZ", 900, 3900, 150),
    ):
        case = Case(name, (6,))
        layer = dense(np.zeros((5, 6)), rf(threshold, sine, cosine, kind), bias=np.arange(5))
        parts = {part: case.weights(-90, 120, 5, 6) * 1.0 for part in ("real", "imag")}
        yield case.add({**layer, "weight": parts}).dense(3, 5, -60, 120, neuron=cuba(90)), {}


def run(case: Case, given: dict[str, int]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What the file keeps of a case: its description and its arrays."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.net"
        write_net(path, case.layers, case.fixed_types)
        arrays = {"net": np.frombuffer(path.read_bytes(), np.uint8)}
        network = hdf5.Network(net_config=str(path), **given)
    built = [
        f"layer{k}"
        for k, layer in enumerate(case.layers)
        if layer["type"] != "flatten" and (layer["type"] != "input" or "neuron" in layer)
    ]
    sent = np.asarray(case.values if case.values is not None else 0, np.int32)
    if case.values is None:
        sent = (case.rng.random((case.steps, *case.input_shape)) < 0.4).astype(np.uint8)
        source = RingBuffer(data=np.moveaxis(sent, 0, -1).astype(int))
        source.s_out.connect(network.inp)
    elif type(network.in_layer.neuron).__name__ == "Delta":
        source = RingBuffer(data=np.repeat(sent[..., None], case.steps, axis=-1).astype(int))
        source.s_out.connect(network.in_layer.neuron.a_in)
    else:
        network.in_layer.neuron.bias_mant.init = sent
    monitors = {
        f"{name}.{key}": probe(getattr(block.neuron, attribute), case.steps)
        for name, block in zip(built, network.layers, strict=True)
        for key, attribute in (
            ("spikes", "s_out"),
            *((state, state) for state in STATES[type(block.neuron).__name__]),
        )
    }
    network.run(
        condition=RunSteps(num_steps=case.steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt")
    )
    try:
        arrays |= {name: recording(m).astype(np.int32) for name, m in monitors.items()}
    finally:
        network.stop()
    arrays["input"] = sent
    description = {"name": case.name, "steps": case.steps, "layers": built, "given": given}
    return description, arrays


def main() -> None:
    """Runs every case and writes the file."""
    hdf5.get_rf_params = lava_dl_rf_params()
    descriptions, arrays = [], {}
    for case, given in (*reset_cases(), *sigma_delta_cases(), *resonator_cases()):
        description, found = run(case, given)
        rates = {
            n: round(float((found[f"{n}.spikes"] != 0).mean()), 2) for n in description["layers"]
        }
        print(f"{case.name:36} {rates}", flush=True)
        descriptions.append(json.dumps(description))
        arrays |= {f"{case.name}/{key}": found[key] for key in sorted(found)}
    np.savez_compressed(FILE, cases=np.array(descriptions), **arrays)
    print(f"{FILE.name}: {len(descriptions)} cases, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
