"""Small SpikingJelly networks: of every kind of neuron, and drawn at random."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from spikingjelly.activation_based import functional, layer, neuron

nn = torch.nn
STEPS = 200


def spikes(*shape: int, seed: int = 0, steps: int = STEPS, samples: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random((steps, samples, *shape)) < 0.4).astype(np.float64)


def lif(**values: Any) -> Any:
    return neuron.LIFNode(**{"tau": 2.7, "v_threshold": 0.4, **values})


NODES: dict[str, Any] = {
    "if": lambda: neuron.IFNode(0.9),
    "if-soft": lambda: neuron.IFNode(0.9, v_reset=None),
    "if-reset": lambda: neuron.IFNode(0.7, v_reset=-0.3),
    "lif": lambda: lif(),
    "lif-soft": lambda: lif(v_reset=None),
    "lif-reset": lambda: lif(v_reset=0.15),
    "lif-whole-input": lambda: lif(decay_input=False, v_reset=-0.2),
    "lif-whole-input-soft": lambda: lif(decay_input=False, v_reset=None),
    "plif": lambda: neuron.ParametricLIFNode(3.3, v_threshold=0.4, v_reset=0.1),
    "plif-whole-input": lambda: neuron.ParametricLIFNode(1.4, False, 0.6, None),
    "cuba": lambda: neuron.CUBALIFNode(0.4, 0.7, 0.6),
    "cuba-soft": lambda: neuron.CUBALIFNode(0.0, 0.9, 0.8, None),
    "cuba-reset": lambda: neuron.CUBALIFNode(0.5, 0.9, 0.6, v_reset=0.3),
    "simple-if": lambda: neuron.SimpleIFNode(0.7, v_reset=0.2),
    "simple-lif": lambda: neuron.SimpleLIFNode(2.2, True, 0.3, 0.1),
    "simple-lif-whole-input": lambda: neuron.SimpleLIFNode(5.1, False, 0.6, -0.1),
}
"""Makers of neurons of every kind."""


def strong(module: Any, seed: int) -> Any:
    """The module with weights that make its neurons fire."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.Linear | nn.Conv1d | nn.Conv2d):
                fan = part.weight[0].numel()
                part.weight.normal_(0.6 / fan, 1.5 / fan**0.5)
                if part.bias is not None:
                    part.bias.normal_(0.0, 0.1)
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                part.running_mean.normal_(0.0, 0.1)
                part.running_var.uniform_(0.5, 2.0)
    return module


def in_mode(module: Any, mode: str) -> Any:
    functional.set_step_mode(module, mode)
    return module


def dense(*nodes: Any, width: int = 6, seed: int = 0) -> Any:
    """Neurons with a Linear before each of them."""
    layers = [part for node in nodes for part in (layer.Linear(width, width), node)]
    return strong(nn.Sequential(*layers), seed)


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Any, tuple[int, ...]]:
    """A network of two to four layers of neurons, and the shape of its input."""
    image = draw(st.booleans())
    shape: tuple[int, ...] = (2, 6, 5) if image else (draw(st.integers(2, 7)),)
    layers: list[Any] = []
    size = shape[0]
    if image:
        groups, bias = draw(st.sampled_from([1, 2])), draw(st.booleans())
        layers.append(layer.Conv2d(2, 4, 3, padding=1, groups=groups, bias=bias))
        if draw(st.booleans()):
            layers.append(layer.BatchNorm2d(4))
        layers.append(NODES[draw(st.sampled_from(sorted(NODES)))]())
        if draw(st.booleans()):
            layers += [layer.AvgPool2d((2, 1)), layer.Conv2d(4, 4, (1, 2), bias=False)]
            layers += [NODES[draw(st.sampled_from(sorted(NODES)))](), layer.Flatten()]
            size = 4 * 3 * 4
        else:
            layers += [layer.Dropout2d(0.5), layer.Flatten()]
            size = 4 * 6 * 5
    for kind in draw(st.lists(st.sampled_from(sorted(NODES)), min_size=1, max_size=3)):
        width = draw(st.integers(3, 9))
        layers.append(layer.Linear(size, width, bias=draw(st.booleans())))
        node = NODES[kind]()
        if draw(st.booleans()):
            layers.append(layer.LinearRecurrentContainer(node, width, width, draw(st.booleans())))
        else:
            layers += [*([layer.Dropout()] if draw(st.booleans()) else []), node]
        size = width
    net = strong(nn.Sequential(*layers), draw(st.integers(0, 2**31)))
    return in_mode(net, draw(st.sampled_from("sm"))), shape
