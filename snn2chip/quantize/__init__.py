"""Quantization that chips share: rounding to formats and the search for scales."""

from snn2chip.quantize.fake import Fake, Grid, fake_biases, fake_weights, per_target, squared_error
from snn2chip.quantize.methods import (
    ERROR_CANDIDATES,
    GRANULARITIES,
    METHODS,
    PERCENTILE,
    Multiplier,
    StoredWeights,
    least_errors,
    percentile_multipliers,
    squared_errors,
)
from snn2chip.quantize.rounding import (
    QuantizedWeights,
    mantissa_exponent,
    round_weights,
    sign_mode,
    weight_range,
)
from snn2chip.quantize.search import coordinate_search

__all__ = [
    "ERROR_CANDIDATES",
    "GRANULARITIES",
    "METHODS",
    "PERCENTILE",
    "Fake",
    "Grid",
    "Multiplier",
    "QuantizedWeights",
    "StoredWeights",
    "coordinate_search",
    "fake_biases",
    "fake_weights",
    "least_errors",
    "mantissa_exponent",
    "per_target",
    "percentile_multipliers",
    "round_weights",
    "sign_mode",
    "squared_error",
    "squared_errors",
    "weight_range",
]
