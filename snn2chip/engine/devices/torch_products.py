"""Exact integer products of 0/1 spikes on torch's tensors, by im2col and one matrix product.

Routes, each exact within its bound, and none of them a Winograd or FFT convolution:

- ``int8``: ``torch._int_mm`` adds int8 times int8 in int32. Weights without their common power of
  two fit one int8 matrix (eight-bit weights that are all even, any in [-128, 127]), or else two:
  w = 2^7 high + low with low in [0, 127], |w| < 2^14.
- ``float32``: while every partial sum stays below 2^24, and torch rounds no operand.
- ``float64``: below 2^53.

Which one is quickest depends on the machine and on the shapes: at a product's first call all that
are exact run on what is to be multiplied, and the quickest is kept. It changes no sum.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.devices.device import Tensor, TorchDevice
from snn2chip.engine.kernels.events import common_power
from snn2chip.graph.operators import Conv, Dense, Identity, Operator, Sparse, weights_of

Route: TypeAlias = Callable[[Tensor], Tensor]

_SPLIT = 7
_MOST_SPLIT = 2**14
_EXACT_FLOAT32 = 2**24
_MOST_INT32 = 2**31
_EIGHT = 8
_LEAST_ROWS = 32
"""``_int_mm`` on CUDA wants more than 16 rows, and multiples of eight of everything else."""

MOST_COLUMNS = 1 << 26
"""Values of a convolution's windows at a time, which bounds the memory of a call."""


class TorchProduct:
    """Whole sums [n, *target_shape] of flags [n, *source_shape], and where events arrive."""

    def __init__(self, device: TorchDevice, operator: Operator, bound: int) -> None:
        """Prepares every route.

        Args:
            bound: largest magnitude of a partial sum, below 2^53.
        """
        self._device, self._operator, self._bound = device, operator, bound
        self._torch = device.torch
        self._chosen: dict[int, str] = {}

    def on_arrays(self, flags: NDArray[np.bool_], route: str) -> NDArray[np.int32]:
        """int32 sums of numpy's flags by one route of a dense operator; none is above 2^31."""
        rows = np.ascontiguousarray(flags.reshape(1, len(flags), -1)).view(np.int8)
        sums = self.routes[route](self._torch.from_numpy(rows).to(self._device.name))[0]
        found = self._device.array(sums.to(self._torch.int32))
        return found.reshape(len(flags), *self._operator.target_shape)

    def sums(self, flags: Tensor) -> Tensor:
        """Sums, int32 where they stay below 2^31, else int64."""
        operator, torch = self._operator, self._torch
        assert not isinstance(operator, Sparse)
        if isinstance(operator, Identity):
            return (flags.to(torch.int64) * self._scale).reshape(-1, *operator.target_shape)
        if isinstance(operator, Dense):
            sums = self._product(flags.reshape(1, len(flags), prod(operator.source_shape)))[0]
            return sums.reshape(len(flags), *operator.target_shape)
        rows = max(1, MOST_COLUMNS // max(1, self._windows.numel()))
        return torch.cat([self._conv(operator, part) for part in flags.split(rows)])

    def arrived(self, flags: Tensor) -> Tensor:
        """Bool [n, *target_shape or 1s]."""
        operator = self._operator
        assert not isinstance(operator, Sparse)
        if isinstance(operator, Identity):
            return flags.reshape(-1, *operator.target_shape)
        if isinstance(operator, Dense):
            return (
                flags.reshape(len(flags), -1).any(1).reshape(-1, *[1] * len(operator.target_shape))
            )
        groups = operator.groups
        any_channel = flags.reshape(len(flags), groups, -1, *operator.source_shape[1:]).any(2)
        padded = self._padded(any_channel.reshape(len(flags) * groups, -1))
        hit = padded[:, self._places].any(-1).reshape(len(flags), groups, -1)
        each = hit.repeat_interleave(operator.weight.shape[0] // groups, dim=1)
        return each.reshape(len(flags), *operator.target_shape)

    @cached_property
    def routes(self) -> dict[str, Route]:
        """Exact products of flags [group, rows, inner], [group, rows, targets]."""
        weights = self._matrices
        up = common_power(weights)
        whole = weights >> up
        found: dict[str, Route] = {}
        if whole.size and whole.min() >= -128 and whole.max() <= 127:
            found["int8"] = self._int8([(whole, up)])
        elif whole.size and np.abs(whole).max() < _MOST_SPLIT:
            high = whole >> _SPLIT
            found["int8"] = self._int8([(high, up + _SPLIT), (whole - (high << _SPLIT), up)])
        if self._bound < _EXACT_FLOAT32 and self._rounds_nothing():
            found["float32"] = self._float(self._torch.float32)
        if not found:
            found["float64"] = self._float(self._torch.float64)
        return found

    @property
    def _whole(self) -> Any:
        return self._torch.int32 if self._bound < _MOST_INT32 else self._torch.int64

    def _product(self, flags: Tensor) -> Tensor:
        """By the route that was quickest for about as many rows."""
        size = flags.shape[1].bit_length()
        if size not in self._chosen:
            self._chosen[size] = self._quickest(flags)
        return self.routes[self._chosen[size]](flags)

    def _quickest(self, flags: Tensor) -> str:
        seconds = {}
        for name, route in self.routes.items():
            if len(self.routes) > 1:
                route(flags)
                self._wait()
                begun = time.perf_counter()
                route(flags)
                self._wait()
                seconds[name] = time.perf_counter() - begun
        return min(seconds, key=seconds.__getitem__) if seconds else next(iter(self.routes))

    def _wait(self) -> None:
        if self._device.name != "cpu":
            self._torch.cuda.synchronize(self._device.name)

    def _rounds_nothing(self) -> bool:
        """Whether float32 products are float32's own, and not those of TF32 or bfloat16."""
        return bool(self._torch.get_float32_matmul_precision() == "highest")

    def _float(self, kind: Any) -> Route:
        weights = self._device.tensor(self._matrices).to(kind).transpose(1, 2)
        return lambda flags: (flags.to(kind) @ weights).to(self._whole)

    def _int8(self, parts: list[tuple[NDArray[np.int64], int]]) -> Route:
        """Sums of int8 matrices times powers of two."""
        torch, targets = self._torch, self._matrices.shape[1]
        pads = [(0, -n % _EIGHT) for n in self._matrices.shape[1:]]
        stored = [
            (self._device.tensor(np.pad(w, ((0, 0), *pads)).astype(np.int8)).transpose(1, 2), up)
            for w, up in parts
        ]

        def product(flags: Tensor) -> Tensor:
            rows, inner = flags.shape[1:]
            more = max(0, _LEAST_ROWS - rows)
            x = torch.nn.functional.pad(flags.to(torch.int8), (0, -inner % _EIGHT, 0, more))
            sums = [
                sum(torch._int_mm(x[g], w[g]).to(self._whole) << up for w, up in stored)
                for g in range(len(x))
            ]
            return torch.stack(sums)[:, :rows, :targets]

        return product

    def _conv(self, operator: Conv, flags: Tensor) -> Tensor:
        groups, count = operator.groups, len(flags)
        padded = self._padded(flags.reshape(count * groups, -1))
        columns = padded[:, self._windows].reshape(count, groups, *self._windows.shape)
        columns = columns.transpose(0, 1).reshape(groups, -1, self._windows.shape[1])
        sums = self._product(columns).reshape(groups, count, len(self._windows), -1)
        return sums.permute(1, 0, 3, 2).reshape(count, *operator.target_shape)

    def _padded(self, flat: Tensor) -> Tensor:
        """[n, size + 1], with a place that never fires at the end."""
        return self._torch.nn.functional.pad(flat, (0, 1))

    @cached_property
    def _scale(self) -> Tensor:
        return self._device.tensor(weights_of(self._operator).astype(np.int64))

    @cached_property
    def _matrices(self) -> NDArray[np.int64]:
        """[group, target, inner]."""
        weights, groups = weights_of(self._operator).astype(np.int64), 1
        if isinstance(self._operator, Conv):
            groups = self._operator.groups
        return weights.reshape(groups, len(weights) // groups, -1)

    @cached_property
    def _places(self) -> Tensor:
        """Where the taps of each target position lie in one channel, [position, tap]."""
        assert isinstance(self._operator, Conv)
        return self._device.tensor(window_places(self._operator))

    @cached_property
    def _windows(self) -> Tensor:
        """The same in a group's channels, [position, channel * tap]; the last place is silent."""
        assert isinstance(self._operator, Conv)
        places, area = window_places(self._operator), prod(self._operator.source_shape[1:])
        channels = self._operator.source_shape[0] // self._operator.groups
        each = places[:, None, :] + area * np.arange(channels)[:, None]
        each[np.broadcast_to(places[:, None, :] == area, each.shape)] = channels * area
        return self._device.tensor(each.reshape(len(places), -1))


def window_places(operator: Conv) -> NDArray[np.int64]:
    """Flat source positions of one channel under each target position, [position, tap].

    A tap that lies in the padding has the position after the last.
    """
    spatial = operator.source_shape[1:]
    outside = prod(spatial)
    places, inside = np.zeros((1, 1), np.int64), np.ones((1, 1), bool)
    for k, size in enumerate(spatial):
        starts = np.arange(operator.target_shape[1 + k]) * operator.stride[k]
        taps = np.arange(operator.weight.shape[2 + k]) * operator.dilation[k]
        at = starts[:, None] + taps - operator.padding[k][0]
        here = (at >= 0) & (at < size)
        places = _outer(places, at, lambda a, b, n=size: a * n + b)
        inside = _outer(inside, here, lambda a, b: a & b)
    return np.where(inside, places, outside)


def _outer(one: NDArray[Any], other: NDArray[Any], join: Callable[..., Any]) -> NDArray[Any]:
    """[a * c, b * d] of [a, b] and [c, d]."""
    (a, b), (c, d) = one.shape, other.shape
    joined: NDArray[Any] = join(one[:, None, :, None], other[None, :, None, :])
    return np.broadcast_to(joined, (a, c, b, d)).reshape(a * c, b * d)
