"""NIR's neuron primitives as neuron models, with their values checked."""

from __future__ import annotations

import numpy as np

from snn2chip.frontends.nir.lowering.params import Params
from snn2chip.frontends.nir.nodes import NirNode
from snn2chip.graph.operators import Array, Shape
from snn2chip.neurons import IF, LI, LIF, CubaLI, CubaLIF, I, Neuron

NEURON_KINDS = frozenset({"I", "IF", "LIF", "LI", "CubaLIF", "CubaLI"})


def cell(node: NirNode, file: str) -> tuple[Neuron, Shape]:
    """The neuron model and shape of a neuron node.

    A missing v_reset (files of nir <= 1.0.5) is 0, a missing w_in is 1.

    Raises:
        InputFileError: parameters that are missing, not finite, of several shapes, or a time
            constant that is not positive.
    """
    params = Params(node, file)
    match node.kind:
        case "I":
            v = _same_shapes(params, "r")
            model: Neuron = I(**v)
        case "IF":
            v = _same_shapes(params, "r", "v_threshold", v_reset=0.0)
            model = IF(**v)
        case "LIF":
            v = _same_shapes(params, "tau", "r", "v_leak", "v_threshold", v_reset=0.0)
            model = LIF(**v)
        case "LI":
            v = _same_shapes(params, "tau", "r", "v_leak")
            model = LI(**v)
        case "CubaLI":
            v = _same_shapes(params, "tau_syn", "tau_mem", "r", "v_leak", w_in=1.0)
            model = CubaLI(**v)
        case "CubaLIF":
            names = ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold")
            v = _same_shapes(params, *names, v_reset=0.0, w_in=1.0)
            model = CubaLIF(**v)
        case _:
            raise AssertionError(node.kind)
    for name in ("tau", "tau_syn", "tau_mem"):
        if name in v:
            _check_positive(params, name, v[name])
    return model, v["r"].shape


def _same_shapes(params: Params, *names: str, **optional: float) -> dict[str, Array]:
    """All parameters with the shape of the first; optional ones may be missing or single."""
    values = {name: params.array(name) for name in names}
    shape = values["r"].shape
    if not shape or 0 in shape:
        raise params.refuse(
            f"r has shape {list(shape)}",
            needs="one value per neuron",
            remedy="write parameters as arrays of the population's shape",
        )
    for name, default in optional.items():
        value = params.array(name) if params.has(name) else np.full(shape, default)
        values[name] = np.full(shape, value.item()) if value.ndim == 0 else value
    for name, value in values.items():
        if value.shape != shape:
            raise params.refuse(
                f"{name} has shape {list(value.shape)} and r has {list(shape)}",
                needs="one shape for all parameters of a neuron",
                remedy="write parameters as arrays of the population's shape",
            )
    return values


def _check_positive(params: Params, name: str, tau: Array) -> None:
    bad = ~(tau > 0)
    if bad.any():
        index = tuple(int(k) for k in np.argwhere(bad)[0])
        raise params.refuse(
            f"{name} is {tau[index]} at neuron {list(index)}",
            needs="positive time constants",
            has=f"{int(bad.sum())} of {tau.size} that are not positive",
            remedy="correct the time constants; a neuron without leak is an IF",
        )
