"""NIR's linear primitives as operators, with shape inference of our own.

nir's own inference takes one axis of a kernel for all, ignores groups in a convolution's input
and the stride with padding ``same``; here every axis counts, and ``same`` pads d (k - 1) zeros,
the smaller half before, so that a stride s leaves ceil(n / s) positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from snn2chip.frontends.nir.lowering.params import Params
from snn2chip.frontends.nir.nodes import NirNode
from snn2chip.graph.compose import compose
from snn2chip.graph.operators import Array, Conv, Dense, Identity, Operator, Shape, identity

LINEAR_KINDS = frozenset(
    {
        "Affine", "Linear", "Scale", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten",
        "Delay", "Pass",
    }
)  # fmt: skip
"""Primitives without a state of their own. ``Pass`` is the port of a nested graph."""


@dataclass(frozen=True, eq=False)
class Layer:
    """What one linear node does to an input of a known shape.

    Attributes:
        bias: [*operator.target_shape] or None.
        delay: in the file's unit of time [*shape], or None.
        shape: of the result, where it differs from the operator's.
    """

    operator: Operator
    bias: Array | None = None
    delay: Array | None = None
    shape: Shape | None = None

    @property
    def target_shape(self) -> Shape:
        return self.operator.target_shape if self.shape is None else self.shape


def layer(node: NirNode, source: Shape, file: str) -> Layer:
    """The layer of a linear node that reads an input of shape ``source``.

    Raises:
        InputFileError: parameters that are missing, not finite, or do not fit.
        UnsupportedError: matrices per element of several axes that form too large a matrix.
    """
    params = Params(node, file)
    match node.kind:
        case "Affine" | "Linear":
            return _affine(params, source)
        case "Scale":
            scale = params.array("scale")
            if scale.shape != source:
                raise params.mismatch(source, scale.shape)
            return Layer(Identity(scale, source, source))
        case "Conv1d":
            return _convolution(params, source, 1)
        case "Conv2d":
            return _convolution(params, source, 2)
        case "SumPool2d" | "AvgPool2d":
            return _pool(params, source, average=node.kind == "AvgPool2d")
        case "Flatten":
            return Layer(identity(source, _flattened(params, source)))
        case "Delay":
            delay = params.array("delay")
            if delay.shape != source:
                raise params.mismatch(source, delay.shape)
            if (delay < 0).any():
                raise params.refuse(f"delay is {delay.min()}", needs="delays of at least 0")
            return Layer(identity(source), delay=delay)
        case "Pass":
            declared = params.shape("shape")
            if declared != source:
                raise params.mismatch(source, declared)
            return Layer(identity(source))
    raise AssertionError(node.kind)


def _affine(params: Params, source: Shape) -> Layer:
    weight = params.weights("weight")
    if weight.ndim > 2 and 0 not in weight.shape:
        return _stacked(params, weight, source)
    if weight.ndim != 2:
        raise params.refuse(f"weight has shape {list(weight.shape)}", needs="[out, in]")
    if 0 in weight.shape:
        raise params.refuse("weight is empty", needs="[out, in]")
    if source != (weight.shape[1],):
        transposed = source == (weight.shape[0],)
        hint = "the weight seems to be stored as [in, out]: transpose it" if transposed else ""
        raise params.mismatch(source, (weight.shape[1],), hint)
    target = (weight.shape[0],)
    bias = _bias(params, target) if params.node.kind == "Affine" else None
    return Layer(Dense(weight, source, target), bias)


def _stacked(params: Params, weight: Array, source: Shape) -> Layer:
    """A matrix per channel, weight [*lead, out, in] on an input [*lead, in]: a convolution along
    the last axis with one group per channel and a kernel as long as the axis."""
    *lead, rows, columns = weight.shape
    if source != (*lead, columns):
        raise params.mismatch(source, (*lead, columns))
    channels = prod(lead)
    kernel = weight.reshape(channels * rows, 1, columns)
    conv = Conv(kernel, (channels, columns), (1,), ((0, 0),), (1,), channels)
    operator = conv if len(lead) == 1 else compose(conv, identity(source), params.where)
    target = (*lead, rows)
    bias = None
    if params.node.kind == "Affine":
        bias = params.array("bias")
        if bias.shape != target:
            raise params.refuse(f"bias has shape {list(bias.shape)}", needs=str(list(target)))
        bias = bias.reshape(operator.target_shape) if bias.any() else None
    return Layer(operator, bias, shape=target)


def _bias(params: Params, target: Shape) -> Array | None:
    """Bias per channel broadcast to the image, or None where it is zero everywhere."""
    if not params.has("bias") and params.node.kind != "Affine":
        return None
    bias = params.array("bias")
    if bias.shape != (target[0],):
        raise params.refuse(f"bias has shape {list(bias.shape)}", needs=f"[{target[0]}]")
    if not bias.any():
        return None
    spread = bias.reshape(-1, *(1,) * (len(target) - 1))
    return np.broadcast_to(spread, target).copy()


def _convolution(params: Params, source: Shape, axes: int) -> Layer:
    weight = params.weights("weight")
    if weight.ndim != axes + 2 or 0 in weight.shape:
        raise params.refuse(
            f"weight has shape {list(weight.shape)}",
            needs="[channels out, channels in / groups, " + ", ".join(["kernel"] * axes) + "]",
        )
    groups = params.axes("groups", 1, 1)[0] if params.has("groups") else 1
    stride = params.axes("stride", axes, 1)
    dilation = params.axes("dilation", axes, 1)
    _check_image(params, source, axes, weight.shape[1] * groups)
    padding = _padding(params, weight.shape[2:], dilation)
    operator = _conv(params, weight, source, stride, padding, dilation, groups)
    return Layer(operator, _bias(params, operator.target_shape))


def _check_image(params: Params, source: Shape, axes: int, channels: int) -> None:
    """Whether the input is the image that a convolution takes and that it states."""
    expected = (channels, *source[-axes:])
    if params.has("input_shape") and np.size(params.array("input_shape")):
        expected = (channels, *params.axes("input_shape", axes, 1))
    if source != expected or len(source) != axes + 1:
        raise params.mismatch(source, expected)


def _padding(
    params: Params, kernel: Shape, dilation: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    value = params.node.params.get("padding")
    if not isinstance(value, str):
        return tuple((p, p) for p in params.axes("padding", len(kernel), 0))
    if value == "valid":
        return ((0, 0),) * len(kernel)
    if value == "same":
        spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((span // 2, span - span // 2) for span in spans)
    raise params.refuse(f"padding is {value!r}", needs="'same', 'valid' or whole numbers")


def _conv(
    params: Params,
    weight: Array,
    source: Shape,
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Conv:
    padded = tuple(n + a + b for n, (a, b) in zip(source[1:], padding, strict=True))
    params.check_size((source[0], *padded))
    params.check_size((weight.shape[0], *padded))
    try:
        return Conv(weight, source, stride, padding, dilation, groups)
    except ValueError as error:
        raise params.refuse(
            str(error),
            needs="a kernel that fits the image",
            has=f"an image of shape {list(source)}, a weight of shape {list(weight.shape)}",
        ) from error


def _pool(params: Params, source: Shape, *, average: bool) -> Layer:
    """A pool as a convolution with one group per channel; padding zeros count in averages."""
    if len(source) != 3:
        raise params.refuse(
            "its input does not fit",
            needs="an image [channels, height, width]",
            has=f"an input of shape {list(source)}",
        )
    kernel = params.axes("kernel_size", 2, 1)
    stride = params.axes("stride", 2, 1) if params.has("stride") else kernel
    padding = params.axes("padding", 2, 0) if params.has("padding") else (0, 0)
    params.check_size((source[0], *kernel))
    value = 1.0 / prod(kernel) if average else 1.0
    weight = np.full((source[0], 1, *kernel), value)
    pairs = tuple((p, p) for p in padding)
    return Layer(_conv(params, weight, source, stride, pairs, (1, 1), source[0]))


def _flattened(params: Params, source: Shape) -> Shape:
    """Shape after a Flatten; its axes do not count batch and time."""
    axes = len(source)
    start, end = params.integer("start_dim", 1), params.integer("end_dim", -1)
    first, last = (k + axes if k < 0 else k for k in (start, end))
    if not 0 <= first <= last < axes:
        raise params.refuse(
            f"start_dim {start} and end_dim {end}",
            needs="axes of the input, without batch and time",
            has=f"an input of shape {list(source)}",
            remedy="start_dim = 0 flattens all of it",
        )
    return (*source[:first], prod(source[first : last + 1]), *source[last + 1 :])
