"""Makes netx_0_6_0.npz: what Lava does with small random ``.net`` files that netx loaded.

Lava needs Python 3.10 and an environment of its own; nothing of it is a dependency of snn2chip::

    python3.10 -m venv lava-env
    lava-env/bin/pip install --no-deps lava-nc==0.10.0 lava-dl==0.6.0
    lava-env/bin/pip install "numpy<2" scipy "networkx<=2.8.7" "asteval<0.10" h5py scikit-learn
    lava-env/bin/python tests/backends/loihi/netx/golden/make_netx_golden.py

netx needs torch for two things that are not used here; both are replaced by empty modules, so that
torch need not be installed. Arrays of the file:

- ``cases``: one JSON string per case: name, steps, and the layers that have neurons.
- ``<case>/net``: the bytes of the ``.net`` file, uint8.
- ``<case>/input``: uint8 [step, *shape], spikes as sent, or int32 [*shape], biases of the input
  layer. Images are in Lava's order (W, H, C).
- ``<case>/<layer>.spikes``: uint8 [step, *shape]; ``.u``, ``.v``: int32, after the step.
"""

from __future__ import annotations

import json
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

EMPTY = (
    "lava.lib.dl.slayer",
    "lava.lib.dl.slayer.neuron",
    "lava.lib.dl.slayer.neuron.rf",
    "lava.lib.dl.netx.sequential_modules",
)
for _name in EMPTY:
    sys.modules[_name] = types.ModuleType(_name)
    sys.modules[_name].__path__ = []
sys.modules["lava.lib.dl.slayer.neuron.rf"].neuron_params = None
sys.path.insert(0, str(Path(__file__).parents[1]))

from lava.lib.dl.netx import hdf5  # noqa: E402
from lava.magma.core.run_conditions import RunSteps  # noqa: E402
from lava.magma.core.run_configs import Loihi2SimCfg  # noqa: E402
from lava.proc.io.source import RingBuffer  # noqa: E402
from lava.proc.monitor.process import Monitor  # noqa: E402
from net_files import conv, cuba, dense, write_net  # noqa: E402

for _name in EMPTY:  # Lava asks every module that it meets for its file
    sys.modules[_name].__file__ = hdf5.__file__

FILE = Path(__file__).with_name("netx_0_6_0.npz")
STEPS = 40


class Case:
    """Layers of a file, and the input they get."""

    def __init__(self, name: str, input_shape: tuple[int, ...], steps: int = STEPS) -> None:
        self.name, self.steps, self.layers = name, steps, []
        self.rng = np.random.default_rng(crc32(name.encode()))
        self.input_shape = input_shape
        self.values: np.ndarray | None = None
        self.fixed_types = len(name) % 2 == 0

    def add(self, layer: dict[str, Any]) -> Case:
        """One more layer."""
        self.layers.append(layer)
        return self

    def weights(self, low: int, high: int, *shape: int, step: int = 1) -> np.ndarray:
        """Random multiples of ``step``."""
        return self.rng.integers(low // step, high // step + 1, size=shape) * step

    def dense(
        self, outputs: int, inputs: int, low: int, high: int, step: int = 1, **more: Any
    ) -> Case:
        """A dense layer of random weights."""
        neuron = more.pop("neuron", cuba())
        return self.add(dense(self.weights(low, high, outputs, inputs, step=step), neuron, **more))


def dense_cases() -> Iterator[Case]:
    """Weight fits: mode E, I, M, clipping, common factors, weights that are lost."""
    yield Case("mixed_small", (6,)).dense(5, 6, -100, 127)
    yield Case("mixed_even_large", (6,)).dense(5, 6, -256, 254, 2)
    yield Case("mixed_odd_large", (6,)).dense(5, 6, -255, 253)
    yield Case("mixed_clipped", (6,)).dense(5, 6, -600, 600)
    yield Case("mixed_common_factor", (6,)).dense(5, 6, -192, 160, 32)
    yield Case("mixed_tiny", (8,)).dense(5, 8, -1, 2, neuron=cuba(2))
    yield Case("excitatory", (6,)).dense(5, 6, 1, 255)
    yield Case("excitatory_small", (6,)).dense(5, 6, 0, 9, neuron=cuba(20))
    yield Case("excitatory_lost", (6,)).dense(5, 6, 1, 400, bias=[40] * 5)
    for name, low, high, step in (
        ("inhibitory", -200, -1, 1),
        ("inhibitory_minus_one", -1, -1, 1),
        ("inhibitory_power_of_two", -64, -2, 2),
        ("inhibitory_full", -256, -64, 64),
        ("inhibitory_lost", -400, -3, 1),
        ("inhibitory_with_zero", -256, 0, 64),
    ):
        biased = [300, 200, 120, 90, 400]
        yield Case(name, (4,)).dense(5, 4, low, high, step, bias=biased, neuron=cuba(700))
    yield (
        Case("two_layers_no_neuron_group", (6,))
        .dense(6, 6, -100, 200, 2)
        .add({k: v for k, v in dense(np.full((3, 6), 100)).items() if k != "neuron"})
    )
    one = Case("weight_one_dimensional", (6,))
    yield one.add(
        {**dense(one.weights(-99, 120, 4, 6), cuba()), "weight": one.weights(-99, 99, 24)}
    )


def neuron_cases() -> Iterator[Case]:
    """Decays per neuron, biases, recurrence."""
    per_neuron = cuba(
        np.array([60, 80, 100, 40, 30]),
        np.array([4096, 1, 0, 1000, 2048]),
        np.array([0, 4096, 128, 4095, 1]),
        kind="LOIHI",
    )
    yield Case("decays_per_neuron", (6,)).dense(5, 6, -100, 127, neuron=per_neuron)
    yield Case("current_decay", (6,)).dense(5, 6, -120, 127, neuron=cuba(300, 800, 300))
    yield Case("biases", (4,)).dense(5, 4, -50, 50, bias=np.array([30, -30, 7.0, 99.9, -2.5]))
    yield Case("bias_beyond_16_bits", (4,)).dense(3, 4, -50, 50, bias=np.array([70000, 32768, 9]))
    rec = Case("recurrent", (5,), 60)
    yield rec.add(
        dense(rec.weights(-60, 120, 6, 5), cuba(150), weight_rec=rec.weights(-250, 200, 6, 6))
    )
    for name, step in (("recurrent_other_signs", 2), ("recurrent_feedforward_lost", 1)):
        rec = Case(name, (5,), 60)
        into, back = rec.weights(2, 254, 6, 5, step=step), rec.weights(-256, -2, 6, 6, step=step)
        yield rec.add(dense(into, cuba(90), weight_rec=back, bias=np.array([9, 50, 3, 7, 20, 30])))


def delay_cases() -> Iterator[Case]:
    """Delays of all shapes."""
    for name, low, high in (("recurrent_delayed", -60, 60), ("recurrent_delayed_fitted", -9, 9)):
        case = Case(name, (5,), 60)
        into, back = case.weights(low, high, 5, 5), case.weights(low, high, 5, 5)
        delays = case.weights(0, 4, 5, 5)
        yield case.add(dense(into, cuba(90), weight_rec=back, delay=delays))
    case = Case("recurrent_delayed_alike", (4,), 60)
    into, back = (case.weights(-100, 120, 4, 4) for _ in range(2))
    yield case.add(dense(into, cuba(20), weight_rec=back, delay=np.int64(3)))
    case = Case("delay_scalar", (5,))
    yield case.dense(4, 5, -100, 200, 2, delay=np.int64(7))
    case = Case("delay_per_output", (5,))
    yield case.dense(4, 5, -100, 200, 2, delay=np.array([0, 3, 11, 1]))
    case = Case("delay_per_input", (5,))
    yield case.dense(4, 5, -3, 5, delay=np.array([0, 3, 11, 1, 6]), neuron=cuba(4))
    case = Case("delay_square", (4,))
    yield case.dense(4, 4, -100, 200, 4, delay=np.array([0, 9, 2, 5]))
    case = Case("delay_per_synapse_clamped", (5,), 90)
    delays = case.weights(0, 90, 4, 5)
    yield case.dense(4, 5, -3, 5, delay=delays, neuron=cuba(4)).dense(3, 4, 0, 255)


def image_cases() -> Iterator[Case]:
    """Convolutions, flattening, input layers with and without neurons."""
    case = Case("conv_flatten_dense", (6, 5, 2))
    case.add({"type": "input", "shape": np.array([2, 5, 6])})
    case.add(
        conv(
            case.weights(-60, 90, 3, 2, 3, 2, 1),
            (3, 3, 4),
            cuba(np.array([90, 60, 120])),
            (2, 1),
            (1, 0),
            (1, 2),
            bias=np.array([9.0, -20.0, 30.0]),
        )
    )
    case.add({"type": "flatten", "shape": np.array([36, 1, 1])})
    yield case.dense(4, 36, -90, 120, neuron=cuba(100))
    case = Case("conv_groups", (4, 5, 4))
    case.add({"type": "input", "shape": np.array([4, 5, 4])})
    yield case.add(conv(case.weights(-90, 120, 6, 2, 2, 3), (6, 4, 2), cuba(), groups=2))
    case = Case("input_neurons", (4, 5, 2))
    case.values = case.weights(-20, 70, 4, 5, 2)
    case.add(
        {
            "type": "input",
            "shape": np.array([2, 5, 4]),
            "neuron": cuba(25, 4096, 1024, kind="LOIHI"),
            "weight": np.array([36.0]),
            "bias": np.array([34.0]),
        }
    )
    case.add(
        conv(case.weights(-30, 60, 3, 2, 2, 2), (3, 4, 3), cuba(40, 1500, 500), bias=[5, -9, 0])
    )
    yield case.add({"type": "flatten", "shape": np.array([36])}).dense(3, 36, -60, 99)
    case = Case("input_neurons_with_current_memory", (7,))
    case.values = case.weights(-20, 900, 7)
    case.add({"type": "input", "shape": np.array([7]), "neuron": cuba(300, 100, 60), "bias": 3})
    yield case.dense(5, 7, -80, 120)


def probe(target: Any, steps: int) -> Monitor:
    """A monitor of one variable or port."""
    monitor = Monitor()
    monitor.probe(target, steps)
    return monitor


def recording(monitor: Monitor) -> np.ndarray:
    """What a monitor saw, [step, *shape]."""
    (variables,) = monitor.get_data().values()
    (data,) = variables.values()
    return data


def run(case: Case) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What the file keeps of a case: its description and its arrays."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.net"
        write_net(path, case.layers, case.fixed_types)
        arrays = {"net": np.frombuffer(path.read_bytes(), np.uint8)}
        network = hdf5.Network(net_config=str(path))
    built = [
        f"layer{k}"
        for k, layer in enumerate(case.layers)
        if layer["type"] != "flatten" and (layer["type"] != "input" or "neuron" in layer)
    ]
    if case.values is None:
        given = (case.rng.random((case.steps, *case.input_shape)) < 0.4).astype(np.uint8)
        source = RingBuffer(data=np.moveaxis(given, 0, -1).astype(int))
        source.s_out.connect(network.inp)
    else:
        given = case.values.astype(np.int32)
        network.in_layer.neuron.bias_mant.init = given
    monitors = {
        f"{name}.{key}": probe(getattr(block.neuron, attribute), case.steps)
        for name, block in zip(built, network.layers, strict=True)
        for key, attribute in (("spikes", "s_out"), ("u", "u"), ("v", "v"))
    }
    network.run(
        condition=RunSteps(num_steps=case.steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt")
    )
    try:
        for name, monitor in monitors.items():
            dtype = np.uint8 if name.endswith(".spikes") else np.int32
            arrays[name] = recording(monitor).astype(dtype)
    finally:
        network.stop()
    arrays["input"] = given
    return {"name": case.name, "steps": case.steps, "layers": built}, arrays


def main() -> None:
    """Runs every case and writes the file."""
    descriptions, arrays = [], {}
    for case in (*dense_cases(), *neuron_cases(), *delay_cases(), *image_cases()):
        try:
            description, found = run(case)
        except Exception as error:
            raise RuntimeError(f"case {case.name}") from error
        rates = {n: round(float(found[f"{n}.spikes"].mean()), 2) for n in description["layers"]}
        print(f"{case.name:36} {rates}", flush=True)
        descriptions.append(json.dumps(description))
        arrays.update((f"{case.name}/{key}", found[key]) for key in sorted(found))
    np.savez_compressed(FILE, cases=np.array(descriptions), **arrays)
    print(f"{FILE.name}: {len(descriptions)} cases, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
