"""Norse's cells as NIR neurons. The equations stand in ``walk``."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir.nodes import NirNode, Param
from snn2chip.frontends.norse.builder import Builder, numbers
from snn2chip.graph.operators import Array, Shape

CELLS = {
    "LIFBoxCell": "LIF",
    "LIBoxCell": "LI",
    "IAFCell": "IF",
    "LIFCell": "CubaLIF",
    "LICell": "CubaLI",
    "LIFRecurrentCell": "CubaLIF",
}
"""Norse's cells by name, and what NIR calls them."""


def cell(state: Builder, module: Any, path: str) -> None:
    """A cell under its own path; of a recurrent one also its weights."""
    kind = type(module).__name__
    population = path or kind
    if id(module) in state.seen:
        raise UnsupportedError(
            f"module {path!r} ({kind}) is the same object as {state.seen[id(module)]!r}",
            needs="one cell per population",
            remedy="build a cell for each place",
        )
    state.seen[id(module)] = path
    if kind == "LIFRecurrentCell":
        state.emit(f"{population}/input_weights", "Linear", weight=numbers(module.input_weights))
    params = _cell_params(state, module, population)
    state.emit(population, CELLS[kind], **params)
    state.cells[path] = population
    if kind == "LIFRecurrentCell":
        recurrent = f"{population}/recurrent_weights"
        weight = numbers(module.recurrent_weights)
        state.nodes[recurrent] = NirNode("Linear", {"weight": weight}, recurrent)
        state.edges += [(population, recurrent), (recurrent, population)]


def _cell_params(state: Builder, module: Any, path: str) -> dict[str, Param]:
    """NIR's parameters of a cell, in the population's shape."""
    kind, p = type(module).__name__, module.p
    if kind != "IAFCell" and float(module.dt) != state.dt:
        raise UnsupportedError(
            f"module {path!r} ({kind}) has dt = {module.dt}",
            needs=f"dt = {state.dt}, which the network's metadata state",
            remedy="build all cells with one dt",
        )
    v: dict[str, Param] = {"r": np.ones(state.shape)}
    if kind != "IAFCell":
        v["v_leak"] = _spread(p.v_leak, state.shape, path, "v_leak")
        tau = _inverse(p.tau_mem_inv, state.shape, path, "tau_mem_inv")
        v["tau" if kind in ("LIFBoxCell", "LIBoxCell") else "tau_mem"] = tau
    if kind in ("LIFCell", "LICell", "LIFRecurrentCell"):
        tau_syn = _inverse(p.tau_syn_inv, state.shape, path, "tau_syn_inv")
        v["tau_syn"] = tau_syn
        v["w_in"] = tau_syn / state.dt
    if hasattr(p, "v_th"):
        v["v_threshold"] = _spread(p.v_th, state.shape, path, "v_th")
        v["v_reset"] = _spread(p.v_reset, state.shape, path, "v_reset")
        state.resets.setdefault(_reset(p, path), path)
    return v


def _inverse(value: Any, shape: Shape, path: str, name: str) -> Array:
    """A time constant; infinite where its inverse is 0, which the reader refuses."""
    with np.errstate(divide="ignore"):
        return 1.0 / _spread(value, shape, path, name)


def _reset(p: Any, path: str) -> str:
    """Reset of a cell's parameters: only LIFBoxParameters let it be chosen."""
    method = getattr(p, "reset_method", None)
    name = getattr(method, "__name__", "reset_value")
    known = {"reset_value": "zero", "reset_subtract": "subtract"}
    if name not in known:
        raise UnsupportedError(
            f"module {path!r}: reset method {name!r}", has="reset_value, reset_subtract"
        )
    return known[name]


def _spread(value: Any, shape: Shape, path: str, name: str) -> Array:
    """A parameter broadcast to the population's shape, as float64."""
    import torch

    array = numbers(torch.as_tensor(value))
    try:
        return np.broadcast_to(array, shape).copy()
    except ValueError as error:
        raise UnsupportedError(
            f"module {path!r}: {name} has shape {list(array.shape)}",
            needs=f"a shape that broadcasts to the population's {list(shape)}",
        ) from error
