"""Random networks of Norse, made from a seed, with parameters that float32 cannot hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from norse import torch as snn
from torch import nn

DT = 1e-3
SPIKING = ("LIFBox", "IAF", "LIF")


class Draw:
    """Random choices and parameters."""

    def __init__(self, seed: int, dtype: Any = torch.float64) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype
        torch.manual_seed(seed)

    def value(self, low: float, high: float, shape: tuple[int, ...] = ()) -> Any:
        """A parameter; per neuron where a shape is given, half of the time."""
        size = shape if shape and self.rng.random() < 0.5 else ()
        return torch.as_tensor(self.rng.uniform(low, high, size), dtype=self.dtype)

    def cell(self, kind: str, shape: tuple[int, ...] = ()) -> Any:
        common = {"v_th": self.value(0.2, 0.8, shape), "v_reset": self.value(-0.2, 0.1)}
        leak = {"v_leak": self.value(-0.1, 0.15), "tau_mem_inv": self.value(60, 300, shape)}
        synapse = {"tau_syn_inv": self.value(100, 400, shape)}
        match kind:
            case "LIFBox":
                return snn.LIFBoxCell(snn.LIFBoxParameters(**common, **leak), dt=DT)
            case "IAF":
                return snn.IAFCell(snn.IAFParameters(**common), dt=DT)
            case "LIBox":
                return snn.LIBoxCell(snn.LIBoxParameters(**leak), dt=DT)
            case "LI":
                return snn.LICell(snn.LIParameters(**leak, **synapse), dt=DT)
        return snn.LIFCell(snn.LIFParameters(**common, **leak, **synapse), dt=DT)

    def spiking(self, shape: tuple[int, ...] = ()) -> Any:
        return self.cell(SPIKING[self.rng.integers(3)], shape)

    def recurrent(self, inputs: int, size: int) -> Any:
        leak = {"v_leak": self.value(-0.1, 0.15), "tau_mem_inv": self.value(60, 300)}
        p = snn.LIFParameters(v_th=self.value(0.2, 0.8), tau_syn_inv=self.value(100, 400), **leak)
        return snn.LIFRecurrentCell(inputs, size, p, dt=DT)

    def dense(self, inputs: int, outputs: int, bias: bool | None = None) -> Any:
        given = bool(self.rng.integers(2)) if bias is None else bias
        return loud(nn.Linear(inputs, outputs, bias=given))

    def norm(self, module: Any) -> Any:
        """A BatchNorm with statistics of its own."""
        module.running_mean.normal_(0, 0.1)
        module.running_var.uniform_(0.3, 0.9)
        return module


def loud(module: Any) -> Any:
    """Larger weights, so that neurons spike a lot."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(6.0)
    return module


def spikes(*shape: int, seed: int = 0, steps: int = 200, samples: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random((steps, samples, *shape)) < 0.4).astype(np.float64)


def dense(d: Draw) -> tuple[Any, tuple[int, ...]]:
    layers = [d.dense(5, 8), d.spiking((8,)), d.dense(8, 6), nn.Dropout(0.3)]
    layers += [d.norm(nn.BatchNorm1d(6)), d.spiking((6,)), d.dense(6, 4), d.cell("LI")]
    return snn.SequentialState(*layers), (5,)


def convolutional(d: Draw) -> tuple[Any, tuple[int, ...]]:
    groups = int(d.rng.integers(1, 3))
    first = loud(nn.Conv2d(2, 4, (3, 2), padding=1, groups=groups, bias=False))
    layers = [first, d.norm(nn.BatchNorm2d(4)), d.spiking((4, 1, 1)), nn.AvgPool2d(2)]
    layers += [loud(nn.Conv2d(4, 3, 2, dilation=(1, 2))), d.spiking(), nn.Flatten()]
    size = nn.Sequential(first, layers[3], layers[4]).eval()(torch.zeros(1, 2, 7, 6)).numel()
    return snn.SequentialState(*layers, d.dense(size, 3), d.cell("LIFBox")), (2, 7, 6)


def recurrent(d: Draw) -> tuple[Any, tuple[int, ...]]:
    inner = snn.SequentialState(d.recurrent(5, 7), d.dense(7, 6), d.spiking((6,)))
    return snn.SequentialState(d.dense(4, 5), d.spiking(), inner, d.recurrent(6, 3)), (4,)


class Branches(nn.Module):
    """Two branches from one population, a residual sum, and a scaled one."""

    def __init__(self, d: Draw) -> None:
        super().__init__()
        self.inward, self.first = d.dense(5, 6), d.spiking((6,))
        self.left, self.right = d.dense(6, 4), d.dense(6, 4, bias=True)
        self.side, self.norm = d.spiking((4,)), d.norm(nn.BatchNorm1d(4))
        self.across = d.dense(4, 4)
        self.last = d.cell("LIFBox")
        self.gain = nn.Parameter(torch.rand(4))

    def forward(self, x: Any, state: Any = None) -> Any:
        first, side, last = (None, None, None) if state is None else state
        z, first = self.first(self.inward(x.flatten(1)), first)
        right = self.right(z)
        y, side = self.side(self.norm(right) - 0.5 * self.left(z), side)
        total = self.across(y) * self.gain
        total += right
        out, last = self.last(total + y, last)
        return out, (first, side, last)


def branches(d: Draw) -> tuple[Any, tuple[int, ...]]:
    return Branches(d), (5,)


def fed_back(d: Draw) -> tuple[Any, tuple[int, ...]]:
    inner = snn.RecurrentSequential(d.dense(5, 6), d.spiking(), d.dense(6, 5), d.spiking())
    return snn.SequentialState(d.dense(3, 5), d.spiking(), inner, d.dense(5, 2), d.spiking()), (3,)


def fed_back_from_a_layer(d: Draw) -> tuple[Any, tuple[int, ...]]:
    """What is fed back is the output of a biased layer, missing in the first step."""
    inner = snn.RecurrentSequential(d.spiking(), d.dense(4, 4, bias=True), d.spiking(),
                                    output_modules=1)  # fmt: skip
    return snn.SequentialState(d.dense(3, 4), inner, d.spiking()), (3,)


def over_time(d: Draw) -> tuple[Any, tuple[int, ...]]:
    leak = {"v_leak": d.value(-0.1, 0.15), "tau_mem_inv": d.value(60, 300)}
    p = snn.LIFParameters(v_th=d.value(0.2, 0.8), tau_syn_inv=d.value(100, 400), **leak)
    li = snn.LIParameters(tau_syn_inv=d.value(100, 400), **leak)
    iaf = snn.IAFParameters(v_th=d.value(0.2, 0.8), v_reset=d.value(-0.1, 0.1))
    layers = [snn.Lift(loud(nn.Conv2d(1, 3, 2))), snn.LIF(p, dt=DT), nn.Flatten(2)]
    layers += [snn.LIFRecurrent(27, 6, p, dt=DT), d.dense(6, 5), snn.IAF(iaf), d.dense(5, 3)]
    return snn.SequentialState(*layers, snn.LI(li, dt=DT)), (1, 4, 4)


NETWORKS = {
    made.__name__: made
    for made in (
        dense, convolutional, recurrent, branches, fed_back, fed_back_from_a_layer, over_time
    )
}  # fmt: skip
