"""Quantization that chips share: rounding to formats and the search for scales."""

from snn2chip.quantize.rounding import (
    QuantizedWeights,
    mantissa_exponent,
    round_weights,
    sign_mode,
    weight_range,
)
from snn2chip.quantize.search import coordinate_search

__all__ = [
    "QuantizedWeights",
    "coordinate_search",
    "mantissa_exponent",
    "round_weights",
    "sign_mode",
    "weight_range",
]
