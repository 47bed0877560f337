"""Small graphs that many tests build on."""

from __future__ import annotations

import numpy as np

from snn2chip.graph import Conv, Dense, Encoding, Graph, Population, Projection, Readout
from snn2chip.neurons import IF, LI, LIF, CubaLI, CubaLIF, Discretization, Input, from_preset

NORSE = from_preset("norse", 1e-3)


def full(shape, value):
    return np.full(shape, float(value))


def lif(shape, tau=5e-3, threshold=1.0, r=1.0, v_leak=0.0, v_reset=0.0):
    return LIF(*(full(shape, x) for x in (tau, r, v_leak, threshold, v_reset)))


def integrate(shape, threshold=1.0, r=1.0, v_reset=0.0):
    return IF(*(full(shape, x) for x in (r, threshold, v_reset)))


def cuba(shape, tau_syn=2e-3, tau_mem=5e-3, threshold=1.0, v_leak=0.0, v_reset=0.0, w_in=1.0):
    values = (tau_syn, tau_mem, 1.0, v_leak, threshold, v_reset, w_in)
    return CubaLIF(*(full(shape, x) for x in values))


def li(shape, tau=5e-3, r=1.0, v_leak=0.0):
    return LI(*(full(shape, x) for x in (tau, r, v_leak)))


def cuba_li(shape, tau_syn=2e-3, tau_mem=5e-3):
    return CubaLI(*(full(shape, x) for x in (tau_syn, tau_mem, 1.0, 0.0, 1.0)))


def population(name, neuron, shape):
    return Population(name, neuron, shape)


def dense(source, target, weight, source_shape, target_shape, bias=None, **options):
    operator = Dense(np.asarray(weight, float), source_shape, target_shape)
    return Projection(source, target, operator, bias, **options)


def chain(rng, neuron=lif, sizes=(6, 5, 3), bias=False, discretization: Discretization = NORSE):
    """input -> hidden... -> out, dense."""
    names = ["input", *(f"hidden{k}" for k in range(len(sizes) - 2)), "out"]
    populations = [Population("input", Input(), (sizes[0],))]
    projections = []
    for k, size in enumerate(sizes[1:], start=1):
        populations.append(Population(names[k], neuron((size,)), (size,)))
        weight = rng.normal(0.6, 1.0, size=(size, sizes[k - 1]))
        offset = rng.normal(0.1, 0.2, size=size) if bias else None
        projections.append(
            dense(names[k - 1], names[k], weight, (sizes[k - 1],), (size,), bias=offset)
        )
    return graph(populations, projections, discretization=discretization)


def conv_net(rng, neuron=lif):
    """input (1, 6, 6) -> conv (2, 4, 4) -> out (3,)."""
    conv = Conv(rng.normal(0.4, 0.5, size=(2, 1, 3, 3)), (1, 6, 6), (1, 1), ((0, 0),) * 2, (1, 1))
    shape = conv.target_shape
    return graph(
        [
            Population("input", Input(), (1, 6, 6)),
            Population("conv", neuron(shape), shape),
            Population("out", neuron((3,)), (3,)),
        ],
        [
            Projection("input", "conv", conv),
            dense("conv", "out", rng.normal(0.2, 0.5, size=(3, 32)), shape, (3,)),
        ],
    )


def graph(populations, projections, discretization=NORSE, outputs=None, readout="spike_count"):
    return Graph(
        name="net",
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=outputs or (populations[-1].name,),
        discretization=discretization,
        readout=Readout(readout),
        encoding=Encoding("if", steps=16),
    )


def spikes_for(net, rng, steps=20, samples=4, rate=0.3):
    return {p.name: rng.random((steps, samples, *p.shape)) < rate for p in net.inputs}
