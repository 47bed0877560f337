"""Operators without their synapses of weight 0, for chips that hold synapses as lists."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import UnsupportedError
from snn2chip.graph.operators import Array, Conv, Dense, Identity, Operator, Sparse, weights_of

SYNAPSE_LIMIT = 2**26
"""Most synapses that are listed: 3 GiB while they are sorted."""

_Indices = NDArray[np.int64]
_Synapses = tuple[_Indices, _Indices, Array]
"""Flat sources, flat targets and weights, in any order."""


def without_zeros(operator: Operator, name: str = "projection") -> Operator:
    """The same products without synapses of weight 0; ``operator`` itself where there are none.

    A convolution with zeros in its kernel shares its weights no longer.

    Args:
        name: of the projection, for messages.

    Raises:
        UnsupportedError: more than ``SYNAPSE_LIMIT`` synapses are left to be listed.
    """
    weights = weights_of(operator)
    if weights.all():
        return operator
    positions = prod(operator.target_shape[1:]) if isinstance(operator, Conv) else 1
    most = int(np.count_nonzero(weights)) * positions
    if most > SYNAPSE_LIMIT:
        raise UnsupportedError(
            f"{name}: up to {most} synapses without those of weight 0",
            needs=f"at most {SYNAPSE_LIMIT}, since each is listed",
            remedy="leave --drop-zeros out",
        )
    sources, targets, weight = _found(operator)
    order = np.lexsort((targets, sources))
    first = np.searchsorted(sources[order], np.arange(prod(operator.source_shape) + 1))
    shapes = operator.source_shape, operator.target_shape
    return Sparse(weight[order], targets[order].astype(np.int32), first.astype(np.int64), *shapes)


def _found(operator: Operator) -> _Synapses:
    """The synapses whose weights are not 0."""
    match operator:
        case Dense(weight=weight):
            rows, columns = np.nonzero(weight)
            return columns, rows, weight[rows, columns]
        case Identity(scale=scale):
            both = np.flatnonzero(scale)
            return both, both, scale.reshape(-1)[both]
        case Sparse(weight=weight):
            kept = weight != 0
            return operator.sources[kept], operator.targets[kept].astype(np.int64), weight[kept]
        case Conv():
            taps = [_of_tap(operator, tap) for tap in np.ndindex(*operator.weight.shape[2:])]
            sources, targets, weights = (np.concatenate(part) for part in zip(*taps, strict=True))
            return sources, targets, weights


def _of_tap(operator: Conv, tap: tuple[int, ...]) -> _Synapses:
    """Those of one tap of the kernel: a pair of channels and a pair of positions each.

    No two taps join the same neurons.
    """
    image, result = operator.source_shape[1:], operator.target_shape[1:]
    axes = zip(image, result, operator.stride, operator.padding, operator.dilation, strict=True)
    read, written = [], []
    for (size, count, stride, (before, _), dilation), index in zip(axes, tap, strict=True):
        there = np.arange(count)
        here = stride * there + dilation * index - before
        inside = (here >= 0) & (here < size)
        read.append(here[inside])
        written.append(there[inside])
    source_positions = np.ravel_multi_index(np.ix_(*read), image).reshape(-1)
    target_positions = np.ravel_multi_index(np.ix_(*written), result).reshape(-1)
    kernel: tuple[Any, ...] = (slice(None), slice(None), *tap)
    channels = operator.weight[kernel]
    out, inner = np.nonzero(channels)
    group = out // (operator.weight.shape[0] // operator.groups)
    sources = (group * operator.weight.shape[1] + inner) * prod(image)
    targets = out * prod(result)
    return (
        np.add.outer(sources, source_positions).reshape(-1),
        np.add.outer(targets, target_positions).reshape(-1),
        channels[out, inner].repeat(source_positions.size),
    )
