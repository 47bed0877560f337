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
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.frontends.nir.layers import layer
from snn2chip.frontends.nir.nodes import NirGraph, NirNode, Param, per_axis
from snn2chip.graph.operators import Array, Shape

INPUT, OUTPUT = "input", "output"
_CONVOLUTIONS = {1: "Conv1d", 2: "Conv2d"}


@dataclass
class _Walk:
    """What has been emitted so far.

    Attributes:
        last: name of the node whose result comes next.
        shape: of that result.
        cells: path of each cell -> name of its population.
        resets: reset method -> path of the first cell that has it.
        seen: identity of each cell -> its path.
    """

    dt: float
    shape: Shape
    last: str = INPUT
    nodes: dict[str, NirNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    cells: dict[str, str] = field(default_factory=dict)
    resets: dict[str, str] = field(default_factory=dict)
    seen: dict[int, str] = field(default_factory=dict)

    def emit(self, name: str, kind: str, **params: Param) -> None:
        """Appends a node to the chain; linear nodes change the shape."""
        if name in self.nodes:
            raise UnsupportedError(
                f"module {name!r}: its name is taken", remedy="rename the module"
            )
        node = NirNode(kind, params, name)
        self.nodes[name] = node
        self.edges.append((self.last, name))
        self.last = name
        if kind not in _CELLS.values():
            self.shape = layer(node, self.shape, "the module").target_shape


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


_CELLS = {
    "LIFBoxCell": "LIF",
    "LIBoxCell": "LI",
    "IAFCell": "IF",
    "LIFCell": "CubaLIF",
    "LICell": "CubaLI",
    "LIFRecurrentCell": "CubaLIF",
}


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
    state = _Walk(float(dt), tuple(int(n) for n in input_shape))
    state.nodes[INPUT] = NirNode("Input", {"shape": np.array(state.shape, np.int64)}, INPUT)
    _visit(state, module, "")
    state.nodes[OUTPUT] = NirNode("Output", {"shape": np.array(state.shape, np.int64)}, OUTPUT)
    state.edges.append((state.last, OUTPUT))
    overrides = {} if list(state.resets) in ([], ["zero"]) else {"reset": "subtract"}
    if len(state.resets) > 1:
        places = ", ".join(f"{method} in {path!r}" for method, path in state.resets.items())
        raise UnsupportedError(
            f"cells with different resets: {places}", needs="one reset for the whole network"
        )
    return Walked(NirGraph(state.nodes, tuple(state.edges), name=name), state.cells, overrides)


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


def _visit(state: _Walk, module: Any, path: str) -> None:
    """Emits one module and its children."""
    import torch

    kind = type(module).__name__
    if isinstance(module, torch.nn.Sequential):
        _visit_children(state, module, path)
    elif isinstance(module, torch.nn.Identity | torch.nn.modules.dropout._DropoutNd):
        pass
    elif isinstance(module, torch.nn.Linear):
        bias = _bias(module, module.out_features)
        state.emit(path, "Affine", weight=_numbers(module.weight), bias=bias)
    elif isinstance(module, torch.nn.Conv1d | torch.nn.Conv2d):
        _convolution(state, module, path)
    elif isinstance(module, torch.nn.AvgPool2d):
        _pool(state, module, path)
    elif isinstance(module, torch.nn.Flatten):
        _flatten(state, module, path)
    elif isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
        _batch_norm(state, module, path)
    elif kind in _CELLS and type(module).__module__.startswith("norse."):
        _cell(state, module, path)
    else:
        _refuse(module, path)


def _visit_children(state: _Walk, module: Any, path: str) -> None:
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
        "Dropout, BatchNorm1d, BatchNorm2d, " + ", ".join(_CELLS),
        remedy=remedies.get(kind, "build the model of these modules, or export NIR yourself"),
    )


def _numbers(tensor: Any) -> Array:
    array: Array = np.asarray(tensor.detach().cpu().double().numpy(), np.float64)
    return array.copy()


def _bias(module: Any, size: int) -> Array:
    return np.zeros(size) if module.bias is None else _numbers(module.bias)


def _convolution(state: _Walk, module: Any, path: str) -> None:
    if module.padding_mode != "zeros":
        raise UnsupportedError(
            f"module {path!r}: padding_mode {module.padding_mode!r}",
            needs="padding with zeros",
            remedy="padding_mode='zeros'",
        )
    axes = len(module.kernel_size)
    padding: Param = module.padding
    if not isinstance(padding, str):
        padding = per_axis(module.padding)
    state.emit(
        path,
        _CONVOLUTIONS[axes],
        input_shape=per_axis(state.shape[1:]),
        weight=_numbers(module.weight),
        stride=per_axis(module.stride),
        padding=padding,
        dilation=per_axis(module.dilation),
        groups=int(module.groups),
        bias=_bias(module, module.out_channels),
    )


def _pair(value: int | tuple[int, ...]) -> Array:
    return np.array((value, value) if isinstance(value, int) else value, np.int64)


def _pool(state: _Walk, module: Any, path: str) -> None:
    padding = _pair(module.padding)
    problem = ""
    if module.ceil_mode:
        problem = "ceil_mode"
    elif module.divisor_override is not None:
        problem = "divisor_override"
    elif padding.any() and not module.count_include_pad:
        problem = "padding with count_include_pad=False"
    if problem:
        raise UnsupportedError(
            f"module {path!r} (AvgPool2d) uses {problem}",
            needs="an average over windows of one size",
            remedy="ceil_mode=False, divisor_override=None, count_include_pad=True",
        )
    state.emit(
        path,
        "AvgPool2d",
        kernel_size=_pair(module.kernel_size),
        stride=_pair(module.stride),
        padding=padding,
    )


def _flatten(state: _Walk, module: Any, path: str) -> None:
    """torch counts the batch as axis 0, NIR does not."""
    axes = len(state.shape) + 1
    start, end = (k + axes if k < 0 else k for k in (module.start_dim, module.end_dim))
    if start < 1:
        raise UnsupportedError(
            f"module {path!r} (Flatten) flattens the batch", remedy="start_dim=1"
        )
    if start < end:
        state.emit(
            path,
            "Flatten",
            input_type=np.array(state.shape, np.int64),
            start_dim=start - 1,
            end_dim=end - 1,
        )


def _batch_norm(state: _Walk, module: Any, path: str) -> None:
    """y = a x + b per channel with a = weight / sqrt(var + eps), b = bias - a mean."""
    if module.running_mean is None:
        raise UnsupportedError(
            f"module {path!r} ({type(module).__name__}) has no running statistics",
            needs="fixed mean and variance",
            remedy="track_running_stats=True",
        )
    factor = 1.0 / np.sqrt(_numbers(module.running_var) + float(module.eps))
    if module.weight is not None:
        factor = factor * _numbers(module.weight)
    shift = -factor * _numbers(module.running_mean)
    if module.bias is not None:
        shift = shift + _numbers(module.bias)
    before = state.nodes[state.last]
    if before.kind in ("Affine", "Conv1d", "Conv2d"):
        weight, bias = before.params["weight"], before.params["bias"]
        assert isinstance(weight, np.ndarray)
        assert isinstance(bias, np.ndarray)
        rows = factor.reshape(-1, *(1,) * (weight.ndim - 1))
        folded = {**before.params, "weight": weight * rows, "bias": bias * factor + shift}
        state.nodes[state.last] = NirNode(before.kind, folded, before.name)
        return
    axes = len(state.shape) - 1
    if axes not in _CONVOLUTIONS:
        raise UnsupportedError(
            f"module {path!r} ({type(module).__name__}) has no linear layer before it",
            needs="a layer that it can be folded into; NIR has no BatchNorm",
            remedy="put the BatchNorm right behind a Linear or a convolution",
        )
    state.emit(
        path,
        _CONVOLUTIONS[axes],
        input_shape=per_axis(state.shape[1:]),
        weight=factor.reshape(-1, *(1,) * (axes + 1)),
        stride=per_axis((1,) * axes),
        padding=per_axis((0,) * axes),
        dilation=per_axis((1,) * axes),
        groups=len(factor),
        bias=shift,
    )


def _cell(state: _Walk, module: Any, path: str) -> None:
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
        state.emit(f"{population}/input_weights", "Linear", weight=_numbers(module.input_weights))
    params = _cell_params(state, module, population)
    state.emit(population, _CELLS[kind], **params)
    state.cells[path] = population
    if kind == "LIFRecurrentCell":
        recurrent = f"{population}/recurrent_weights"
        weight = _numbers(module.recurrent_weights)
        state.nodes[recurrent] = NirNode("Linear", {"weight": weight}, recurrent)
        state.edges += [(population, recurrent), (recurrent, population)]


def _cell_params(state: _Walk, module: Any, path: str) -> dict[str, Param]:
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

    array = _numbers(torch.as_tensor(value))
    try:
        return np.broadcast_to(array, shape).copy()
    except ValueError as error:
        raise UnsupportedError(
            f"module {path!r}: {name} has shape {list(array.shape)}",
            needs=f"a shape that broadcasts to the population's {list(shape)}",
        ) from error
