"""Exact products of integer weights with spikes, by the fastest route that is provably exact.

A float sum of integers is exact while every partial sum stays below 2^24 (float32) or 2^53
(float64); the bound is the largest sum of weight magnitudes over any target, times the largest
spike payload. Only direct sums and GEMM are used: Winograd and FFT would break the bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.arithmetic import Product
from snn2chip.errors import UnsupportedError
from snn2chip.graph.linear import apply
from snn2chip.graph.operators import Array, Conv, Dense, Operator, weights_of, with_weights

_EXACT_FLOAT32 = 2**24
_EXACT_FLOAT64 = 2**53


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


def exact_integer_product(name: str, operator: Operator, largest_payload: int = 1) -> Product:
    """A product of integer weights that returns int64 sums without rounding.

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
    dtype: type[Any] = np.float32 if bound < _EXACT_FLOAT32 else np.float64
    cast = with_weights(operator, weights_of(operator).astype(dtype))

    def product(spikes: NDArray[Any]) -> Array:
        return apply(cast, spikes.astype(dtype)).astype(np.int64)

    return product
