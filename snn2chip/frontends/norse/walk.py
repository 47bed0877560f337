"""Norse and plain torch modules into NIR nodes, by a walk over the modules in order.

The equations were read in norse 1.1.0 ``torch/functional`` and hold with the preset ``norse``::

    LIFBoxCell  v += dt/tau_mem (x + v_leak - v)                               -> LIF, r = 1
    LIBoxCell   the same without spikes                                        -> LI, r = 1
    IAFCell     v += x                                                         -> IF, r = 1
    LIFCell     i += x ; v += dt/tau_mem (v_leak - v + i) ; i -= dt/tau_syn i  -> CubaLIF
    LICell      the same without spikes                                        -> CubaLI

LIFCell and LICell let the membrane see the input of the same step and decay the current after it:
the current before that decay obeys i' = (1 - dt/tau_syn) i + x, which is NIR's CubaLIF with
w_in = tau_syn / dt, without any shift in time.

A BatchNorm is folded into the linear layer before it, from its running statistics; without one it
becomes a 1x1 convolution per channel. A LIFRecurrentCell becomes its input weights, a CubaLIF and
its recurrent weights. Dropout and Identity are dropped. Anything else is refused by path and type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.frontends.nir.nodes import NirGraph, NirNode
from snn2chip.frontends.norse import layers
from snn2chip.frontends.norse.builder import Builder
from snn2chip.frontends.norse.cells import CELLS, cell
from snn2chip.graph.operators import Shape


@dataclass(frozen=True, eq=False)
class Walked:
    """The result of a walk.

    Attributes:
        nodes: the NIR graph.
        cells: module path -> name of the population it became.
        overrides: options of the discretization that the cells ask for.
    """

    nodes: NirGraph
    cells: Mapping[str, str]
    overrides: Mapping[str, str]


def walk(module: Any, input_shape: Shape, dt: float, name: str = "model") -> Walked:
    """The NIR graph of a Norse module.

    Args:
        module: a torch module; BatchNorms are read as in evaluation.
        input_shape: without batch and time.
        dt: step length, in the unit of 1 / tau_mem_inv.

    Raises:
        UnsupportedError: a module or option that NIR cannot hold, by path and type.
        ConfigError: torch or norse is not installed.
        InputFileError: shapes that do not fit, or parameters that are not finite.
    """
    require_torch()
    taken = {path.replace(".", "/") for path, _ in module.named_modules()}
    first, last = (_free(end, taken) for end in ("input", "output"))
    state = Builder(float(dt), tuple(int(n) for n in input_shape), first)
    state.nodes[first] = NirNode("Input", {"shape": np.array(state.shape, np.int64)}, first)
    _visit(state, module, "")
    state.nodes[last] = NirNode("Output", {"shape": np.array(state.shape, np.int64)}, last)
    state.edges.append((state.last, last))
    overrides = {} if list(state.resets) in ([], ["zero"]) else {"reset": "subtract"}
    if len(state.resets) > 1:
        places = ", ".join(f"{method} in {path!r}" for method, path in state.resets.items())
        raise UnsupportedError(
            f"cells with different resets: {places}", needs="one reset for the whole network"
        )
    return Walked(NirGraph(state.nodes, tuple(state.edges), name=name), state.cells, overrides)


def _free(name: str, taken: set[str]) -> str:
    """``name``, or the first of name#2, name#3, ... that no module has."""
    found, k = name, 1
    while found in taken:
        k += 1
        found = f"{name}#{k}"
    return found


def require_torch() -> None:
    """Raises ConfigError where torch or norse is missing."""
    try:
        import norse.torch  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "PyTorch and Norse are needed to open a checkpoint",
            has=str(error),
            remedy='pip install "snn2chip[train]"',
        ) from error


def _visit(state: Builder, module: Any, path: str) -> None:
    """Emits one module and its children."""
    import torch

    kind = type(module).__name__
    if isinstance(module, torch.nn.Sequential):
        _visit_children(state, module, path)
    elif isinstance(module, torch.nn.Identity | torch.nn.modules.dropout._DropoutNd):
        pass
    elif isinstance(module, torch.nn.Linear):
        layers.linear(state, module, path)
    elif isinstance(module, torch.nn.Conv1d | torch.nn.Conv2d):
        layers.convolution(state, module, path)
    elif isinstance(module, torch.nn.AvgPool2d):
        layers.pool(state, module, path)
    elif isinstance(module, torch.nn.Flatten):
        layers.flatten(state, module, path)
    elif isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
        layers.batch_norm(state, module, path)
    elif kind in CELLS and type(module).__module__.startswith("norse."):
        cell(state, module, path)
    else:
        _refuse(module, path)


def _visit_children(state: Builder, module: Any, path: str) -> None:
    if getattr(module, "return_hidden", False):
        raise UnsupportedError(
            f"module {path or 'itself'!r} returns all hidden layers", needs="return_hidden=False"
        )
    for key, child in module._modules.items():  # named_children leaves out repeated modules
        _visit(state, child, f"{path}/{key}" if path else key)


def _refuse(module: Any, path: str) -> None:
    kind = type(module).__name__
    remedies = {
        "MaxPool2d": "use AvgPool2d: a maximum is no linear operator of spikes",
        "LIF": "use LIFCell, which sees one step at a time",
        "LIFRecurrent": "use LIFRecurrentCell, which sees one step at a time",
        "Lift": "use the lifted module itself: cells see one step at a time",
        "RecurrentSequential": "use LIFRecurrentCell",
    }
    raise UnsupportedError(
        f"module {path or 'itself'!r} is a {type(module).__module__}.{kind}",
        needs="a module that NIR can hold",
        has="Sequential, SequentialState, Linear, Conv1d, Conv2d, AvgPool2d, Flatten, Identity, "
        "Dropout, BatchNorm1d, BatchNorm2d, " + ", ".join(CELLS),
        remedy=remedies.get(kind, "build the model of these modules, or export NIR yourself"),
    )
