"""Torch's linear layers as NIR nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir.nodes import Param, per_axis
from snn2chip.frontends.torch.builder import Builder, numbers
from snn2chip.frontends.torch.framework import Emit
from snn2chip.graph.operators import Array, Shape

CONVOLUTIONS = {1: "Conv1d", 2: "Conv2d"}
"""NIR's convolutions by their number of axes."""


NAMES = (
    "Sequential", "Linear", "Conv1d", "Conv2d", "AvgPool1d", "AvgPool2d", "AdaptiveAvgPool2d",
    "ZeroPad1d", "ZeroPad2d", "Flatten", "Identity", "Dropout", "BatchNorm1d", "BatchNorm2d",
)  # fmt: skip
"""Torch's own modules that are known."""

REMEDIES = {
    "MaxPool1d": "use AvgPool1d: a maximum is no linear operator of spikes",
    "MaxPool2d": "use AvgPool2d: a maximum is no linear operator of spikes",
    "Unflatten": "NIR has no such node: shape images before they enter the module",
    **dict.fromkeys(
        ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"), "a recurrent cell that spikes"
    ),
    **dict.fromkeys(
        ("LayerNorm", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d"),
        "a BatchNorm, whose statistics are fixed at evaluation",
    ),
}
"""What to do instead of some others."""


def emitter(module: Any) -> Emit | None:
    """What emits a module of torch.nn, or None where nothing does."""
    import torch

    known: list[tuple[Any, Emit]] = [
        (torch.nn.Identity, _nothing),
        (torch.nn.modules.dropout._DropoutNd, _nothing),
        (torch.nn.Linear, linear),
        (torch.nn.Conv1d | torch.nn.Conv2d, convolution),
        (torch.nn.AvgPool2d, pool),
        (torch.nn.AvgPool1d, pool_1d),
        (torch.nn.AdaptiveAvgPool2d, adaptive_pool),
        (torch.nn.ZeroPad1d | torch.nn.ZeroPad2d, zero_pad),
        (torch.nn.Flatten, flatten),
        (torch.nn.BatchNorm1d | torch.nn.BatchNorm2d, batch_norm),
    ]
    return next((emit for kind, emit in known if isinstance(module, kind)), None)


def _nothing(state: Builder, module: Any, path: str) -> None:
    """What does nothing in evaluation."""


def linear(state: Builder, module: Any, path: str) -> None:
    """A Linear as an Affine; without bias its bias is 0."""
    bias = _bias(module, module.out_features)
    state.emit(path, "Affine", weight=numbers(module.weight), bias=bias)


def _bias(module: Any, size: int) -> Array:
    return np.zeros(size) if module.bias is None else numbers(module.bias)


def convolution(state: Builder, module: Any, path: str) -> None:
    """A Conv1d or Conv2d; only zeros can pad it."""
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
        CONVOLUTIONS[axes],
        input_shape=per_axis(state.shape[1:]),
        weight=numbers(module.weight),
        stride=per_axis(module.stride),
        padding=padding,
        dilation=per_axis(module.dilation),
        groups=int(module.groups),
        bias=_bias(module, module.out_channels),
    )


def _pair(value: int | tuple[int, ...]) -> Array:
    return np.array((value, value) if isinstance(value, int) else value, np.int64)


def pool(state: Builder, module: Any, path: str) -> None:
    """An AvgPool2d whose windows are all of one size and count their padding."""
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


def pool_1d(state: Builder, module: Any, path: str) -> None:
    """An AvgPool1d as a convolution of each channel, as NIR has no such pool."""
    (kernel,), (stride,), (padding,) = (
        value if isinstance(value, tuple) else (value,)
        for value in (module.kernel_size, module.stride, module.padding)
    )
    if module.ceil_mode or (padding and not module.count_include_pad):
        raise UnsupportedError(
            f"module {path!r} (AvgPool1d) has windows of several sizes",
            needs="an average over windows of one size",
            remedy="ceil_mode=False, count_include_pad=True",
        )
    channels = state.shape[0]
    weight = np.full((channels, 1, kernel), 1.0 / kernel)
    _per_channel(state, path, weight, np.zeros(channels), (stride,), (padding,))


def adaptive_pool(state: Builder, module: Any, path: str) -> None:
    """An AdaptiveAvgPool2d whose windows are all of one size, as an AvgPool2d."""
    sizes = state.shape[-2:]
    wanted = module.output_size
    pair = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    target = tuple(n if w is None else w for n, w in zip(sizes, pair, strict=True))
    if any(n % w for n, w in zip(sizes, target, strict=True)):
        raise UnsupportedError(
            f"module {path!r} (AdaptiveAvgPool2d) pools {list(sizes)} to {list(target)}",
            needs="windows of one size",
            remedy="an output size that divides the input's",
        )
    kernel = np.array([n // w for n, w in zip(sizes, target, strict=True)], np.int64)
    state.emit(path, "AvgPool2d", kernel_size=kernel, stride=kernel, padding=np.zeros(2, np.int64))


def zero_pad(state: Builder, module: Any, path: str) -> None:
    """A ZeroPad1d or ZeroPad2d of equal sides, as a convolution that only pads."""
    before, after = module.padding[::2][::-1], module.padding[1::2][::-1]
    if before != after or min(before) < 0:
        raise UnsupportedError(
            f"module {path!r} ({type(module).__name__}) pads by {list(module.padding)}",
            needs="as many zeros before as behind: a convolution of NIR pads so",
            remedy="equal padding",
        )
    channels, ones = state.shape[0], (1,) * len(before)
    weight = np.ones((channels, 1, *ones))
    _per_channel(state, path, weight, np.zeros(channels), ones, before)


def _per_channel(
    state: Builder, path: str, weight: Array, bias: Array, stride: Shape, padding: Shape
) -> None:
    """A convolution with one group per channel; weight [channels, 1, *kernel]."""
    axes = weight.ndim - 2
    if axes not in CONVOLUTIONS or len(state.shape) != axes + 1:
        raise UnsupportedError(
            f"module {path!r} on an input of shape {list(state.shape)}",
            needs=f"channels and {axes} more axes",
        )
    state.emit(
        path,
        CONVOLUTIONS[axes],
        input_shape=per_axis(state.shape[1:]),
        weight=weight,
        stride=per_axis(stride),
        padding=per_axis(padding),
        dilation=per_axis((1,) * axes),
        groups=len(weight),
        bias=bias,
    )


def flatten(state: Builder, module: Any, path: str) -> None:
    """A Flatten; torch counts the axes of steps and samples, NIR does not."""
    leading = state.leading
    axes = len(state.shape) + leading
    start, end = (k + axes if k < 0 else k for k in (module.start_dim, module.end_dim))
    if start < leading:
        raise UnsupportedError(
            f"module {path!r} (Flatten) flattens the batch", remedy=f"start_dim={leading}"
        )
    if start < end:
        state.emit(
            path,
            "Flatten",
            input_type=np.array(state.shape, np.int64),
            start_dim=start - leading,
            end_dim=end - leading,
        )


def batch_norm(state: Builder, module: Any, path: str) -> None:
    """A BatchNorm, folded into the layer before it or as a 1x1 convolution per channel.

    Where others read the layer before it too, it is folded into a copy of that layer.
    """
    factor, shift = _affine_of(module, path)
    if len(factor) != state.shape[0]:
        raise UnsupportedError(
            f"module {path!r} ({type(module).__name__}) has {len(factor)} channels",
            needs=f"{state.shape[0]}, as the layer before it",
        )
    before = state.nodes[state.sources[0]]
    if len(state.sources) == 1 and before.kind in ("Affine", "Conv1d", "Conv2d"):
        weight, bias = before.params["weight"], before.params["bias"]
        assert isinstance(weight, np.ndarray)
        assert isinstance(bias, np.ndarray)
        rows = factor.reshape(-1, *(1,) * (weight.ndim - 1))
        folded = {"weight": weight * rows, "bias": bias * factor + shift}
        if state.foldable():
            state.fold(**folded)
        else:
            state.copy(path, **folded)
        return
    axes = len(state.shape) - 1
    if axes not in CONVOLUTIONS:
        raise UnsupportedError(
            f"module {path!r} ({type(module).__name__}) has no linear layer before it",
            needs="a layer that it can be folded into; NIR has no BatchNorm",
            remedy="put the BatchNorm right behind a Linear or a convolution",
        )
    weight = factor.reshape(-1, *(1,) * (axes + 1))
    _per_channel(state, path, weight, shift, (1,) * axes, (0,) * axes)


def _affine_of(module: Any, path: str) -> tuple[Array, Array]:
    """Factor a and shift b of each channel: a = weight / sqrt(var + eps), b = bias - a mean."""
    if module.running_mean is None:
        raise UnsupportedError(
            f"module {path!r} ({type(module).__name__}) has no running statistics",
            needs="fixed mean and variance",
            remedy="track_running_stats=True",
        )
    factor = 1.0 / np.sqrt(numbers(module.running_var) + float(module.eps))
    if module.weight is not None:
        factor = factor * numbers(module.weight)
    shift = -factor * numbers(module.running_mean)
    return factor, shift if module.bias is None else shift + numbers(module.bias)
