from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.graph import Conv, Dense, Identity, Operator
from snn2chip.graph.linear import (
    apply,
    arrivals,
    fan_in,
    fan_out,
    structure,
    synapses,
    transpose_apply,
)
from snn2chip.graph.operators import weights_of, with_weights


def slow_convolution(conv: Conv, x: np.ndarray) -> np.ndarray:
    """Cross-correlation of one image by its definition, one product at a time."""
    y = np.zeros(conv.target_shape, x.dtype)
    rows = conv.weight.shape[0] // conv.groups
    columns = conv.weight.shape[1]
    for place in np.ndindex(*conv.target_shape):
        group = place[0] // rows
        for column, *tap in np.ndindex(columns, *conv.weight.shape[2:]):
            where = [
                o * s + k * d - before
                for o, s, k, d, (before, _) in zip(
                    place[1:], conv.stride, tap, conv.dilation, conv.padding, strict=True
                )
            ]
            if all(0 <= w < n for w, n in zip(where, conv.source_shape[1:], strict=True)):
                value = x[(group * columns + column, *where)]
                y[place] += conv.weight[(place[0], column, *tap)] * value
    return y


@st.composite
def convolutions(draw: st.DrawFn) -> Conv:
    axes = draw(st.integers(1, 2))
    groups = draw(st.integers(1, 2))
    columns = draw(st.integers(1, 2))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(axes))
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(axes))
    image = tuple(
        max(draw(st.integers(1, 6)), d * (k - 1) + 1 - a - b, 1)
        for k, d, (a, b) in zip(kernel, dilation, padding, strict=True)
    )
    stride = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    weight = rng.integers(-5, 6, (groups * draw(st.integers(1, 2)), columns, *kernel))
    return Conv(weight, (groups * columns, *image), stride, padding, dilation, groups)


@given(convolutions())
@settings(max_examples=150, deadline=None)
def test_a_convolution_follows_its_definition(conv: Conv) -> None:
    x = np.random.default_rng(0).integers(-3, 4, (2, *conv.source_shape))
    expected = np.stack([slow_convolution(conv, image) for image in x])
    np.testing.assert_array_equal(apply(conv, x), expected)


def some_operators() -> st.SearchStrategy[Operator]:
    rng = np.random.default_rng(1)
    fixed: list[Operator] = [
        Dense(rng.integers(-4, 5, (6, 8)), (2, 4), (6,)),
        Dense(rng.integers(-4, 5, (6, 8)), (8,), (2, 3)),
        Identity(rng.integers(-4, 5, (2, 3)), (2, 3), (6,)),
    ]
    return st.one_of(st.sampled_from(fixed), convolutions())


@given(some_operators(), st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_the_transpose_is_the_adjoint(operator: Operator, seed: int) -> None:
    """<A x, y> = <x, A' y> for all x and y."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-5, 6, operator.source_shape)
    y = rng.integers(-5, 6, operator.target_shape)
    left = int((apply(operator, x) * y).sum())
    right = int((x * transpose_apply(operator, y)).sum())
    assert left == right


@given(some_operators())
@settings(max_examples=100, deadline=None)
def test_leading_axes_are_independent(operator: Operator) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-5, 6, (2, 3, *operator.source_shape))
    whole = apply(operator, x)
    for i, j in product(range(2), range(3)):
        np.testing.assert_array_equal(whole[i, j], apply(operator, x[i, j]))


@given(some_operators())
@settings(max_examples=100, deadline=None)
def test_fans_count_the_entries_of_the_structure(operator: Operator) -> None:
    ones = structure(operator)
    size = prod(operator.source_shape)
    basis = np.eye(size).reshape(size, *operator.source_shape)
    matrix = apply(ones, basis).reshape(size, -1)
    np.testing.assert_array_equal(fan_out(operator).reshape(-1), matrix.sum(axis=1))
    np.testing.assert_array_equal(fan_in(operator).reshape(-1), matrix.sum(axis=0))
    assert synapses(operator) == matrix.sum()


@given(some_operators(), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_arrivals_are_where_the_structure_is_not_zero(operator: Operator, seed: int) -> None:
    spikes = np.random.default_rng(seed).random((3, *operator.source_shape)) < 0.3
    expected = apply(structure(operator), spikes.astype(float)) > 0
    np.testing.assert_array_equal(arrivals(operator, spikes), expected)


@given(some_operators())
def test_weights_can_be_replaced(operator: Operator) -> None:
    doubled = with_weights(operator, 2 * weights_of(operator))
    x = np.ones(operator.source_shape, np.int64)
    np.testing.assert_array_equal(apply(doubled, x), 2 * apply(operator, x))
