"""One small network of every shape, for tests of the whole chain; weights are dyadic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from snn2chip.frontends.nir import write_graph
from snn2chip.graph import Conv, Delay, Dense, Encoding, Graph, Population, Projection
from snn2chip.neurons import Input
from tests.networks import cuba, cuba_li, dense, graph, integrate, li, lif

STEPS, SAMPLES = 9, 4
THRESHOLDS = {lif: 0.25, cuba: 0.125}


def weights(rng, rows, columns):
    """Multiples of 1/64, mostly excitatory: float sums of them are exact in any order."""
    return rng.integers(-40, 100, size=(rows, columns)) / 64


def layer(name, neuron, size):
    """Neurons with a threshold that the weights reach within a few spikes."""
    options = {} if neuron in (li, cuba_li, integrate) else {"threshold": THRESHOLDS[neuron]}
    return Population(name, neuron((size,), **options), (size,))


def link(rng, source, target, sizes, bias=None, **options):
    return dense(
        source,
        target,
        weights(rng, sizes[1], sizes[0]),
        *((n,) for n in sizes),
        bias=bias,
        **options,
    )


def recurrent(rng):
    """A layer that feeds itself one step later."""
    return graph(
        [Population("in", Input(), (5,)), layer("rec", lif, 6), layer("out", lif, 3)],
        [
            link(rng, "in", "rec", (5, 6)),
            link(rng, "rec", "rec", (6, 6), delay=Delay(np.array(1))),
            link(rng, "rec", "out", (6, 3)),
        ],
    )


def loop(rng):
    """Two populations in a cycle, with two steps of delay for two synapses."""
    return graph(
        [
            Population("in", Input(), (5,)),
            layer("a", integrate, 4),
            layer("b", lif, 6),
            layer("out", integrate, 3),
        ],
        [
            link(rng, "in", "a", (5, 4)),
            link(rng, "b", "a", (6, 4), delay=Delay(np.array(2))),
            link(rng, "a", "b", (4, 6)),
            link(rng, "b", "out", (6, 3)),
        ],
    )


def branching(rng):
    """Two branches of different depth and a skip, which meet in the output."""
    return graph(
        [
            Population("in", Input(), (5,)),
            layer("a", lif, 4),
            layer("b", integrate, 6),
            layer("c", lif, 3),
            layer("out", lif, 3),
        ],
        [
            link(rng, "in", "a", (5, 4), bias=np.array([0.25, 0.0, -0.5, 0.125])),
            link(rng, "in", "b", (5, 6)),
            link(rng, "b", "c", (6, 3)),
            link(rng, "a", "out", (4, 3)),
            link(rng, "c", "out", (3, 3)),
            link(rng, "in", "out", (5, 3)),
        ],
    )


def delayed(rng):
    """A delay of its own for every source neuron, and one for a whole projection."""
    own = Delay(np.array([0, 3, 1, 0, 2]), "source")
    return graph(
        [Population("in", Input(), (5,)), layer("hidden", lif, 6), layer("out", lif, 3)],
        [
            link(rng, "in", "hidden", (5, 6), delay=own),
            link(rng, "hidden", "out", (6, 3), delay=Delay(np.array(2))),
        ],
    )


def current_based(rng):
    """CubaLIF: synaptic currents with a time constant of their own."""
    return graph(
        [Population("in", Input(), (5,)), layer("hidden", cuba, 6), layer("out", cuba, 3)],
        [link(rng, "in", "hidden", (5, 6)), link(rng, "hidden", "out", (6, 3))],
    )


def leaky_readout(rng):
    """The answer is the largest membrane of an LI population."""
    return graph(
        [Population("in", Input(), (5,)), layer("hidden", lif, 6), layer("out", li, 3)],
        [link(rng, "in", "hidden", (5, 6)), link(rng, "hidden", "out", (6, 3))],
        readout="v_max",
    )


def current_readout(rng):
    """The answer is the last membrane of a CubaLI population with a bias before it."""
    return graph(
        [Population("in", Input(), (5,)), layer("hidden", cuba, 6), layer("out", cuba_li, 3)],
        [
            link(rng, "in", "hidden", (5, 6), bias=np.full(6, 0.25)),
            link(rng, "hidden", "out", (6, 3)),
        ],
        readout="v_last",
    )


def two_inputs(rng):
    """Inputs of different size that enter at different depths."""
    return graph(
        [
            Population("left", Input(), (5,)),
            Population("right", Input(), (4,)),
            layer("hidden", lif, 6),
            layer("out", lif, 3),
        ],
        [
            link(rng, "left", "hidden", (5, 6)),
            link(rng, "hidden", "out", (6, 3)),
            link(rng, "right", "out", (4, 3)),
        ],
    )


def images(rng):
    """A padded, strided convolution with a bias per channel."""
    kernel = rng.integers(-30, 100, size=(2, 1, 3, 3)) / 64
    conv = Conv(kernel, (1, 4, 4), (2, 1), ((1, 1), (1, 1)), (1, 1))
    bias = np.broadcast_to(np.array([0.25, -0.125]).reshape(2, 1, 1), conv.target_shape).copy()
    size = int(np.prod(conv.target_shape))
    return graph(
        [
            Population("in", Input(), (1, 4, 4)),
            Population("conv", lif(conv.target_shape, threshold=0.25), conv.target_shape),
            layer("out", integrate, 3),
        ],
        [
            Projection("in", "conv", conv, bias),
            Projection("conv", "out", Dense(weights(rng, 3, size), conv.target_shape, (3,))),
        ],
    )


BUILDERS: dict[str, Callable[[np.random.Generator], Graph]] = {
    f.__name__: f
    for f in (
        *(recurrent, loop, branching, delayed, current_based, leaky_readout, current_readout),
        *(two_inputs, images),
    )
}


def write_network(folder: Path, name: str, **changes: object) -> Path:
    """``<name>.nir`` of one of the networks, for timed data."""
    net = BUILDERS[name](np.random.default_rng(sorted(BUILDERS).index(name)))
    path = folder / f"{name}.nir"
    write_graph(replace(net, name=name, encoding=Encoding("none"), **changes), path)
    return path


def write_spikes(folder: Path, graph: Graph, rate: float = 0.4) -> Path:
    """``spikes.npz``: timed samples and labels, and others to calibrate on."""
    rng = np.random.default_rng(11)
    arrays = {}
    for part, samples in (("x_train", 12), ("x_test", SAMPLES)):
        for population in graph.inputs:
            key = part if len(graph.inputs) == 1 else f"{part}.{population.name}"
            arrays[key] = rng.random((samples, STEPS, *population.shape)) < rate
    path = folder / f"{graph.name}.npz"
    np.savez(path, **arrays, y_train=rng.integers(0, 3, 12), y_test=rng.integers(0, 3, SAMPLES))
    return path
