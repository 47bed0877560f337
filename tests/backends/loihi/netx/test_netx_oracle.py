"""Random ``.net`` files, read and run by the engine, equal netx and Lava in plain Python."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given as example
from hypothesis import settings
from hypothesis import strategies as st

from snn2chip.backends.loihi.netx import bias_writes, read_net
from tests.examples import examples

from . import plain_netx
from .net_files import conv, cuba, dense, write_net
from .netx_golden import CASES, assert_equal, engine, lava

STEPS = 12

RANGES = ((-20, 30), (-256, 254), (-600, 600), (1, 255), (0, 3), (-255, -1), (-3, 0), (0, 600))


class Network:
    """Layers of a random file and their input."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.layers = []
        self.driven = False

    def integers(self, low, high, *shape):
        return self.rng.integers(low, high + 1, size=shape)

    def chance(self, probability=0.5):
        return bool(self.rng.random() < probability)

    def neuron(self, size):
        def one_or_many(low, high):
            return self.integers(low, high, *(() if self.chance() else (size,)))

        decay_u = np.array(4096) if self.chance(0.4) else one_or_many(0, 4096)
        kind = "CUBA" if self.chance() else "LOIHI"
        return cuba(one_or_many(1, 200), decay_u, one_or_many(0, 4096), kind=kind)

    def weights(self, *shape):
        low, high = RANGES[self.integers(0, len(RANGES) - 1)]
        step = 2 ** self.integers(0, 3) if self.chance(0.4) else 1
        return self.integers(low, high, *shape) // step * step

    def bias(self, size):
        return {"bias": self.integers(-90, 120, size) * 1.0} if self.chance() else {}

    def image(self):
        """An input and a convolution; the size of its flattened neurons."""
        groups, height, width = self.integers(1, 2), self.integers(2, 4), self.integers(2, 4)
        channels = groups * self.integers(1, 2)
        self.input((channels, height, width))
        kernel, stride, padding, dilation = (self.integers(low, 2, 2) for low in (1, 1, 0, 1))
        span = dilation * (kernel - 1) + 1
        sizes = (np.array([height, width]) + 2 * padding - span) // stride + 1
        if (np.array([height, width]) + 2 * padding < span).any():
            return self.image_without(channels, height, width)
        outputs = groups * self.integers(1, 2)
        weight = self.weights(outputs, channels // groups, *kernel)
        shape = (int(outputs), *(int(n) for n in sizes))
        trailing = (1,) if self.chance() else ()
        self.layers.append(
            conv(
                weight.reshape(*weight.shape, *trailing),
                shape,
                self.neuron(1),
                stride,
                padding,
                dilation,
                groups,
                **self.bias(outputs),
            )
        )
        self.layers.append({"type": "flatten", "shape": np.array(shape)})
        return int(np.prod(shape))

    def image_without(self, *shape):
        self.layers.append({"type": "flatten", "shape": np.array(shape)})
        return int(np.prod(shape))

    def input(self, shape):
        layer = {"type": "input", "shape": np.array(shape)}
        self.driven = self.chance(0.4)
        if self.driven:
            layer |= {"neuron": self.neuron(1), "weight": np.array([3.0]), "bias": 7}
        self.layers.append(layer)

    def add_dense(self, inputs):
        outputs = int(self.integers(1, 5))
        more = self.bias(outputs)
        if self.chance(0.3):
            more["weight_rec"] = self.weights(outputs, outputs) * 1.0
        elif self.chance():
            shapes = ((), (1,), (outputs,), (inputs,), (outputs, inputs))
            more["delay"] = self.integers(0, 9, *shapes[self.integers(0, 4)])
        neuron = self.neuron(outputs) if self.chance(0.9) else None
        self.layers.append(dense(self.weights(outputs, inputs), neuron, **more))
        return outputs

    def data(self):
        """Biases [*shape] or spikes [step, *shape]."""
        first = self.layers[0]
        shape = first["shape"] if first["type"] == "input" else first["weight"].shape[1:]
        if self.driven:
            return self.integers(-30, 300, *shape)
        return (self.rng.random((STEPS, *shape)) < 0.5).astype(np.uint8)


def random_network(seed):
    """One to three layers with neurons behind spikes or driven neurons."""
    network = Network(seed)
    size = network.image() if network.chance(0.4) else None
    if size is None and network.chance():
        size = int(network.integers(1, 5))
        network.input((size,))
    size = int(network.integers(1, 5)) if size is None else size
    for _ in range(network.integers(1, 2)):
        size = network.add_dense(size)
    return network


def run_ours(network, given, folder):
    path = Path(folder) / "random.net"
    write_net(path, network.layers, network.chance())
    program = read_net(path)
    if network.driven:
        spikes = bias_writes(given[np.newaxis], False, STEPS, "random")[:, 0]
    else:
        spikes = given
    return engine(program, spikes, block_steps=5)


@example(st.integers(0, 2**32 - 1))
@settings(max_examples=examples(120), deadline=None)
def test_the_engine_equals_plain_integers(seed):
    network = random_network(seed)
    given = network.data()
    with tempfile.TemporaryDirectory() as folder:
        found = run_ours(network, given, folder)
    assert_equal(found, plain_netx.run(network.layers, given, STEPS))


def test_the_networks_reach_every_kind_of_layer():
    """What the seeds above are drawn from."""
    networks = [random_network(seed) for seed in range(200)]
    kinds = [{layer["type"] for layer in network.layers} for network in networks]
    for kind in ("input", "conv", "flatten", "dense", "dense_rec"):
        assert sum(kind in found for found in kinds) > 20
    assert 20 < sum(network.driven for network in networks) < 180
    delays = [np.shape(x["delay"]) for n in networks for x in n.layers if "delay" in x]
    assert {len(shape) for shape in delays} == {0, 1, 2}


@pytest.mark.parametrize("name", ["mixed_odd_large", "inhibitory_full", "delay_per_input"])
def test_the_plain_oracle_equals_lava(name, tmp_path):
    """The layers as Lava's own run had them, read with h5py alone."""
    import h5py

    from .netx_golden import ARRAYS, net_file

    with h5py.File(net_file(name, tmp_path), "r") as file:
        layer = {key: file[f"layer/0/{key}"][()] for key in file["layer/0"] if key != "neuron"}
        layer["neuron"] = {k: v[()] for k, v in file["layer/0/neuron"].items()}
    layer["type"] = "dense"
    found = plain_netx.run([layer], ARRAYS[f"{name}/input"], CASES[name]["steps"])
    assert_equal(found, lava(name))
