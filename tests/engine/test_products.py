"""Products of integers are exact, and say so where they could not be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.engine.products import exact_integer_product, sum_bound
from snn2chip.errors import UnsupportedError
from snn2chip.graph import Conv, Dense, Identity


@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 2**14, 2**30]))
def test_dense_products_equal_integer_arithmetic(seed, size):
    rng = np.random.default_rng(seed)
    weights = rng.integers(-size, size, size=(5, 40))
    spikes = rng.random((7, 40)) < 0.5
    product = exact_integer_product("p", Dense(weights, (40,), (5,)))
    np.testing.assert_array_equal(product(spikes), spikes.astype(np.int64) @ weights.T)


@given(st.integers(0, 2**32 - 1))
def test_convolutions_equal_integer_arithmetic(seed):
    from snn2chip.graph.linear import apply

    rng = np.random.default_rng(seed)
    weights = rng.integers(-(2**20), 2**20, size=(2, 3, 3, 2))
    conv = Conv(weights, (3, 6, 5), (1, 2), ((1, 0), (0, 1)), (1, 1))
    spikes = rng.random((4, 3, 6, 5)) < 0.5
    expected = apply(conv, spikes.astype(np.int64))
    np.testing.assert_array_equal(exact_integer_product("p", conv)(spikes), expected)


def test_bounds():
    assert sum_bound(Dense(np.array([[1, -2], [3, 3]]), (2,), (2,))) == 6
    conv = Conv(np.array([[[1, -5]], [[2, 2]]]), (1, 4), (1,), ((0, 0),), (1,))
    assert sum_bound(conv) == 6
    assert sum_bound(Identity(np.array([4, -7]), (2,), (2,))) == 7


def test_a_sum_beyond_exact_float64_is_refused_by_name():
    operator = Dense(np.full((1, 4), 2**52), (4,), (1,))
    with pytest.raises(UnsupportedError, match="in->out"):
        exact_integer_product("in->out", operator)


def test_float32_is_left_where_it_would_round():
    weights = np.array([[2**24, 1]])
    product = exact_integer_product("p", Dense(weights, (2,), (1,)))
    assert product(np.ones((1, 2), bool))[0, 0] == 2**24 + 1
