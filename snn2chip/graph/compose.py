"""Exact composition of linear operators, so that a projection is one operator.

``compose(outer, inner)`` applies ``outer`` after ``inner``. Shapes are reshaped in C order where
only they differ, so a Flatten composes to nothing. The rules, first match wins:

1. Identity with anything: its scale goes into the other's weights; into a convolution's only if
   it is constant per channel.
2. Dense after anything, or anything after Dense: the product of the matrices.
3. Conv after Conv: one Conv with stride s1 s2, padding p1 + s1 p2 and the kernel
   W[s1 d2 j + d1 i] = sum of w2[j] w1[i], if no tap of the outer kernel that lies in the outer
   padding would reach real input through the inner one (``_padding_is_exact``).
4. Otherwise Dense, up to ``DENSE_LIMIT`` entries.

Integers compose exactly; floats round once per product and sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import gcd, prod
from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.graph.linear import apply, transpose_apply
from snn2chip.graph.operators import (
    Array,
    Conv,
    Dense,
    Identity,
    Operator,
    Shape,
    Sparse,
    widened,
)

DENSE_LIMIT = 2**24
"""Most entries of a matrix that a composition may create: 128 MiB of float64."""

KERNEL_LIMIT = 2**26
"""Most entries of a kernel that a composition may create: a pool before a layer of VGG's size."""


def compose(outer: Operator, inner: Operator, name: str = "projection") -> Operator:
    """One operator that equals ``outer`` after ``inner``, up to a reshape of its result.

    Args:
        name: of the projection, for messages.

    Raises:
        ValueError: the sizes differ.
        UnsupportedError: only a matrix of more than ``DENSE_LIMIT`` entries would be exact.
    """
    if prod(inner.target_shape) != prod(outer.source_shape):
        raise ValueError(f"{inner.target_shape} does not feed {outer.source_shape}")
    match outer, inner:
        case Identity(), _:
            found = _scaled_rows(inner, outer)
        case _, Identity():
            found = _scaled_columns(outer, inner)
        case Conv(), Conv():
            found = compose_convolutions(outer, inner)
        case _:
            found = None
    return found if found is not None else _product(outer, inner, name)


def to_dense(operator: Operator, name: str = "projection") -> Dense:
    """The matrix of an operator.

    Raises:
        UnsupportedError: it has more than ``DENSE_LIMIT`` entries.
    """
    if isinstance(operator, Dense):
        return operator
    size = prod(operator.target_shape)
    _check_entries(size, prod(operator.source_shape), name)
    rows = np.eye(size, dtype=np.int8).reshape(size, *operator.target_shape)
    weight = transpose_apply(operator, rows).reshape(size, -1)
    return Dense(weight, operator.source_shape, operator.target_shape)


def reshaped(operator: Operator, source_shape: Shape, target_shape: Shape) -> Operator | None:
    """The same operator between other shapes of the same sizes; None if a convolution cannot."""
    match operator:
        case Dense():
            return Dense(operator.weight, source_shape, target_shape)
        case Identity():
            return Identity(operator.scale.reshape(source_shape), source_shape, target_shape)
        case Conv():
            same = (operator.source_shape, operator.target_shape) == (source_shape, target_shape)
            return operator if same else None
        case Sparse():
            return replace(operator, source_shape=source_shape, target_shape=target_shape)


def _scaled_rows(inner: Operator, outer: Identity) -> Operator | None:
    """``outer`` scales the results of ``inner``."""
    match inner:
        case Identity():
            scale = inner.scale * outer.scale.reshape(inner.source_shape)
            return Identity(scale, inner.source_shape, outer.target_shape)
        case Dense():
            rows = outer.scale.reshape(-1, 1)
            return Dense(_scaled(inner.weight, rows), inner.source_shape, outer.target_shape)
        case Conv():
            factors = _per_channel(outer.scale.reshape(inner.target_shape))
            if factors is None:
                return None
            rows = factors.reshape(-1, *(1,) * (inner.weight.ndim - 1))
            return _with_kernel(inner, _scaled(inner.weight, rows))
        case Sparse():
            weight = _scaled(inner.weight, outer.scale.reshape(-1)[inner.targets])
            return replace(inner, weight=weight, target_shape=outer.target_shape)


def _scaled_columns(outer: Operator, inner: Identity) -> Operator | None:
    """``inner`` scales what ``outer`` reads."""
    match outer:
        case Dense():
            columns = inner.scale.reshape(1, -1)
            weight = _scaled(outer.weight, columns)
            return Dense(weight, inner.source_shape, outer.target_shape)
        case Conv():
            factors = _per_channel(inner.scale.reshape(outer.source_shape))
            if factors is None or inner.source_shape != outer.source_shape:
                return None
            per_group = factors.reshape(outer.groups, -1)
            columns = per_group.repeat(outer.weight.shape[0] // outer.groups, axis=0)
            axes = (1,) * len(outer.stride)
            columns = columns.reshape(*columns.shape, *axes)
            return _with_kernel(outer, _scaled(outer.weight, columns))
        case Sparse():
            weight = _scaled(outer.weight, inner.scale.reshape(-1)[outer.sources])
            return replace(outer, weight=weight, source_shape=inner.source_shape)
        case Identity():
            return None


def _scaled(weight: Array, scale: Array) -> Array:
    """The product; weights that are only reshaped stay what they are, in memory and dtype."""
    return weight if (scale == 1.0).all() else weight * scale


def _per_channel(scale: Array) -> Array | None:
    """The factor of each channel, or None where a factor varies within one."""
    flat = scale.reshape(scale.shape[0], -1)
    return flat[:, 0] if (flat == flat[:, :1]).all() else None


def _with_kernel(operator: Conv, weight: Array) -> Conv:
    return Conv(
        weight,
        operator.source_shape,
        operator.stride,
        operator.padding,
        operator.dilation,
        operator.groups,
    )


def _product(outer: Operator, inner: Operator, name: str) -> Dense:
    """The matrix of ``outer`` after ``inner``."""
    size, source = prod(outer.target_shape), prod(inner.source_shape)
    _check_entries(size, source, name)
    if isinstance(outer, Dense):
        rows = widened(outer.weight).reshape(size, *inner.target_shape)
        weight = transpose_apply(inner, rows).reshape(size, source)
    else:
        columns = widened(to_dense(inner, name).weight).T.reshape(source, *outer.source_shape)
        weight = apply(outer, columns).reshape(source, size).T
    return Dense(np.ascontiguousarray(weight), inner.source_shape, outer.target_shape)


def _check_entries(rows: int, columns: int, name: str) -> None:
    if rows * columns > DENSE_LIMIT:
        raise UnsupportedError(
            f"{name}: its linear layers form no single convolution",
            needs=f"a matrix of {rows} x {columns} synapses",
            has=f"at most {DENSE_LIMIT} entries in a composed matrix",
            remedy="put a neuron population between the layers, or choose pooling windows that "
            "divide the image",
        )


def compose_convolutions(outer: Conv, inner: Conv) -> Conv | None:
    """Rule 3, or None where it does not hold. Both see the same number of spatial axes."""
    if inner.target_shape != outer.source_shape or not _padding_is_exact(outer, inner):
        return None
    strides = tuple(a * b for a, b in zip(inner.stride, outer.stride, strict=True))
    padding = tuple(
        (before + s * outer_before, after + s * outer_after)
        for (before, after), (outer_before, outer_after), s in zip(
            inner.padding, outer.padding, inner.stride, strict=True
        )
    )
    steps = [s * d for s, d in zip(inner.stride, outer.dilation, strict=True)]
    kernels = (inner.weight.shape[2:], outer.weight.shape[2:])
    dilation = tuple(
        _common_step(k1, d1, k2, step)
        for k1, d1, k2, step in zip(kernels[0], inner.dilation, kernels[1], steps, strict=True)
    )
    groups = gcd(outer.groups, inner.groups)
    taps = tuple(
        (step * (k2 - 1) + d1 * (k1 - 1)) // d + 1
        for k1, d1, k2, step, d in zip(
            kernels[0], inner.dilation, kernels[1], steps, dilation, strict=True
        )
    )
    shape = (outer.weight.shape[0], inner.source_shape[0] // groups, *taps)
    if prod(shape) > KERNEL_LIMIT:
        return None
    weight = _sum_of_taps(outer, inner, shape, dilation)
    return Conv(weight, inner.source_shape, strides, padding, dilation, groups)


def _sum_of_taps(outer: Conv, inner: Conv, shape: Shape, dilation: tuple[int, ...]) -> Array:
    """The composed kernel [*shape], summed as float64 and kept as float32 while that is exact."""
    narrow = np.float32 in (outer.weight.dtype, inner.weight.dtype)
    dtype = np.result_type(outer.weight, inner.weight)
    weight = np.zeros(shape, np.float32 if narrow else dtype)
    channels = _tap_products(outer, inner, gcd(outer.groups, inner.groups))
    steps = [s * d for s, d in zip(inner.stride, outer.dilation, strict=True)]
    for j in np.ndindex(*outer.weight.shape[2:]):
        for i in np.ndindex(*inner.weight.shape[2:]):
            taps = zip(i, j, inner.dilation, steps, dilation, strict=True)
            tap = tuple((step * b + d1 * a) // d for a, b, d1, step, d in taps)
            place = (slice(None), slice(None), *tap)
            total = weight[place] + channels(j, i)
            if weight.dtype == np.float32 and not _is_float32(total):
                weight = weight.astype(np.float64)
            weight[place] = total
    return weight


def _is_float32(values: Array) -> bool:
    with np.errstate(over="ignore"):
        return bool((values.astype(np.float32) == values).all())


def _common_step(k1: int, d1: int, k2: int, step: int) -> int:
    """Greatest dilation whose grid holds all taps step j + d1 i."""
    used = [d for k, d in ((k1, d1), (k2, step)) if k > 1]
    return gcd(*used) if used else 1


def _tap_products(outer: Conv, inner: Conv, groups: int) -> Callable[[Shape, Shape], Array]:
    """Function (j, i) -> products of the channel matrices of two taps, [C2, C0 / groups]."""
    second = _channel_blocks(outer.weight, outer.groups, groups)
    depthwise = inner.weight.shape[:2] == (inner.groups, 1)
    if depthwise:  # a pool: diagonal matrices, so columns are scaled
        first = inner.weight.reshape(groups, 1, -1, *inner.weight.shape[2:])
    else:
        first = _channel_blocks(inner.weight, inner.groups, groups)

    def product(j: Shape, i: Shape) -> Array:
        outer_tap: tuple[Any, ...] = (..., *j)
        inner_tap: tuple[Any, ...] = (..., *i)
        rows, columns = widened(second[outer_tap]), widened(first[inner_tap])
        blocks = rows * columns if depthwise else rows @ columns
        result: Array = blocks.reshape(-1, blocks.shape[-1])
        return result

    return product


def _channel_blocks(weight: Array, groups: int, blocks: int) -> Array:
    """Kernel [C2, C1 / groups, *k] as [blocks, C2 / blocks, C1 / blocks, *k], zeros between groups.

    ``blocks`` divides ``groups``.
    """
    inside = groups // blocks
    rows, columns = weight.shape[0] // groups, weight.shape[1]
    kernel = weight.shape[2:]
    if inside == 1:
        return weight.reshape(blocks, rows, columns, *kernel)
    result = np.zeros((blocks, inside, rows, inside, columns, *kernel), weight.dtype)
    parts = weight.reshape(blocks, inside, rows, columns, *kernel)
    for k in range(inside):
        result[:, k, :, k] = parts[:, k]
    return result.reshape(blocks, inside * rows, inside * columns, *kernel)


def _padding_is_exact(outer: Conv, inner: Conv) -> bool:
    """Whether each outer tap in the outer padding reads, through the inner kernel, only padding.

    Per axis: the positions m outside the inner result [0, M) that the outer kernel touches must
    have no inner tap s1 m + d1 i - p1 within the image [0, N).
    """
    axes = range(len(outer.stride))
    return all(_axis_is_exact(outer, inner, axis) for axis in axes)


def _axis_is_exact(outer: Conv, inner: Conv, axis: int) -> bool:
    if outer.padding[axis] == (0, 0):
        return True
    image, middle = inner.source_shape[1 + axis], inner.target_shape[1 + axis]
    starts = outer.stride[axis] * np.arange(outer.target_shape[1 + axis])
    taps = outer.dilation[axis] * np.arange(outer.weight.shape[2 + axis])
    touched = np.unique(np.add.outer(starts, taps)) - outer.padding[axis][0]
    outside = touched[(touched < 0) | (touched >= middle)]
    reach = inner.dilation[axis] * np.arange(inner.weight.shape[2 + axis])
    read = np.add.outer(inner.stride[axis] * outside - inner.padding[axis][0], reach)
    return not ((read >= 0) & (read < image)).any()


def compose_chain(
    chain: Sequence[tuple[Operator, Array | None]], name: str = "projection"
) -> tuple[Operator, Array | None]:
    """One operator and bias [*target_shape] of (operator, bias) links, the first applied first.

    Raises:
        ValueError: the chain is empty or its sizes do not fit.
        UnsupportedError: as ``compose``.
    """
    if not chain:
        raise ValueError("an empty chain has no shape")
    operator, bias = chain[0]
    for link, link_bias in chain[1:]:
        bias = push_bias(link, bias, link_bias)
        operator = compose(link, operator, name)
    return operator, None if bias is None else bias.reshape(operator.target_shape)


def push_bias(link: Operator, bias: Array | None, own: Array | None) -> Array | None:
    """The bias after a link: ``link`` applied to the ``bias`` image, plus the link's own."""
    if bias is None:
        return own
    moved = apply(link, bias.reshape(link.source_shape))
    return moved if own is None else moved + own
