"""Exact products of integer weights with spikes, by the fastest route that is provably exact.

Sums over the neurons that fire (``events``) are integers throughout. A float sum of integers is
exact while every partial sum stays below 2^24 (float32) or 2^53 (float64); the bound is the largest
sum of weight magnitudes over any target, times the largest spike payload. Only direct sums and GEMM
are used: Winograd and FFT would break the bound.

``events`` takes time in proportion to the spikes, a matrix product in proportion to the neurons:
the share of neurons that fire and the measured rates of both decide, call by call, and change no
result. Where torch is loaded, int8 products (``torch_products``) are one more matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.arithmetic import Flags
from snn2chip.engine.devices.device import CPU, TorchDevice
from snn2chip.engine.devices.torch_products import TorchProduct
from snn2chip.engine.kernels.events import EventProduct
from snn2chip.engine.rates import EVENTS, FLOAT32, INT8, Routes, measured, torch_for_products
from snn2chip.engine.spikes import Spikes
from snn2chip.errors import UnsupportedError
from snn2chip.graph.linear import apply, arrivals
from snn2chip.graph.operators import (
    Array,
    Conv,
    Dense,
    Identity,
    Operator,
    Sparse,
    weights_of,
    with_weights,
)

_EXACT_FLOAT32 = 2**24
_EXACT_FLOAT64 = 2**53
_DOUBLE = 2
"""How much longer float64 takes than float32."""

LEAST_SHARE = 0.05
"""Share of firing neurons below which no matrix product is thought of."""

LEAST_WORK = 1 << 24
"""Weights of a product, silent ones too, below which the choice is not worth a measurement."""

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
        case Sparse():
            size = prod(operator.target_shape)
            return int(np.bincount(operator.targets, magnitudes, size).max(initial=0))
        case Identity():
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
        flags = spikes.dtype == np.bool_ and self.only_flags
        route = self._route(spikes) if flags else FLOAT32
        if route == EVENTS:
            assert self.events is not None
            return self.events.sums_and_arrivals(spikes)
        fired = spikes if spikes.dtype == np.bool_ else spikes != 0
        return self.matrix(spikes, route), arrivals(self.operator, fired)

    def route(self, spikes: Spikes) -> str:
        """The quickest route for spikes: ``EVENTS``, or a matrix product's name."""
        return self._quickest(len(spikes) * spikes.samples, lambda: spikes.share)

    @cached_property
    def events(self) -> EventProduct | None:
        """Sums over events, where kernels have them."""
        return EventProduct.of(self.operator, self.bound)

    def _route(self, spikes: Flags) -> str:
        """The same for flags [n, *source_shape]."""
        return self._quickest(len(spikes), lambda: np.count_nonzero(spikes) / max(1, spikes.size))

    def _quickest(self, rows: int, share: Callable[[], float]) -> str:
        """By the measured rates, where ``share`` of the neurons fire, if the choice matters.

        Only a dense operator has a choice: convolutions pay for their windows.
        """
        operator, usual = self.operator, FLOAT32 if self.events is None else EVENTS
        if not isinstance(operator, Dense) or rows * operator.weight.size < LEAST_WORK:
            return usual
        fire = share()
        if fire < LEAST_SHARE:
            return usual
        name, enough = self._best_matrix
        return name if fire > enough else EVENTS

    @cached_property
    def _best_matrix(self) -> tuple[str, float]:
        """The quickest matrix product, and the share of firing neurons above which it pays."""
        rates = dict(measured(_routes, torch_for_products()))
        rates[FLOAT32] *= 1 if self.bound < _EXACT_FLOAT32 else _DOUBLE
        quicker = rates.get(INT8, rates[FLOAT32]) < rates[FLOAT32]
        name = INT8 if quicker and self._int8 is not None else FLOAT32
        return name, -1.0 if self.events is None else rates[name] / rates[EVENTS]

    @cached_property
    def _cast(self) -> Operator:
        kind = np.float32 if self.bound < _EXACT_FLOAT32 else np.float64
        return with_weights(self.operator, weights_of(self.operator).astype(kind))

    @cached_property
    def _int8(self) -> TorchProduct | None:
        torch = torch_for_products()
        if torch is None or not isinstance(self.operator, Dense) or self.bound >= _EXACT_FLOAT32:
            return None
        product = TorchProduct(TorchDevice(torch, CPU), self.operator, self.bound)
        return product if INT8 in product.routes else None

    def matrix(self, spikes: NDArray[Any], route: str = FLOAT32) -> Array:
        """Sums of [n, *source_shape] by ``INT8``, for flags, or by floats, some rows at a time."""
        if route == INT8:
            assert self._int8 is not None
            return self._int8.on_arrays(spikes, INT8)
        whole = np.int32 if self.bound < _EXACT_FLOAT32 else np.int64
        kind = weights_of(self._cast).dtype
        rows = max(1, _MOST_WINDOWS // _width(self.operator))
        sums = np.empty((len(spikes), *self.operator.target_shape), whole)
        for first in range(0, len(spikes), rows):
            part = spikes[first : first + rows].astype(kind)
            sums[first : first + rows] = apply(self._cast, part)
        return sums


def _routes(operator: Dense) -> Routes:
    """Every route of flags through a dense operator that this machine has."""
    product = IntegerProduct(operator, sum_bound(operator), True)
    found: dict[str, Callable[[Any], object]] = {FLOAT32: product.matrix}
    if product.events is not None:
        found[EVENTS] = product.events.sums_and_arrivals
    if product._int8 is not None:
        found[INT8] = partial(product._int8.on_arrays, route=INT8)
    return found


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
