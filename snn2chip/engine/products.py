"""Exact products of integer weights with spikes, by the fastest route that is provably exact.

Sums over the neurons that fire (``events``) are integers throughout. A float sum of integers is
exact while every partial sum stays below 2^24 (float32) or 2^53 (float64); the bound is the largest
sum of weight magnitudes over any target, times the largest spike payload. Only direct sums and GEMM
are used: Winograd and FFT would break the bound.

``events`` takes time in proportion to the spikes, a matrix product in proportion to the neurons:
the share of neurons that fire decides between the two, call by call, and changes no result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.arithmetic import Flags
from snn2chip.engine.events import EventProduct
from snn2chip.engine.spikes import Spikes
from snn2chip.errors import UnsupportedError
from snn2chip.graph.linear import apply, arrivals
from snn2chip.graph.operators import Array, Conv, Dense, Operator, weights_of, with_weights

_EXACT_FLOAT32 = 2**24
_EXACT_FLOAT64 = 2**53

DENSE_SHARE = 0.6
"""Share of firing neurons above which a matrix product is quicker (measured on two Zen 4 cores:
one weight added per 0.1 ns against 35 GFLOP/s of float32; convolutions pay for their windows)."""

_MOST_WINDOWS = 1 << 24
"""Values of a convolution's windows at a time, which bounds the memory of a call."""


def sum_bound(operator: Operator) -> int:
    """Largest sum of weight magnitudes over any target neuron."""
    magnitudes = np.abs(weights_of(operator).astype(np.int64))
    match operator:
        case Dense():
            return int(magnitudes.sum(axis=1).max(initial=0))
        case Conv():
            return int(magnitudes.reshape(magnitudes.shape[0], -1).sum(axis=1).max(initial=0))
        case _:
            return int(magnitudes.max(initial=0))


@dataclass(frozen=True, eq=False)
class IntegerProduct:
    """Whole sums [n, *target_shape] of spikes [n, *source_shape]; int64 when called.

    Attributes:
        bound: largest magnitude of a sum.
        only_flags: payloads are 0 or 1.
    """

    operator: Operator
    bound: int
    only_flags: bool

    def __call__(self, spikes: NDArray[Any]) -> Array:
        return self.sums_and_arrivals(spikes)[0].astype(np.int64)

    def sums_and_arrivals(self, spikes: NDArray[Any]) -> tuple[Array, Flags]:
        """Sums, int32 where they stay below 2^24, and where at least one event arrives."""
        events = self.events if spikes.dtype == np.bool_ and self.only_flags else None
        if events is not None and not self._dense_pays(spikes):
            return events.sums_and_arrivals(spikes)
        return self._matrix(spikes), arrivals(self.operator, spikes != 0)

    @cached_property
    def events(self) -> EventProduct | None:
        """Sums over events, where kernels have them."""
        return EventProduct.of(self.operator, self.bound)

    @cached_property
    def _cast(self) -> Operator:
        kind = np.float32 if self.bound < _EXACT_FLOAT32 else np.float64
        return with_weights(self.operator, weights_of(self.operator).astype(kind))

    def _dense_pays(self, spikes: Flags) -> bool:
        """Whether so many neurons fire that a matrix product is quicker."""
        if not isinstance(self.operator, Dense) or spikes.size < _EXACT_FLOAT32 // 256:
            return False
        return int(np.count_nonzero(spikes)) > DENSE_SHARE * spikes.size

    def dense_pays(self, spikes: Spikes) -> bool:
        """As ``_dense_pays``, of packed spikes."""
        size = len(spikes) * spikes.samples * prod(spikes.shape)
        if not isinstance(self.operator, Dense) or size < _EXACT_FLOAT32 // 256:
            return False
        return spikes.count > DENSE_SHARE * size

    def _matrix(self, spikes: NDArray[Any]) -> Array:
        """By floats, some rows at a time."""
        whole = np.int32 if self.bound < _EXACT_FLOAT32 else np.int64
        kind = weights_of(self._cast).dtype
        rows = max(1, _MOST_WINDOWS // _width(self.operator))
        sums = np.empty((len(spikes), *self.operator.target_shape), whole)
        for first in range(0, len(spikes), rows):
            part = spikes[first : first + rows].astype(kind)
            sums[first : first + rows] = apply(self._cast, part)
        return sums


def _width(operator: Operator) -> int:
    """Values per row of the largest array of a matrix product."""
    if not isinstance(operator, Conv):
        return max(1, prod(operator.target_shape))
    return prod(operator.weight.shape[1:]) * operator.groups * prod(operator.target_shape[1:])


def exact_integer_product(
    name: str, operator: Operator, largest_payload: int = 1
) -> IntegerProduct:
    """A product of integer weights without rounding.

    Raises:
        UnsupportedError: the sums of projection ``name`` could exceed 2^53.
    """
    bound = sum_bound(operator) * largest_payload
    if bound >= _EXACT_FLOAT64:
        raise UnsupportedError(
            f"projection {name!r}: synaptic sums up to {bound} are not exact",
            needs="sums below 2^53",
            remedy="smaller weights or payloads",
        )
    return IntegerProduct(operator, bound, largest_payload == 1)
