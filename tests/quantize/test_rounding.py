"""Number formats: every value that comes out can be stored, and is the nearest one that can."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snn2chip.quantize import mantissa_exponent, round_weights, sign_mode, weight_range

finite = st.floats(-600, 600, allow_nan=False)


def lava_truncation(weights, bits, mode):
    """Lava's own rule on integer weights, as stated by its Dense process (the outside oracle)."""
    low, high = {"mixed": (-256, 255), "excitatory": (0, 255), "inhibitory": (-255, 0)}[mode]
    k = 8 - bits + (mode == "mixed")
    clipped = np.clip(weights, low, high)
    if mode == "inhibitory":
        return -((-clipped >> k) << k)
    return (clipped >> k) << k


@given(hnp.arrays(np.float64, (3, 4), elements=finite), st.integers(1, 8))
def test_rounded_weights_survive_lavas_truncation(scaled, bits):
    result = round_weights(scaled, bits)
    stored = lava_truncation(result.weights, bits, result.mode)
    np.testing.assert_array_equal(stored, result.weights)


@given(hnp.arrays(np.float64, (3, 4), elements=finite), st.integers(1, 8))
def test_rounding_is_to_the_nearest_storable_weight(scaled, bits):
    result = round_weights(scaled, bits)
    low, high, step = weight_range(result.mode, bits)
    storable = np.arange(low, high + 1, step)
    best = np.abs(scaled[..., None] - storable).min(axis=-1)
    np.testing.assert_allclose(np.abs(scaled - result.weights), best, atol=1e-9)


@given(hnp.arrays(np.float64, (5,), elements=finite))
def test_clipped_counts_what_the_range_cut(scaled):
    result = round_weights(scaled, 8)
    low, high, step = weight_range(result.mode, 8)
    rounded = step * np.rint(scaled / step)
    assert result.clipped == np.count_nonzero((rounded > high) | (rounded < low))


@pytest.mark.parametrize(
    ("mode", "bits", "expected"),
    [
        ("mixed", 8, (-256, 254, 2)),
        ("excitatory", 8, (0, 255, 1)),
        ("inhibitory", 8, (-255, 0, 1)),
        ("mixed", 1, (-256, 0, 256)),
        ("excitatory", 4, (0, 240, 16)),
    ],
)
def test_ranges(mode, bits, expected):
    assert weight_range(mode, bits) == expected


@pytest.mark.parametrize(
    ("weights", "mode"),
    [
        ([1.0, 0.0], "excitatory"),
        ([-1.0, 0.0], "inhibitory"),
        ([-1.0, 1.0], "mixed"),
        ([0.0, 0.0], "excitatory"),
        ([], "excitatory"),
    ],
)
def test_sign_mode(weights, mode):
    assert sign_mode(np.array(weights)) == mode


@given(hnp.arrays(np.float64, (6,), elements=st.floats(-1e6, 1e6)))
def test_mantissas_fit_and_lose_at_most_half_a_unit(values):
    mantissa, exponent, clipped = mantissa_exponent(values, 13, 7)
    assert np.abs(mantissa).max() <= 4095
    assert 0 <= exponent <= 7
    error = np.abs((mantissa << exponent) - values)
    if clipped == 0:
        assert error.max() <= 2**exponent / 2
    else:
        assert exponent == 7


@given(st.floats(-4095, 4095))
def test_small_values_need_no_exponent(value):
    _, exponent, clipped = mantissa_exponent(np.array([value]), 13, 7)
    assert (exponent, clipped) == (0, 0)


def test_values_beyond_every_exponent_are_counted():
    mantissa, exponent, clipped = mantissa_exponent(np.array([1e9, 1.0]), 13, 7)
    assert (int(mantissa[0]), exponent, clipped) == (4095, 7, 1)
