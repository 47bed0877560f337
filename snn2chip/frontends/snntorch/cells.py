"""snnTorch's cells as NIR neurons.

The equations were read in snntorch 1.0.0 ``_neurons``; beta and alpha are kept between 0 and 1, as
snnTorch does. With the resets of ``resets``::

    Leaky      v = beta v + x                            -> LIF, tau = dt / (1 - beta), r = tau / dt
    Synaptic   i = alpha i + x ; v = beta v + i          -> CubaLIF, tau_syn = dt / (1 - alpha),
                                                            w_in = tau_syn / dt, the rest as LIF
    Lapicque   v = (1 - T/(RC)) v + T/C x                -> LIF, tau = dt RC / T, r = R
    RLeaky     Leaky, and x + recurrent(z of the step before); RSynaptic likewise

A Leaky that keeps all of its membrane (beta = 1) is an IF; elsewhere a factor of 1 becomes a time
constant of 2^60 steps, which takes nothing from a float64. r and w_in make NIR's gains 1, and the
options ``input_gain`` and ``synapse_gain`` say so exactly: a product of r and dt / tau is 1 up to
rounding only, which shows where a sum of weights is just the threshold.

Spikes of another height (``graded_spikes_factor``) are a Scale behind the population.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir.nodes import NirNode, Param, per_axis
from snn2chip.frontends.snntorch.resets import reset_options
from snn2chip.frontends.torch.builder import Builder, numbers, spread
from snn2chip.frontends.torch.framework import Emit
from snn2chip.graph.operators import Array, Shape

_FOREVER = 2.0**60
"""Steps of a time constant that stands for one without end: 1 - 1/_FOREVER is 1 in float64."""


def leaky(builder: Builder, module: Any, path: str) -> None:
    """A Leaky or RLeaky."""
    check_plain(module, path)
    shape = builder.shape
    params = _threshold(module, shape, path)
    beta = _factor(module, "beta", shape, path)
    kind = "IF" if (beta == 1.0).all() else "LIF"
    if kind == "IF":
        params["r"] = np.ones(shape)
    else:
        tau = time_constant(beta, builder.dt)
        params |= {"tau": tau, "r": tau / builder.dt, "v_leak": np.zeros(shape)}
    _emit(builder, module, path, kind, {"input_gain": "one"}, params)


def synaptic(builder: Builder, module: Any, path: str) -> None:
    """A Synaptic or RSynaptic."""
    check_plain(module, path)
    shape = builder.shape
    params = _threshold(module, shape, path)
    tau = time_constant(_factor(module, "beta", shape, path), builder.dt)
    tau_syn = time_constant(_factor(module, "alpha", shape, path), builder.dt)
    params |= {"tau_mem": tau, "r": tau / builder.dt, "v_leak": np.zeros(shape)}
    params |= {"tau_syn": tau_syn, "w_in": tau_syn / builder.dt}
    gains = {"input_gain": "one", "synapse_gain": "one"}
    _emit(builder, module, path, "CubaLIF", gains, params)


def lapicque(builder: Builder, module: Any, path: str) -> None:
    """A Lapicque; its membrane decays by T/(RC) per step, whatever its ``beta`` is."""
    check_plain(module, path)
    shape = builder.shape
    resistance, capacity, step = (
        _spread(getattr(module, name), shape, path, name) for name in ("R", "C", "time_step")
    )
    params = _threshold(module, shape, path)
    tau = builder.dt * (resistance * capacity / step)
    params |= {"tau": tau, "r": resistance, "v_leak": np.zeros(shape)}
    _emit(builder, module, path, "LIF", {"input_gain": "matched"}, params)


CELLS: Mapping[str, Emit] = {
    "Leaky": leaky,
    "Synaptic": synaptic,
    "RLeaky": leaky,
    "RSynaptic": synaptic,
    "Lapicque": lapicque,
}
"""snnTorch's cells by name."""


def check_plain(module: Any, path: str) -> None:
    """Refuses what no neuron of NIR does.

    Raises:
        UnsupportedError: inhibition, quantized states, or a spike function that is no step.
    """
    import torch

    remedies = {
        "inhibition": "inhibition=False, and recurrent weights that inhibit",
        "state_quant": "state_quant=False: the chip's back end rounds states itself",
    }
    for name, remedy in remedies.items():
        if getattr(module, name, False):
            raise UnsupportedError(
                f"module {path!r} ({type(module).__name__}) uses {name}", remedy=remedy
            )
    around = torch.tensor([-1.0, 0.0, 1.0])
    if module.spike_grad(around).tolist() != [0.0, 0.0, 1.0]:
        raise UnsupportedError(
            f"module {path!r} ({type(module).__name__}) has a spike function of its own",
            needs="a spike of 1 above the threshold, and none else",
            has=f"{module.spike_grad(around).tolist()} at {around.tolist()}",
            remedy="a surrogate of snntorch.surrogate",
        )


def time_constant(factor: Array, dt: float) -> Array:
    """tau with 1 - dt/tau = factor: exact for float32 factors from 1/2, elsewhere within 2^-52."""
    with np.errstate(divide="ignore"):
        return np.where(factor == 1.0, _FOREVER * dt, dt / (1.0 - factor))


def _emit(
    builder: Builder,
    module: Any,
    path: str,
    kind: str,
    options: dict[str, str],
    params: dict[str, Param],
) -> None:
    """The population, the height of its spikes, and its recurrent weights."""
    builder.once(path, module)
    shape = builder.shape
    options = {**options, **reset_options(module, path)}
    population = builder.cell(path, module, kind, options, **params)
    height = _spread(module.graded_spikes_factor, shape, path, "graded_spikes_factor")
    if (height == 0.0).any():
        raise UnsupportedError(
            f"module {path!r} ({type(module).__name__}): graded_spikes_factor is 0",
            needs="spikes that can be seen",
        )
    if (height != 1.0).any():
        builder.emit(f"{population}/graded_spikes_factor", "Scale", scale=height)
    if hasattr(module, "recurrent"):
        name = f"{population}/recurrent"
        node = _recurrent(module.recurrent, shape, path, name)
        builder.add(name, node.kind, **node.params)
        builder.edges += [(builder.sources[0], name), (name, population)]


def _recurrent(layer: Any, shape: Shape, path: str, name: str) -> NirNode:
    """The recurrent weights of a cell: Linear, Conv2d, or one per neuron."""
    import torch

    if isinstance(layer, torch.nn.Linear):
        if len(shape) != 1:
            raise UnsupportedError(
                f"module {path!r}: linear_features on an input of shape {list(shape)}",
                needs="an input of one axis",
                remedy="a Flatten before it, or conv2d_channels and kernel_size",
            )
        params: dict[str, Param] = {"weight": numbers(layer.weight), "bias": numbers(layer.bias)}
        return NirNode("Affine", params, name)
    if isinstance(layer, torch.nn.Conv2d):
        params = {
            "input_shape": per_axis(shape[1:]),
            "weight": numbers(layer.weight),
            "stride": per_axis(layer.stride),
            "padding": per_axis([int(p) for p in layer.padding]),
            "dilation": per_axis(layer.dilation),
            "groups": int(layer.groups),
            "bias": numbers(layer.bias),
        }
        return NirNode("Conv2d", params, name)
    return NirNode("Scale", {"scale": _spread(layer.V, shape, path, "V")}, name)


def _threshold(module: Any, shape: Shape, path: str) -> dict[str, Param]:
    threshold = _spread(module.threshold, shape, path, "threshold")
    return {"v_threshold": threshold, "v_reset": np.zeros(shape)}


def _factor(module: Any, name: str, shape: Shape, path: str) -> Array:
    """beta or alpha, between 0 and 1; NaN stays, which the reader refuses."""
    return np.clip(_spread(getattr(module, name), shape, path, name), 0.0, 1.0)


def _spread(value: Any, shape: Shape, path: str, name: str) -> Array:
    """As ``spread``; axes of length 1 in front, which torch lets stand for the batch, fall away."""
    while value.ndim > len(shape) and value.shape[0] == 1:
        value = value[0]
    return spread(value, shape, path, name)
