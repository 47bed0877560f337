"""Norse's cells as NIR neurons.

The equations were read in norse 1.1.0 ``torch/functional`` and hold with the preset ``norse``::

    LIFBoxCell  v += dt/tau_mem (x + v_leak - v)                               -> LIF, r = 1
    LIBoxCell   the same without spikes                                        -> LI, r = 1
    IAFCell     v += x                                                         -> IF, r = 1
    LIFCell     i += x ; v += dt/tau_mem (v_leak - v + i) ; i -= dt/tau_syn i  -> CubaLIF
    LICell      the same without spikes                                        -> CubaLI

LIFCell and LICell let the membrane see the input of the same step and decay the current after it:
the current before that decay obeys i' = (1 - dt/tau_syn) i + x, which is NIR's CubaLIF with
w_in = tau_syn / dt, without any shift in time. A LIFRecurrentCell becomes its input weights, a
CubaLIF and its recurrent weights. LIF, LI, IAF and LIFRecurrent are the same over time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir.nodes import Param
from snn2chip.frontends.torch.builder import Builder, numbers, spread
from snn2chip.graph.operators import Array, Shape

KINDS = {
    "LIFBoxCell": "LIF",
    "LIBoxCell": "LI",
    "IAFCell": "IF",
    "LIFCell": "CubaLIF",
    "LICell": "CubaLI",
    "LIFRecurrentCell": "CubaLIF",
    "IAF": "IF",
    "LIF": "CubaLIF",
    "LI": "CubaLI",
    "LIFRecurrent": "CubaLIF",
}
"""Norse's cells by name, and what NIR calls them. Those without Cell take whole sequences."""


def cell(builder: Builder, module: Any, path: str) -> None:
    """A cell under its own path; of a recurrent one also its weights."""
    kind = type(module).__name__
    name = path or kind
    builder.once(path, module)
    _check_axes(builder, kind, path)
    recurrent = kind.startswith("LIFRecurrent")
    if recurrent:
        builder.emit(f"{name}/input_weights", "Linear", weight=numbers(module.input_weights))
    params = _cell_params(builder, module, name)
    options = {} if not hasattr(module.p, "v_th") else {"reset": _reset(module.p, path)}
    population = builder.cell(path, module, KINDS[kind], options, **params)
    if recurrent:
        loop = f"{population}/recurrent_weights"
        builder.add(loop, "Linear", weight=numbers(module.recurrent_weights))
        builder.edges += [(population, loop), (loop, population)]


def _check_axes(builder: Builder, kind: str, path: str) -> None:
    """Whether a cell is given single steps, and a module over time sequences."""
    lifted = path.endswith("lifted_module")
    if kind.endswith("Cell") and builder.timed and not lifted:
        raise UnsupportedError(
            f"module {path or 'itself'!r} ({kind}) is given sequences [step, sample, ...]",
            needs="single steps, as all cells of Norse",
            remedy=f"Lift({kind}(...)), or give the module single steps throughout",
        )
    if not kind.endswith("Cell") and lifted:
        raise UnsupportedError(
            f"module {path!r} ({kind}) is lifted, and takes sequences itself",
            needs="a module of single steps in a Lift",
            remedy=f"{kind} without Lift",
        )


def _cell_params(builder: Builder, module: Any, path: str) -> dict[str, Param]:
    """NIR's parameters of a cell, in the population's shape."""
    kind, p, shape = type(module).__name__, module.p, builder.shape
    integrates = kind in ("IAFCell", "IAF")
    if not integrates and float(module.dt) != builder.dt:
        raise UnsupportedError(
            f"module {path!r} ({kind}) has dt = {module.dt}",
            needs=f"dt = {builder.dt}, which the network's metadata state",
            remedy="build all cells with one dt",
        )
    v: dict[str, Param] = {"r": np.ones(shape)}
    if not integrates:
        v["v_leak"] = spread(p.v_leak, shape, path, "v_leak")
        tau = _inverse(p.tau_mem_inv, shape, path, "tau_mem_inv")
        v["tau" if kind in ("LIFBoxCell", "LIBoxCell") else "tau_mem"] = tau
    if KINDS[kind] in ("CubaLIF", "CubaLI"):
        tau_syn = _inverse(p.tau_syn_inv, shape, path, "tau_syn_inv")
        v["tau_syn"] = tau_syn
        v["w_in"] = tau_syn / builder.dt
    if hasattr(p, "v_th"):
        v["v_threshold"] = spread(p.v_th, shape, path, "v_th")
        v["v_reset"] = spread(p.v_reset, shape, path, "v_reset")
    return v


def _inverse(value: Any, shape: Shape, path: str, name: str) -> Array:
    """A time constant; infinite where its inverse is 0, which the reader refuses."""
    with np.errstate(divide="ignore"):
        return 1.0 / spread(value, shape, path, name)


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
