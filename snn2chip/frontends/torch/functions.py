"""Functions of torch on signals: sums, constant factors, reshapes, and the layers of functional.

``NAMES`` lists what is known. Everything else is refused with the line that calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from snn2chip.frontends.torch import layers
from snn2chip.frontends.torch.builder import numbers
from snn2chip.frontends.torch.values import Signal, first_of, holds
from snn2chip.graph.operators import Array, Shape

if TYPE_CHECKING:
    from snn2chip.frontends.torch.trace import Trace

Function = Callable[["Trace", tuple[Any, ...], dict[str, Any]], Any]

READOUT = "return the output of the last cells: the readout is chosen with --readout"
ONE_STEP = "give a module that computes one step: def forward(self, x, state=None)"
SPIKES_ONLY = "between populations a chip has linear layers only: a cell instead"
REMEDIES: dict[str, str] = {
    **dict.fromkeys(
        ("sum", "mean", "argmax", "softmax", "log_softmax", "max", "amax", "topk"), READOUT
    ),
    **dict.fromkeys(("getitem", "iter", "unbind", "stack", "split", "chunk", "select"), ONE_STEP),
    **dict.fromkeys(
        ("relu", "leaky_relu", "gelu", "elu", "silu", "sigmoid", "tanh", "clamp", "pow", "abs"),
        SPIKES_ONLY,
    ),
    **dict.fromkeys(
        ("setitem", "unsqueeze"), "collect outputs in a list, and return torch.stack of it"
    ),
    "max_pool2d": "avg_pool2d: a maximum is no linear operator of spikes",
    "cat": "two layers whose outputs are added: W [a, b] = W1 a + W2 b",
    **dict.fromkeys(
        ("float", "double", "half", "to", "type", "cpu", "cuda"),
        "leave it out, and give the module floats: the proof runs it in float64 on the CPU",
    ),
    **dict.fromkeys(
        ("bool", "gt", "lt", "ge", "le", "eq", "ne", "item", "any", "all", "int", "where"),
        "a module that does the same whatever the values are",
    ),
}
"""What to do instead of some functions."""


def apply(trace: Trace, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function by its name; ``__iadd__``, ``add_`` and ``add`` are one.

    Raises:
        UnsupportedError: it is not known, or not in this form.
    """
    plain = plain_name(name)
    if plain not in _KNOWN:
        trace.refuse(
            f"uses {plain}",
            needs="functions that NIR can hold",
            has=", ".join(NAMES),
            remedy=REMEDIES.get(plain, "a module of torch.nn or a cell that does the same"),
        )
    return _KNOWN[plain](trace, args, kwargs)


def plain_name(name: str) -> str:
    """One name for ``__iadd__``, ``add_`` and ``add``."""
    plain = name.strip("_")
    return _ALIASES.get(plain, plain)


def _same(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0]


def _split(trace: Trace, args: tuple[Any, ...], what: str) -> tuple[Any, Any]:
    """Two operands, of which at least one is a signal."""
    if len(args) != 2:
        trace.refuse(f"uses {what} with {len(args)} arguments", needs="two")
    return first_of(args[0]), first_of(args[1])


def _add(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signal:
    one, other = _split(trace, args, "a sum")
    if kwargs.get("alpha", 1) != 1:
        other = _scaled(trace, other, kwargs["alpha"])
    if not isinstance(one, Signal) or not isinstance(other, Signal):
        constant = other if isinstance(one, Signal) else one
        if isinstance(constant, int | float) and constant == 0:
            return one if isinstance(one, Signal) else other
        trace.refuse(
            "adds a constant to a signal",
            needs="a sum of signals: NIR has no bias without weights",
            remedy="put it into the bias of the layer before; an output of the step before, which "
            "is 0 at first, needs a recurrent cell",
        )
    if one.inner != other.inner or one.leading != other.leading:
        trace.refuse(
            f"adds signals of shapes {list(one.inner)} and {list(other.inner)}",
            needs="equal shapes",
        )
    if set(one.sources) & set(other.sources):
        other = _scaled(trace, other, 1.0)
    trace.consume(one)
    trace.consume(other)
    trace.builder.sources = (*one.sources, *other.sources)
    return trace.signal()


def _sub(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signal:
    one, other = _split(trace, args, "a difference")
    if isinstance(other, Signal):
        return _add(trace, (one, _scaled(trace, other, -1.0)), kwargs)
    return _add(trace, (one, -other), kwargs)


def _rsub(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signal:
    return _sub(trace, (args[1], args[0]), kwargs)


def _neg(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signal:
    return _scaled(trace, args[0], -1.0)


def _mul(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signal:
    one, other = _split(trace, args, "a product")
    if isinstance(one, Signal) and isinstance(other, Signal):
        trace.refuse("multiplies two signals", needs="a constant factor", remedy=SPIKES_ONLY)
    return _scaled(trace, one, other) if isinstance(one, Signal) else _scaled(trace, other, one)


def _div(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signal:
    one, other = _split(trace, args, "a quotient")
    if not isinstance(one, Signal) or isinstance(other, Signal) or kwargs:
        trace.refuse("divides by a signal, or with rounding", needs="a constant divisor")
    return _scaled(trace, one, 1.0 / _constant(other))


def _constant(value: Any) -> Array:
    return numbers(value) if hasattr(value, "detach") else np.asarray(value, np.float64)


def _scaled(trace: Trace, signal: Signal, factor: Any) -> Signal:
    """A Scale; axes of length 1 that stand for steps and samples fall away."""
    value = _constant(factor)
    axes = len(signal.inner)
    while value.ndim > axes and value.shape[0] == 1:
        value = value[0]
    try:
        scale = np.broadcast_to(value, signal.inner).copy()
    except ValueError:
        trace.refuse(
            f"multiplies a signal of shape {list(signal.inner)} by one of {list(value.shape)}",
            needs="a number, or a constant that broadcasts to the signal's shape",
        )
    trace.consume(signal)
    trace.builder.emit(trace.scope("scale"), "Scale", scale=scale)
    return trace.signal()


def _size(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    axis = args[1] if len(args) > 1 else kwargs.get("dim")
    return args[0].shape if axis is None else args[0].shape[axis]


def _dim(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    return int(args[0].ndim)


def _numel(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    return prod(args[0].shape)


def _made(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """zeros_like, ones_like, new_zeros: real tensors, of which states may be made."""
    import torch

    shape = args[1:] or (kwargs.get("size", args[0].shape),)
    if len(shape) == 1 and isinstance(shape[0], tuple | list | torch.Size):
        shape = tuple(shape[0])
    return torch.zeros(shape)


def _flatten(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signal:
    bound = _bound(trace, ("input", "start_dim", "end_dim"), args, kwargs)
    given = SimpleNamespace(start_dim=bound.get("start_dim", 0), end_dim=bound.get("end_dim", -1))
    return _emitted(trace, "flatten", layers.flatten, given, bound["input"])


def _view(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signal:
    """A view or reshape that joins neighbouring axes and leaves steps and samples alone."""
    signal: Signal = args[0]
    sizes = args[1:] or (kwargs.get("shape", kwargs.get("size")),)
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = tuple(sizes[0])
    if not all(isinstance(size, int) for size in sizes):
        trace.refuse("reshapes to something other than sizes", needs="whole numbers")
    whole = prod(signal.shape)
    known = prod(size for size in sizes if size != -1)
    target = tuple(whole // known if size == -1 and known else size for size in sizes)
    leading, axes = signal.leading, len(signal.leading)
    joined = _joined(signal.inner, target[axes:])
    if prod(target) != whole or target[:axes] != leading or joined is None:
        trace.refuse(
            f"reshapes {_shown(signal.inner)} to {list(sizes)}",
            needs="a flattening of neighbouring axes that keeps the samples: x.flatten(1)",
            remedy="flatten only; shape images before they enter the module",
        )
    if joined == (0, 0):
        return signal
    given = SimpleNamespace(start_dim=joined[0] + axes, end_dim=joined[1] + axes)
    return _emitted(trace, "flatten", layers.flatten, given, signal)


def _shown(size: Shape) -> str:
    return "[" + ", ".join(["samples", *map(str, size)]) + "]"


def _joined(source: Shape, target: Shape) -> tuple[int, int] | None:
    """(first, last) of the axes that are joined; (0, 0) if none is; None if it is no Flatten."""
    if source == target:
        return 0, 0
    for first in range(len(source)):
        for last in range(first + 1, len(source)):
            middle = prod(source[first : last + 1])
            if (*source[:first], middle, *source[last + 1 :]) == target:
                return first, last
    return None


def _dropout(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    bound = _bound(trace, ("input", "p", "training", "inplace"), args, kwargs)
    if bound.get("training", True) and bound.get("p", 0.5):
        trace.refuse(
            "drops spikes at evaluation too",
            needs="a dropout of training only",
            remedy="nn.Dropout, or training=self.training",
        )
    return bound["input"]


def _linear(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signal:
    bound = _bound(trace, ("input", "weight", "bias"), args, kwargs)
    given = SimpleNamespace(
        weight=bound["weight"], bias=bound.get("bias"), out_features=bound["weight"].shape[0]
    )
    return _emitted(trace, "linear", layers.linear, given, bound["input"])


def _matmul(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signal:
    """x @ W, with W [in, out]."""
    one, other = _split(trace, args, "a matrix product")
    if not isinstance(one, Signal) or isinstance(other, Signal) or other.ndim != 2:
        trace.refuse("multiplies matrices of signals", needs="signal @ matrix [in, out]")
    return _linear(trace, (one, other.T), {})


def _convolution(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signal:
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    bound = _bound(trace, names, args, kwargs)
    weight = bound["weight"]
    axes = weight.ndim - 2
    if len(bound["input"].leading) > 1:
        trace.refuse("convolves whole sequences", needs="a module that computes one step")
    options = {
        name: _each(bound.get(name, default), axes)
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))
    }
    given = SimpleNamespace(
        padding_mode="zeros",
        kernel_size=tuple(weight.shape[2:]),
        weight=weight,
        bias=bound.get("bias"),
        out_channels=weight.shape[0],
        groups=bound.get("groups", 1),
        **options,
    )
    return _emitted(trace, f"conv{axes}d", layers.convolution, given, bound["input"])


def _each(value: Any, axes: int) -> Any:
    return (value,) * axes if isinstance(value, int) else value


def _pool(trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signal:
    names = (
        "input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad",
        "divisor_override",
    )  # fmt: skip
    bound = _bound(trace, names, args, kwargs)
    if len(bound["input"].leading) > 1:
        trace.refuse("pools whole sequences", needs="a module that computes one step")
    given = SimpleNamespace(
        kernel_size=bound["kernel_size"],
        stride=bound.get("stride") or bound["kernel_size"],
        padding=bound.get("padding", 0),
        ceil_mode=bound.get("ceil_mode", False),
        count_include_pad=bound.get("count_include_pad", True),
        divisor_override=bound.get("divisor_override"),
    )
    return _emitted(trace, "avg_pool2d", layers.pool, given, bound["input"])


def _bound(
    trace: Trace, names: tuple[str, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments by name; only the first may be a signal."""
    bound = {**dict(zip(names, args, strict=False)), **kwargs}
    bound["input"] = first_of(bound.get("input"))
    others = [value for name, value in bound.items() if name != "input"]
    if not isinstance(bound["input"], Signal) or holds(others, Signal):
        trace.refuse("uses a signal as a weight", needs="constant weights")
    return bound


def _emitted(
    trace: Trace, kind: str, emit: Callable[..., None], given: Any, signal: Signal
) -> Signal:
    """What a layer of torch would emit with these options."""
    trace.consume(signal)
    emit(trace.builder, given, trace.scope(kind))
    return trace.signal()


_KNOWN: dict[str, Function] = {
    "add": _add,
    "sub": _sub,
    "rsub": _rsub,
    "neg": _neg,
    "mul": _mul,
    "div": _div,
    "matmul": _matmul,
    "flatten": _flatten,
    "view": _view,
    "linear": _linear,
    "conv1d": _convolution,
    "conv2d": _convolution,
    "avg_pool2d": _pool,
    "dropout": _dropout,
    "size": _size,
    "dim": _dim,
    "numel": _numel,
    "zeros_like": _made,
    "same": _same,
}
_ALIASES = {
    "radd": "add", "iadd": "add", "isub": "sub", "subtract": "sub", "rmul": "mul", "imul": "mul",
    "multiply": "mul", "truediv": "div", "itruediv": "div", "divide": "div", "true_divide": "div",
    "negative": "neg", "reshape": "view", "dropout1d": "dropout", "dropout2d": "dropout",
    "alpha_dropout": "dropout", "feature_dropout": "dropout", "feature_alpha_dropout": "dropout",
    "ndimension": "dim", "new_zeros": "zeros_like", "contiguous": "same", "clone": "same",
    "detach": "same", "requires_grad": "same",
}  # fmt: skip
NAMES = (
    "+", "-", "* and / by a constant", "@", "torch.flatten", "view and reshape that flatten",
    "functional.linear", "functional.conv1d", "functional.conv2d", "functional.avg_pool2d",
    "functional.dropout",
)  # fmt: skip
"""Functions on signals that are known."""
