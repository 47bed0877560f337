"""Small graphs for tests, and Hypothesis strategies for random ones."""

from __future__ import annotations

from dataclasses import fields, replace
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from snn2chip.graph import (
    Conv,
    Delay,
    Dense,
    Encoding,
    Graph,
    Identity,
    Operator,
    Population,
    Projection,
    Readout,
    identity,
)
from snn2chip.neurons import IF, LI, LIF, NEURONS, CubaLIF, Input, Neuron, from_preset

Shape = tuple[int, ...]
DT = 2.0**-10


def neuron(kind: str, shape: Shape, **values: float) -> Neuron:
    """A neuron whose parameters are constants; dyadic unless told otherwise."""
    defaults = {
        "tau": 8 * DT,
        "tau_syn": 4 * DT,
        "tau_mem": 16 * DT,
        "r": 1.0,
        "v_leak": 0.0,
        "v_threshold": 1.0,
        "v_reset": 0.0,
        "w_in": 1.0,
    }
    names = [f.name for f in fields(NEURONS[kind])]
    return NEURONS[kind](**{n: np.full(shape, {**defaults, **values}[n]) for n in names})


def population(name: str, kind: str, shape: Shape, **values: float) -> Population:
    made = Input() if kind == "Input" else neuron(kind, shape, **values)
    return Population(name, made, shape)


def dense(source: Shape, target: Shape, seed: int = 0) -> Dense:
    """Weights that are multiples of 1/8."""
    entries = np.arange(prod(target) * prod(source)) * (2 * seed + 7) + 5 * seed
    weight = (entries % 21 - 8) / 8.0
    return Dense(weight.reshape(prod(target), prod(source)), source, target)


def tiny(**changes: Any) -> Graph:
    """input [3] -> LIF hidden [4] -> LI out [2]."""
    graph = Graph(
        name="tiny",
        populations=(
            population("input", "Input", (3,)),
            population("hidden", "LIF", (4,)),
            population("out", "LI", (2,)),
        ),
        projections=(
            Projection("input", "hidden", dense((3,), (4,), 1), np.array([0.5, 0, 0, 0.25])),
            Projection("hidden", "out", dense((4,), (2,), 2)),
        ),
        outputs=("out",),
        discretization=from_preset("norse", DT),
        readout=Readout("v_max"),
    )
    return replace(graph, **changes)


_KINDS = ("IF", "LIF", "CubaLIF", "LI", "CubaLI")


@st.composite
def parameters(draw: st.DrawFn, kind: str, shape: Shape) -> Neuron:
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    cls = NEURONS[kind]
    values = {}
    for name in (f.name for f in fields(cls)):
        if name.startswith("tau"):
            values[name] = DT * 2.0 ** rng.integers(0, 5, shape)
        elif name == "v_threshold":
            values[name] = rng.integers(1, 5, shape) / 4.0
        elif name in ("r", "w_in"):
            values[name] = rng.integers(1, 5, shape) / 2.0
        else:
            values[name] = rng.integers(-2, 3, shape) / 16.0
    return cls(**values)


@st.composite
def operators(draw: st.DrawFn, source: Shape, target: Shape) -> Operator:
    seed = draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)
    if source == target and draw(st.booleans()):
        if draw(st.booleans()):
            return identity(source)
        return Identity(rng.integers(-4, 9, source) / 4.0, source, target)
    return dense(source, target, seed)


@st.composite
def images(draw: st.DrawFn, source: Shape) -> Conv:
    """A convolution that reads an image."""
    axes = len(source) - 1
    groups = draw(st.sampled_from([1, source[0]]))
    rows = draw(st.integers(1, 2))
    kernel = tuple(draw(st.integers(1, min(2, n))) for n in source[1:])
    padding = tuple((p, p) for p in (draw(st.integers(0, 1)) for _ in range(axes)))
    stride = tuple(draw(st.integers(1, 2)) for _ in range(axes))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    weight = rng.integers(-8, 13, (groups * rows, source[0] // groups, *kernel)) / 8.0
    return Conv(weight, source, stride, padding, (1,) * axes, groups)


@st.composite
def delays(draw: st.DrawFn, operator: Operator, least: int = 0) -> Delay:
    kind = draw(st.sampled_from(["none", "all", "source", "target"]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    if kind == "none":
        return Delay(np.array(least))
    if kind == "all":
        return Delay(np.array(draw(st.integers(least, 3))))
    shape = operator.source_shape if kind == "source" else operator.target_shape
    return Delay(rng.integers(least, 4, shape), kind)  # type: ignore[arg-type]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Layered networks with skips, recurrence, images, delays and biases; all dyadic."""
    axes = draw(st.integers(0, 2))
    shape = (draw(st.integers(1, 3)), *(draw(st.integers(2, 4)) for _ in range(axes)))
    populations = [population("input", "Input", shape)]
    projections: list[Projection] = []
    for k in range(draw(st.integers(1, 3))):
        before = populations[-1]
        if len(before.shape) > 1 and draw(st.booleans()):
            operator: Operator = draw(images(before.shape))
            channel = np.random.default_rng(k).integers(0, 3, operator.target_shape[0]) / 4.0
            bias = np.broadcast_to(
                channel.reshape(-1, *(1,) * (len(operator.target_shape) - 1)),
                operator.target_shape,
            ).copy()
        else:
            target = (draw(st.integers(1, 5)),)
            operator = dense(before.shape, target, draw(st.integers(0, 99)))
            bias = np.random.default_rng(k).integers(0, 3, target) / 4.0
        kind = draw(st.sampled_from(_KINDS))
        name = draw(st.sampled_from(["layer", "a/b", "10", "x.y", "100%", "é"])) + str(k)
        neuron_ = draw(parameters(kind, operator.target_shape))
        populations.append(Population(name, neuron_, operator.target_shape))
        chosen = bias if draw(st.booleans()) and bias.any() else None
        projections.append(Projection(before.name, name, operator, chosen, draw(delays(operator))))
    projections += draw(_extra(populations))
    return Graph(
        name="random",
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=(populations[-1].name,),
        discretization=from_preset("norse", DT, reset=draw(st.sampled_from(["zero", "subtract"]))),
        readout=Readout("spike_count" if populations[-1].neuron.spiking else "v_mean"),
        encoding=Encoding("if", 7, 0.5, 2.0),
        classes=tuple(f"class {k}" for k in range(populations[-1].size)),
        data="digits",
        split_seed=3,
    )


@st.composite
def _extra(draw: st.DrawFn, populations: list[Population]) -> list[Projection]:
    """Recurrent and skipping projections between flat populations."""
    flat = [p for p in populations if len(p.shape) == 1]
    found = []
    for target in flat:
        for source in flat:
            if target.is_input or draw(st.integers(0, 3)):
                continue
            later = populations.index(source) >= populations.index(target)
            operator = draw(operators(source.shape, target.shape))
            delay = draw(delays(operator, 1 if later else 0))
            found.append(Projection(source.name, target.name, operator, None, delay))
    return found


__all__ = ["DT", "IF", "LI", "LIF", "CubaLIF", "dense", "graphs", "neuron", "population", "tiny"]
