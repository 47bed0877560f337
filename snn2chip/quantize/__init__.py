"""Quantization that chips share: rounding to formats and the search for scales."""

from snn2chip.quantize.fake import Fake, Grid, fake_biases, fake_weights, per_target, squared_error
from snn2chip.quantize.rounding import (
    QuantizedWeights,
    mantissa_exponent,
    round_weights,
    sign_mode,
    weight_range,
)
from snn2chip.quantize.search import coordinate_search

__all__ = [
    "Fake",
    "Grid",
    "QuantizedWeights",
    "coordinate_search",
    "fake_biases",
    "fake_weights",
    "mantissa_exponent",
    "per_target",
    "round_weights",
    "sign_mode",
    "squared_error",
    "weight_range",
]
