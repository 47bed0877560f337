"""What operators do: products, their transposes, and synapse counts. Convolutions are never
unrolled into synapse lists.

All functions are exact for integers as long as the sums fit the dtype: the caller chooses it.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from snn2chip.graph.operators import (
    Array,
    Conv,
    Dense,
    Identity,
    Operator,
    Shape,
    Sparse,
    weights_of,
    with_weights,
)


def apply(operator: Operator, x: Array) -> Array:
    """y [..., *target_shape] = operator x [..., *source_shape], in the dtype of both."""
    lead = x.shape[: x.ndim - len(operator.source_shape)]
    match operator:
        case Identity():
            return (x * operator.scale).reshape(*lead, *operator.target_shape)
        case Dense():
            flat = x.reshape(-1, prod(operator.source_shape))
            weight = _cast(operator.weight, x)
            return (flat @ weight.T).reshape(*lead, *operator.target_shape)
        case Conv():
            flat = x.reshape(-1, *operator.source_shape)
            return _convolve(operator, flat).reshape(*lead, *operator.target_shape)
        case Sparse():
            return _sparse(operator, x, False).reshape(*lead, *operator.target_shape)


def _cast(weight: Array, x: Array) -> Array:
    """The weight in the dtype of its product with x: a mixed product may round otherwise."""
    return weight.astype(np.result_type(weight, x), copy=False)


def _columns(operator: Conv, x: Array) -> Array:
    """Windows of padded x [n, *source], [groups, n * target positions, taps * channels / groups].

    Channels go last, so that a row of the kernel is one piece of memory to copy.
    """
    axes, groups = len(operator.stride), operator.groups
    kernel = operator.weight.shape[2:]
    padded = np.pad(np.moveaxis(x, 1, -1), ((0, 0), *operator.padding, (0, 0)))
    span = tuple(d * (k - 1) + 1 for k, d in zip(kernel, operator.dilation, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(padded, span, axis=tuple(range(1, 1 + axes)))
    steps = (slice(None, None, s) for s in operator.stride)
    taps = (slice(None, None, d) for d in operator.dilation)
    view = view[(slice(None), *steps, slice(None), *taps)]
    split = view.reshape(*view.shape[: 1 + axes], groups, -1, *kernel)
    order = (1 + axes, *range(1 + axes), *range(3 + axes, 3 + 2 * axes), 2 + axes)
    positions = x.shape[0] * prod(operator.target_shape[1:])
    columns: Array = split.transpose(order).reshape(groups, positions, -1)
    return columns


def _convolve(operator: Conv, x: Array) -> Array:
    """y [n, *target_shape] of x [n, *source_shape] as one matrix product per group."""
    groups, spatial = operator.groups, operator.target_shape[1:]
    channels = operator.weight.shape[0] // groups
    weight = _cast(operator.weight, x)
    kernels = np.moveaxis(weight, 1, -1).reshape(groups, channels, -1)
    product = _columns(operator, x) @ kernels.transpose(0, 2, 1)
    product = product.reshape(groups, x.shape[0], *spatial, channels)
    return np.moveaxis(product, (0, -1), (1, 2)).reshape(x.shape[0], *operator.target_shape)


def transpose_apply(operator: Operator, y: Array) -> Array:
    """x [..., *source_shape] = transposed operator of y [..., *target_shape]."""
    lead = y.shape[: y.ndim - len(operator.target_shape)]
    match operator:
        case Identity():
            return y.reshape(*lead, *operator.source_shape) * operator.scale
        case Dense():
            flat = y.reshape(-1, prod(operator.target_shape))
            weight = _cast(operator.weight, y)
            return (flat @ weight).reshape(*lead, *operator.source_shape)
        case Conv():
            flat = y.reshape(-1, *operator.target_shape)
            return _convolve_transposed(operator, flat).reshape(*lead, *operator.source_shape)
        case Sparse():
            return _sparse(operator, y, True).reshape(*lead, *operator.source_shape)


def _convolve_transposed(operator: Conv, y: Array) -> Array:
    """Scatter of y [n, *target_shape] through the kernel, one addition per kernel tap."""
    groups = operator.groups
    grouped = y.reshape(y.shape[0], groups, -1, *y.shape[2:])
    weight = _cast(operator.weight, y)
    kernels = weight.reshape(groups, -1, *weight.shape[1:])
    spatial = operator.source_shape[1:]
    padded_shape = tuple(n + a + b for n, (a, b) in zip(spatial, operator.padding, strict=True))
    padded = np.zeros((y.shape[0], groups, kernels.shape[2], *padded_shape), weight.dtype)
    for tap in np.ndindex(*weight.shape[2:]):
        window = tuple(
            slice(i * d, i * d + s * (n - 1) + 1, s)
            for i, d, s, n in zip(tap, operator.dilation, operator.stride, y.shape[2:], strict=True)
        )
        tap_kernel = kernels[(slice(None), slice(None), slice(None), *tap)]
        contribution = np.einsum("ngo...,goc->ngc...", grouped, tap_kernel)
        padded[(slice(None), slice(None), slice(None), *window)] += contribution
    image = (slice(a, a + n) for n, (a, _) in zip(spatial, operator.padding, strict=True))
    inside: tuple[Any, ...] = (..., *image)
    source: Array = padded[inside].reshape(y.shape[0], *operator.source_shape)
    return source


def _sparse(operator: Sparse, x: Array, transposed: bool) -> Array:
    """x [n, source size] through single synapses, or back: [n, other size]."""
    from scipy.sparse import csr_array

    sizes = prod(operator.source_shape), prod(operator.target_shape)
    flat = x.reshape(-1, sizes[transposed])
    weight = _cast(operator.weight, flat)
    matrix = csr_array((weight, operator.targets, operator.first), shape=sizes)
    product: Array = matrix @ flat.T if transposed else matrix.T @ flat.T
    return product.T


def structure(operator: Operator) -> Operator:
    """The operator with every weight 1: its products count synapses."""
    return with_weights(operator, np.ones(weights_of(operator).shape))


def fan_out(operator: Operator) -> Array:
    """Synapses per source neuron, int64 [*source_shape]: what one of its spikes costs.

    A synapse is an entry of the operator inside the padded image's real part, of whatever weight.
    """
    match operator:
        case Identity():
            return np.ones(operator.source_shape, np.int64)
        case Dense():
            return np.full(operator.source_shape, operator.weight.shape[0], np.int64)
        case Conv():
            image = np.ones((1, *operator.target_shape[1:]))
            taps = transpose_apply(_one_channel(operator), image)[0].astype(np.int64)
            channels = operator.weight.shape[0] // operator.groups
            return np.broadcast_to(taps * channels, operator.source_shape).copy()
        case Sparse():
            return np.diff(operator.first).astype(np.int64).reshape(operator.source_shape)


def fan_in(operator: Operator) -> Array:
    """Synapses per target neuron, int64 [*target_shape]."""
    match operator:
        case Identity():
            return np.ones(operator.target_shape, np.int64)
        case Dense():
            return np.full(operator.target_shape, operator.weight.shape[1], np.int64)
        case Conv():
            image = np.ones((1, *operator.source_shape[1:]))
            taps = apply(_one_channel(operator), image)[0].astype(np.int64)
            return np.broadcast_to(taps * operator.weight.shape[1], operator.target_shape).copy()
        case Sparse():
            number = np.bincount(operator.targets, minlength=prod(operator.target_shape))
            return number.astype(np.int64).reshape(operator.target_shape)


def _one_channel(operator: Conv) -> Conv:
    """The geometry of a convolution alone: one channel in, one out, every weight 1."""
    return Conv(
        np.ones((1, 1, *operator.weight.shape[2:])),
        (1, *operator.source_shape[1:]),
        operator.stride,
        operator.padding,
        operator.dilation,
    )


def synapses(operator: Operator) -> int:
    """Number of synapses of an operator."""
    return int(fan_out(operator).sum())


def arrivals(operator: Operator, spikes: Array) -> Array:
    """Which targets at least one spike reaches: bool [..., *target_shape].

    Args:
        spikes: bool [..., *source_shape].
    """
    lead = spikes.shape[: spikes.ndim - len(operator.source_shape)]
    match operator:
        case Identity():
            return spikes.reshape(*lead, *operator.target_shape)
        case Dense():
            any_spike: Array = np.asarray(spikes.reshape(*lead, -1).any(axis=-1))
            any_spike = any_spike.reshape(*lead, *(1,) * len(operator.target_shape))
            return np.broadcast_to(any_spike, (*lead, *operator.target_shape))
        case Conv():
            return _conv_arrivals(operator, spikes, lead)
        case Sparse():
            reached: Array = apply(structure(operator), spikes.astype(np.float64)) > 0
            return reached


def _conv_arrivals(operator: Conv, spikes: Array, lead: Shape) -> Array:
    channels = operator.source_shape[0] // operator.groups
    grouped = spikes.reshape(*lead, operator.groups, channels, *operator.source_shape[1:])
    any_channel = np.asarray(grouped.any(axis=len(lead) + 1))
    any_channel = np.expand_dims(any_channel, axis=len(lead) + 1)
    counts = apply(_one_channel(operator), any_channel.astype(np.float32))
    per_group = (counts > 0).repeat(operator.weight.shape[0] // operator.groups, axis=len(lead) + 1)
    return per_group.reshape(*lead, *operator.target_shape)
