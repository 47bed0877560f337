"""Fake quantization: the integers of ``rounding``, told in floats, and where gradients pass."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snn2chip.quantize import (
    Grid,
    fake_biases,
    fake_weights,
    mantissa_exponent,
    per_target,
    round_weights,
    squared_error,
    weight_range,
)

finite = st.floats(-3.0, 3.0, allow_nan=False)
weights = hnp.arrays(np.float64, (3, 4), elements=finite)
scales = hnp.arrays(np.float64, (3, 1), elements=st.floats(0.5, 300.0))


@given(weights, scales, st.integers(1, 8))
def test_weights_are_those_that_rounding_stores(w, scale, bits):
    fake = fake_weights(w, scale, bits)
    stored = round_weights(w * scale, bits).weights
    np.testing.assert_array_equal(fake.integers, stored)
    np.testing.assert_array_equal(fake.values, stored / scale)


@given(weights, scales, st.integers(1, 8))
def test_gradients_stop_where_the_range_cuts(w, scale, bits):
    low, high, step = weight_range(round_weights(w * scale, bits).mode, bits)
    nearest = step * np.rint(w * scale / step)
    expected = (nearest >= low) & (nearest <= high)
    np.testing.assert_array_equal(fake_weights(w, scale, bits).inside, expected)


@given(weights, scales, st.integers(2, 8))
def test_rounded_weights_round_to_themselves(w, scale, bits):
    _, top, _ = weight_range("mixed", bits)
    once = fake_weights(np.clip(w, -top / scale, top / scale), scale, bits)
    again = fake_weights(once.values, scale, bits)
    np.testing.assert_array_equal(again.integers, once.integers)
    assert again.inside.all()


@given(
    hnp.arrays(np.float64, (5,), elements=finite),
    st.floats(1.0, 1e6),
    st.floats(-100.0, 100.0),
    st.integers(2, 13),
    st.integers(0, 7),
)
def test_biases_are_those_that_rounding_stores(b, scale, origin, bits, exponent_max):
    mantissas, exponent, clipped = mantissa_exponent(b * scale + origin, bits, exponent_max)
    fake = fake_biases(b, np.array(scale), np.array(origin), bits, exponent)
    np.testing.assert_array_equal(fake.integers, mantissas)
    np.testing.assert_array_equal(fake.values, (mantissas * 2.0**exponent - origin) / scale)
    assert np.count_nonzero(~fake.inside) == clipped


def grid(scale, bits=3, top=192):
    one = np.ones_like(scale)
    return Grid(scale, bits, -top, top, one, 0 * one, 13, 7, one)


def test_the_error_is_what_rounding_and_cutting_change():
    scale = np.full((2, 5, 5), 64.0)
    kernel = np.array([1.0, -2.0, 0.5, 4.0]).reshape(2, 1, 1, 2)
    # stored in steps of 64 up to 192: 1, -2, 0 (half to even) and 3
    assert squared_error(kernel, grid(scale)) == pytest.approx(0.5**2 + 1.0**2)
    # without negative ones the sign's bit halves the step
    assert squared_error(kernel * [1.0, 0.0], grid(scale)) == 0.0
    assert squared_error(np.array([[[[3.0, -3.0]]], [[[0.0, 1.0]]]]), grid(scale)) == 0.0


def test_one_value_per_channel():
    values = np.arange(3.0).reshape(3, 1, 1) * np.ones((3, 2, 2))
    assert per_target(values, 4).shape == (3, 1, 1, 1)
    assert per_target(values, 1).tolist() == [0.0, 1.0, 2.0]
