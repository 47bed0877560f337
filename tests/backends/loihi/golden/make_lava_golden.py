"""Makes lava_0_10_0.npz: what Lava's own fixed-point engine does on small random networks.

Lava needs Python 3.10 and an environment of its own; nothing of it is a dependency of snn2chip::

    python3.10 -m venv lava-env
    lava-env/bin/pip install --no-deps lava-nc==0.10.0
    lava-env/bin/pip install "numpy<2" scipy "networkx<=2.8.7" "asteval<0.10" h5py scikit-learn
    lava-env/bin/python tests/backends/loihi/golden/make_lava_golden.py

The file is the same, byte for byte, at every run. Its arrays:

- ``cases``: one JSON string per case: name, steps, shape of the input, and what was given to Lava's
  LIF (du, dv, vth, ..., one value or one per neuron) and to its synapses.
- ``<case>/<projection>.weights``, ``.delays``: what was given to Lava's synapses;
  ``.truncated``: the weights that a Dense or DelayDense has after Lava's own truncation.
- ``<case>/<population>.spikes``: uint8 [step, *shape]; ``.u``, ``.v``: int32 [step, *shape],
  after the step. Row i is Lava's step i + 1. Images and kernels are in Lava's own layout.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.conv.process import Conv
from lava.proc.dense.process import DelayDense, Dense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF
from lava.proc.monitor.process import Monitor
from lava.utils.weightutils import SignMode

FILE = Path(__file__).with_name("lava_0_10_0.npz")
STEPS = 40


@dataclass
class Synapses:
    """One of Lava's connection processes between two populations.

    Attributes:
        options: keyword arguments of the process, as JSON can hold them.
    """

    kind: str
    source: str
    target: str
    weights: np.ndarray
    delays: np.ndarray | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.source}->{self.target}"


@dataclass
class Network:
    """A network of one input, LIF populations and synapses."""

    name: str
    density: float = 0.4
    steps: int = STEPS
    input_shape: tuple[int, ...] = ()
    largest_input: int = 1
    lif: dict[str, dict[str, Any]] = field(default_factory=dict)
    synapses: list[Synapses] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(crc32(self.name.encode()))

    def input(self, *shape: int) -> Network:
        """Random input spikes of this shape."""
        self.input_shape = shape
        return self

    def add(self, name: str, *shape: int, **parameters: Any) -> Network:
        """A population of LIF neurons; what is not given is a leaky neuron without memory in u."""
        defaults = {"du": 4095, "dv": 128, "vth": 300, "bias_mant": 0, "bias_exp": 0, "v": 0}
        self.lif[name] = {"shape": shape, **defaults, **parameters}
        return self

    def connect(
        self, source: str, target: str, low: int, high: int, delays: Any = None, **options: Any
    ) -> Network:
        """Dense or, with delays, DelayDense synapses with weights from ``low`` to ``high``."""
        shape = (int(np.prod(self.shape(target))), int(np.prod(self.shape(source))))
        weights = self.rng.integers(low, high + 1, size=shape)
        kind = "dense" if delays is None else "delay_dense"
        if isinstance(delays, tuple):
            delays = self.rng.integers(delays[0], delays[1] + 1, size=shape)
        delays = None if delays is None else np.asarray(delays)
        self.synapses.append(Synapses(kind, source, target, weights, delays, options))
        return self

    def convolve(
        self, source: str, target: str, kernel: tuple[int, int], low: int, high: int, **options: Any
    ) -> Network:
        """Conv synapses; shapes and options in Lava's order, width before height."""
        channels = self.shape(source)[-1] // options.get("groups", 1)
        shape = (self.shape(target)[-1], *kernel, channels)
        weights = self.rng.integers(low, high + 1, size=shape)
        self.synapses.append(Synapses("conv", source, target, weights, None, options))
        return self

    def shape(self, population: str) -> tuple[int, ...]:
        """Shape of a population or of the input."""
        return self.input_shape if population == "in" else self.lif[population]["shape"]

    def draw_input(self) -> np.ndarray:
        """uint8 [step, *shape]."""
        fires = self.rng.random((self.steps, *self.input_shape)) < self.density
        values = self.rng.integers(1, self.largest_input + 1, size=fires.shape)
        return np.where(fires, values, 0).astype(np.uint8)


def dense_networks() -> Iterator[Network]:
    """Weights: sign modes, bits, exponents, clipping, several projections, layers."""
    yield Network("mixed").input(6).add("out", 5, du=2047).connect("in", "out", -256, 255)
    yield (
        Network("excitatory_exponent_negative")
        .input(6)
        .add("out", 5, du=3000, dv=1000)
        .connect("in", "out", 0, 255, weight_exp=-1)
    )
    yield (
        Network("inhibitory_exponent_positive")
        .input(6)
        .add("out", 5, du=1000, bias_mant=3001, bias_exp=4)
        .connect("in", "out", -255, 0, weight_exp=1)
    )
    yield (
        Network("exponent_minus_six")
        .input(8)
        .add("out", 6, du=2047, vth=3)
        .connect("in", "out", -256, 255, weight_exp=-6)
    )
    yield (
        Network("exponent_five")
        .input(8)
        .add("out", 6, du=2047, vth=9000)
        .connect("in", "out", -256, 255, weight_exp=5)
    )
    yield (
        Network("few_weight_bits")
        .input(6)
        .add("mixed", 4)
        .add("excitatory", 4)
        .add("inhibitory", 4, bias_mant=2000, bias_exp=3)
        .connect("in", "mixed", -256, 255, num_weight_bits=4, weight_exp=-1)
        .connect("in", "excitatory", 0, 255, num_weight_bits=5)
        .connect("in", "inhibitory", -255, 0, num_weight_bits=3)
    )
    yield (
        Network("sign_mode_given")
        .input(6)
        .add("mixed", 4)
        .add("excitatory", 4)
        .add("inhibitory", 4, bias_mant=2000, bias_exp=3)
        .connect("in", "mixed", 0, 255, num_weight_bits=6, sign_mode="MIXED")
        .connect("in", "excitatory", -100, 255, sign_mode="EXCITATORY")
        .connect("in", "inhibitory", -255, 100, num_weight_bits=7, sign_mode="INHIBITORY")
    )
    yield (
        Network("weights_beyond_eight_bits")
        .input(6)
        .add("mixed", 4)
        .add("excitatory", 4, vth=900)
        .add("inhibitory", 4, bias_mant=4095, bias_exp=4)
        .connect("in", "mixed", -600, 600)
        .connect("in", "excitatory", 0, 600)
        .connect("in", "inhibitory", -600, 0)
    )
    yield (
        Network("input_values_count_as_one", largest_input=200)
        .input(6)
        .add("out", 5)
        .connect("in", "out", -100, 255)
    )
    yield (
        Network("two_layers")
        .input(8)
        .add("hidden", 6, du=1500, vth=200)
        .add("out", 4, du=4095, dv=0, vth=250)
        .connect("in", "hidden", -128, 200)
        .connect("hidden", "out", -100, 255, weight_exp=-1, num_weight_bits=7)
    )


def neuron_networks() -> Iterator[Network]:
    """Neurons: biases, decays, initial membranes, wraps, saturation."""
    few = {"low": -60, "high": 60}
    yield (
        Network("bias", density=0.2)
        .input(4)
        .add(
            "out",
            6,
            du=3000,
            vth=500,
            bias_mant=[4095, -4096, 900, -77, 5, 3000],
            bias_exp=[2, 1, 0, 3, 7, 6],
        )
        .connect("in", "out", **few)
    )
    yield (
        Network("bias_exponent_negative", density=0.2)
        .input(4)
        .add(
            "out",
            6,
            vth=60,
            dv=10,
            bias_mant=[4095, -4095, 901, -77, 5, -3],
            bias_exp=[-2, -3, -1, -3, 4, 0],
        )
        .connect("in", "out", **few)
    )
    yield (
        Network("decay_per_neuron")
        .input(6)
        .add(
            "out",
            7,
            du=[-1, 0, 1, 100, 2047, 4094, 4095],
            dv=[4096, 4095, 2048, 300, 1, 0, 1000],
            vth=[2000, 4000, 4000, 1000, 300, 200, 100],
        )
        .connect("in", "out", -128, 127)
    )
    yield (
        Network("integrator_without_current_memory")
        .input(6)
        .add("out", 5, du=4095, dv=0, vth=400)
        .connect("in", "out", -100, 150)
    )
    yield (
        Network("no_decay")
        .input(6)
        .add("out", 5, du=0, dv=0, vth=5000)
        .connect("in", "out", -120, 127)
    )
    yield (
        Network("full_decay_of_v")
        .input(6)
        .add("out", 4, du=1023, dv=4096)
        .add("nearly", 4, du=1023, dv=4095)
        .connect("in", "out", -120, 200)
        .connect("in", "nearly", -120, 200)
    )
    yield (
        Network("current_wraps_at_24_bits")
        .input(16)
        .add("positive", 4, du=200, vth=131071)
        .add("both", 4, du=0, dv=500, vth=100000)
        .connect("in", "positive", 0, 255, weight_exp=6)
        .connect("in", "both", -256, 255, weight_exp=7)
    )
    yield (
        Network("current_at_two_to_23")
        .input(3)
        .add("positive", 2, du=[4095, 100], dv=2000, vth=131072)
        .add("negative", 2, du=[4095, 100], dv=2000, vth=131072)
        .connect("in", "positive", 128, 128, weight_exp=10)
        .connect("in", "negative", -128, -128, weight_exp=10)
    )
    yield (
        Network("current_beyond_32_bits")
        .input(16)
        .add("kept", 4, du=-1, dv=100, vth=100000)
        .add("both", 4, du=50, dv=4095, vth=100000)
        .connect("in", "kept", -20, 255, weight_exp=12)
        .connect("in", "both", -256, 255, weight_exp=15)
    )
    yield (
        Network("membrane_saturates")
        .input(8)
        .add("above", 4, dv=0, vth=131072)
        .add("below", 4, du=2000, dv=0, vth=131071, bias_mant=-4096, bias_exp=7)
        .connect("in", "above", 0, 255, weight_exp=6)
        .connect("in", "below", -256, 200, weight_exp=4)
    )
    yield (
        Network("initial_membrane", density=0.2)
        .input(4)
        .add("out", 5, v=[8000, -8000, 1, -1, 8388607], dv=[40, 40, 1, 1, 0], vth=[9, 9, 9, 9, 9])
        .connect("in", "out", **few)
    )


def delay_networks() -> Iterator[Network]:
    """Delays and cycles."""
    yield (
        Network("delay_per_synapse")
        .input(6)
        .add("out", 5, du=3000)
        .connect("in", "out", -200, 255, delays=(0, 9), weight_exp=-2)
    )
    yield (
        Network("delay_uniform_and_long", steps=80)
        .input(5)
        .add("hidden", 5, du=3000)
        .add("out", 4)
        .connect("in", "hidden", -100, 255, delays=63)
        .connect("hidden", "out", 0, 255, delays=7, num_weight_bits=6)
    )
    yield (
        Network("recurrent", steps=60)
        .input(5)
        .add("out", 6, du=1500, vth=250)
        .connect("in", "out", -100, 255, weight_exp=-1)
        .connect("out", "out", -256, 255, weight_exp=1)
    )
    yield (
        Network("loop_with_delays", steps=60)
        .input(5)
        .add("a", 5, du=2500)
        .add("b", 4, vth=200)
        .connect("in", "a", -50, 255)
        .connect("a", "b", -100, 255)
        .connect("b", "a", -256, 200, delays=(0, 4))
        .connect("a", "a", -100, 100, weight_exp=-3)
    )


def conv_networks() -> Iterator[Network]:
    """Convolutions, in Lava's order (width, height, channels)."""
    yield (
        Network("conv_stride_padding")
        .input(5, 4, 2)
        .add("out", 4, 5, 3, du=2000, vth=200)
        .convolve("in", "out", (3, 2), -128, 127, stride=[2, 1], padding=[2, 1])
    )
    yield (
        Network("conv_groups_dilation")
        .input(6, 5, 4)
        .add("out", 4, 3, 6, vth=200)
        .convolve("in", "out", (2, 3), -128, 150, groups=2, dilation=[2, 1])
    )
    yield (
        Network("conv_ignores_formats")
        .input(4, 5, 1)
        .add("out", 3, 4, 2, vth=800)
        .convolve("in", "out", (2, 2), -701, 999, weight_exp=3, num_weight_bits=4)
    )
    yield (
        Network("conv_wraps_at_24_bits")
        .input(4, 3, 2)
        .add("out", 3, 2, 2, du=3000, dv=2000, vth=100000)
        .convolve("in", "out", (2, 2), -(2**22), 2**22 + 2**21)
    )
    yield (
        Network("conv_depthwise_then_dense")
        .input(4, 5, 3)
        .add("hidden", 3, 3, 3, vth=150)
        .add("out", 4, du=3500, vth=250)
        .convolve("in", "hidden", (2, 3), -100, 200, groups=3)
        .connect("hidden", "out", -200, 255, weight_exp=-2)
    )


def connection(synapses: Synapses, network: Network) -> Any:
    """Lava's process of some synapses."""
    options = dict(synapses.options)
    if "sign_mode" in options:
        options["sign_mode"] = SignMode[options["sign_mode"]]
    if synapses.kind == "dense":
        return Dense(weights=synapses.weights, **options)
    if synapses.kind == "delay_dense":
        delays = synapses.delays if synapses.delays.ndim else int(synapses.delays)
        return DelayDense(weights=synapses.weights, delays=delays, **options)
    shape = network.shape(synapses.source)
    return Conv(weight=synapses.weights, input_shape=shape, **options)


def neurons(parameters: dict[str, Any]) -> LIF:
    """Lava's process of one population."""
    given = {k: np.asarray(v) if isinstance(v, list) else v for k, v in parameters.items()}
    return LIF(**given)


def probe(target: Any, steps: int) -> Monitor:
    """A monitor of one variable or port."""
    monitor = Monitor()
    monitor.probe(target, steps)
    return monitor


def recording(monitor: Monitor) -> np.ndarray:
    """What a monitor of one variable or port saw, [step, *shape]."""
    (variables,) = monitor.get_data().values()
    (data,) = variables.values()
    assert (data == np.rint(data)).all()
    return data


def run(network: Network) -> dict[str, np.ndarray]:
    """Runs a network in Lava and returns everything that the file keeps of it."""
    given = network.draw_input()
    source = RingBuffer(data=np.moveaxis(given, 0, -1).astype(int))
    processes: dict[str, Any] = {"in": source}
    processes.update((name, neurons(parameters)) for name, parameters in network.lif.items())
    connections = {}
    for synapses in network.synapses:
        process = connections[synapses.name] = connection(synapses, network)
        output = processes[synapses.source].s_out
        dense_from_image = synapses.kind != "conv" and len(network.shape(synapses.source)) > 1
        (output.flatten() if dense_from_image else output).connect(process.s_in)
        process.a_out.connect(processes[synapses.target].a_in)
    monitors = {
        f"{name}.{key}": probe(getattr(processes[name], attribute), network.steps)
        for name in network.lif
        for key, attribute in (("spikes", "s_out"), ("u", "u"), ("v", "v"))
    }
    source.run(
        condition=RunSteps(num_steps=network.steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt")
    )
    try:
        arrays = {name: recording(monitor) for name, monitor in monitors.items()}
        arrays = {
            name: data.astype(np.uint8 if name.endswith(".spikes") else np.int32)
            for name, data in arrays.items()
        }
        arrays["in.spikes"] = given
        for synapses in network.synapses:
            if synapses.kind != "conv":
                truncated = connections[synapses.name].weights.get()
                arrays[f"{synapses.name}.truncated"] = truncated.astype(np.int32)
    finally:
        source.stop()
    return {**arrays, **weight_arrays(network)}


def weight_arrays(network: Network) -> dict[str, np.ndarray]:
    """Weights and delays as they were given."""
    arrays = {}
    for synapses in network.synapses:
        arrays[f"{synapses.name}.weights"] = synapses.weights.astype(np.int32)
        if synapses.delays is not None:
            arrays[f"{synapses.name}.delays"] = synapses.delays.astype(np.int32)
    return arrays


def description(network: Network) -> str:
    """A network without its weights, as JSON."""
    return json.dumps(
        {
            "name": network.name,
            "steps": network.steps,
            "input": list(network.input_shape),
            "populations": network.lif,
            "projections": [
                {"kind": s.kind, "source": s.source, "target": s.target, **s.options}
                for s in network.synapses
            ],
        }
    )


def summary(network: Network, arrays: dict[str, np.ndarray]) -> str:
    """One line on what a network did, to see that a case is not silent."""
    parts = [
        f"{name}: rate {arrays[f'{name}.spikes'].mean():.2f}, "
        f"|u| {np.abs(arrays[f'{name}.u'].astype(int)).max()}, "
        f"|v| {np.abs(arrays[f'{name}.v'].astype(int)).max()}"
        for name in network.lif
    ]
    return f"{network.name:34} " + "; ".join(parts)


def main() -> None:
    """Runs every network and writes the file."""
    networks = [
        *dense_networks(),
        *neuron_networks(),
        *delay_networks(),
        *conv_networks(),
    ]
    arrays = {"cases": np.array([description(network) for network in networks])}
    for network in networks:
        found = run(network)
        print(summary(network, found), flush=True)
        arrays.update((f"{network.name}/{key}", found[key]) for key in sorted(found))
    np.savez_compressed(FILE, **arrays)
    print(f"{FILE.name}: {len(networks)} cases, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
