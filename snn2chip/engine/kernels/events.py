"""Sums over the neurons that fire, by compiled kernels: exact, and quick where few fire."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.kernels.accelerate import kernels
from snn2chip.engine.layout import as_shape, channels_last, in_memory
from snn2chip.graph.operators import Array, Conv, Dense, Operator, weights_of

_MOST_SHORT = 2**15
_MOST = 2**24
_VECTOR = 32
"""Bytes of sums that the kernels add at once."""

_FEW = 32
"""Synapses of a target under one row of a kernel up to which its rows are merged (measured)."""

Flags = NDArray[np.bool_]


def load() -> ModuleType | None:
    """The kernels of this room, or None where numba is absent."""
    return kernels("snn2chip.engine.kernels.sums")


@dataclass(frozen=True, eq=False)
class EventProduct:
    """Sums of 0/1 spikes through a dense operator or a convolution of one or two axes.

    Attributes:
        weights: as the kernel wants them, without the common factor 2^up.
        kind: int16 where no sum over any spikes leaves it, else int32.
        last: of a dense operator: the same for sources with their channels last in memory.
        merged: of a convolution: whether its kernel's rows are taken together.
    """

    operator: Dense | Conv
    module: ModuleType
    weights: Array
    up: int
    kind: type[np.signedinteger[Any]]
    last: Array | None = None
    merged: bool = False

    @staticmethod
    def of(operator: Operator, bound: int) -> EventProduct | None:
        """The product, or None where the kernels are absent or have none for the operator.

        Args:
            bound: the largest sum of weight magnitudes over any target.
        """
        module = load()
        if module is None or bound >= _MOST or weights_of(operator).size == 0:
            return None
        whole = weights_of(operator).astype(np.int64)
        up = common_power(whole)
        whole >>= up
        kind = np.int16 if _extreme(whole) < _MOST_SHORT else np.int32
        match operator:
            case Dense():
                rows = _stored(whole.T, kind)
                return EventProduct(operator, module, rows, up, kind, _reordered(operator, rows))
            case Conv() if len(operator.stride) <= 2 and _divides(operator, module):
                merged = _merges(operator)
                rows = _kernel_rows(operator, whole, kind, merged)
                return EventProduct(operator, module, rows, up, kind, merged=merged)
            case _:
                return None

    def totals(self) -> Array:
        """Room for the sums of one row of targets, which a kernel overwrites."""
        targets = self.weights.shape[1]
        if isinstance(self.operator, Dense):
            return np.empty(targets, self.kind)
        columns = _plane(self.operator.target_shape)[1]
        return np.empty(columns * self.targets + targets, self.kind)

    @property
    def targets(self) -> int:
        """Target channels of a group of a convolution."""
        return self.operator.target_shape[0] // self.groups

    @property
    def groups(self) -> int:
        """Of a convolution; a dense operator is one."""
        return self.operator.groups if isinstance(self.operator, Conv) else 1

    @property
    def geometry(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Taps and sizes of a convolution, as the kernels take them."""
        operator = self.operator
        assert isinstance(operator, Conv)
        source, target = _plane(operator.source_shape), _plane(operator.target_shape)
        taps = _axis(operator, 0, 2) + _axis(operator, 1, 2)
        return taps, (operator.groups, *source, *_plane(operator.weight.shape[1:]), *target)

    def sums_and_arrivals(self, spikes: Flags) -> tuple[NDArray[np.int32], Flags]:
        """int32 sums [n, *target_shape], and where at least one event arrives."""
        if isinstance(self.operator, Dense):
            return self._dense(self.operator, spikes)
        return self._conv(self.operator, spikes)

    def _dense(self, operator: Dense, spikes: Flags) -> tuple[NDArray[np.int32], Flags]:
        last = self.last is not None and channels_last(spikes, 1)
        weights = self.last if last else self.weights
        bits = np.packbits(in_memory(spikes, 1, last), axis=-1)
        sums = np.empty((len(spikes), prod(operator.target_shape)), np.int32)
        self.module.dense_sums(bits, weights, self.up, self.totals(), sums)
        hit = bits.any(axis=-1).reshape(-1, *(1,) * len(operator.target_shape))
        whole = sums.reshape(len(spikes), *operator.target_shape)
        return whole, np.broadcast_to(hit, whole.shape)

    def _conv(self, operator: Conv, spikes: Flags) -> tuple[NDArray[np.int32], Flags]:
        groups, count = self.groups, len(spikes)
        last = groups == 1 and channels_last(spikes, 1)
        bits = np.packbits(in_memory(spikes, 1, last).reshape(count * groups, -1), axis=-1)
        shape = (count, *_plane(operator.target_shape), groups, self.targets)
        sums, arrived = np.empty(shape, np.int32), np.empty(shape[:-1], np.uint8)
        self.module.conv_sums(
            bits, last, self.merged, self.weights, *self.geometry, self.up, self.totals(),
            sums, arrived,
        )  # fmt: skip
        whole = as_shape(sums.reshape(count, -1), operator.target_shape, True)
        hit = np.moveaxis(arrived.view(np.bool_), -1, 1)
        each = hit if groups == 1 else np.repeat(hit, shape[-1], axis=1)
        return whole, np.broadcast_to(each.reshape(count, -1, *whole.shape[2:]), whole.shape)


def _extreme(whole: NDArray[np.int64]) -> int:
    """The largest magnitude of any target's sum over any spikes: of its weights of one sign."""
    flat = whole.reshape(len(whole), -1) if whole.ndim else whole.reshape(1, 1)
    above = int(np.maximum(flat, 0).sum(axis=1).max(initial=0))
    return max(above, int(np.maximum(-flat, 0).sum(axis=1).max(initial=0)))


def _divides(operator: Conv, module: ModuleType) -> bool:
    """Whether the kernels' divisions by the number of channels are exact."""
    inside = operator.source_shape[0] // operator.groups
    most, area = prod(operator.source_shape) * inside, prod(operator.source_shape[1:])
    return most < int(module.MOST_DIVIDED) and area < int(module.MOST_QUOTIENT)


def common_power(weights: NDArray[np.int64]) -> int:
    """The largest k for which 2^k divides every weight; 0 where all are 0."""
    ored = int(np.bitwise_or.reduce(np.abs(weights), axis=None))
    return (ored & -ored).bit_length() - 1 if ored else 0


def _reordered(operator: Dense, rows: Array) -> Array | None:
    """Weights [source, target] for sources in the order position, channel."""
    shape = operator.source_shape
    if len(shape) < 2:
        return None
    moved = np.moveaxis(rows.reshape(*shape, -1), 0, len(shape) - 1)
    return np.ascontiguousarray(moved).reshape(rows.shape)


def _merges(operator: Conv) -> bool:
    """Whether so few synapses lie under a row of the kernel that a list for each does not pay."""
    columns = operator.weight.shape[-1]
    return operator.dilation[-1] == 1 and columns * operator.weight.shape[1] <= _FEW


def _kernel_rows(
    operator: Conv, whole: Array, kind: type[np.signedinteger[Any]], merged: bool
) -> Array:
    """[group * kernel row * kernel column * source channel, target channel].

    Args:
        merged: with the kernel's columns before its rows.
    """
    groups, inside = operator.groups, whole.shape[1]
    rows, columns = _plane(whole.shape[1:])
    each = whole.reshape(groups, -1, inside, rows, columns)
    each = each.transpose(0, 4, 3, 2, 1) if merged else each.transpose(0, 3, 4, 2, 1)
    stored = _stored(each, kind)
    return stored.reshape(-1, stored.shape[-1])


def _stored(whole: Array, kind: type[np.signedinteger[Any]]) -> Array:
    """Weights in the fewest bytes; zeros after the targets, the last axis, to fill vectors."""
    largest = max(int(whole.max()), -1 - int(whole.min()))
    narrow = next(k for k in (np.int8, np.int16, np.int32) if largest <= np.iinfo(k).max)
    more = -whole.shape[-1] % (_VECTOR // np.dtype(kind).itemsize)
    padded = np.pad(whole, ((0, 0),) * (whole.ndim - 1) + ((0, more),))
    return np.ascontiguousarray(padded.astype(narrow))


def _plane(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of a shape (channels, *spatial); one row where there is one axis."""
    return (shape[1] if len(shape) > 2 else 1, shape[-1] if len(shape) > 1 else 1)


def _axis(operator: Conv, axis: int, of: int) -> tuple[int, int, int]:
    """Stride, dilation and padding before of one of two axes, the first of which may be missing."""
    at = axis - (of - len(operator.stride))
    if at < 0:
        return (1, 1, 0)
    return (operator.stride[at], operator.dilation[at], operator.padding[at][0])
