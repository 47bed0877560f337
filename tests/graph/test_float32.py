"""Weights that stay float32: what is computed with them equals what float64 gives, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.graph import Conv, Dense, Identity, Operator, Projection, validate
from snn2chip.graph.compose import compose, compose_convolutions
from snn2chip.graph.equality import equal
from snn2chip.graph.linear import apply, transpose_apply
from snn2chip.graph.operators import weights_of, with_weights
from snn2chip.graph.oracle import run_graph
from snn2chip.graph.text import to_text
from tests.graph.networks import tiny

RNG = np.random.default_rng


def float32(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return RNG(seed).standard_normal(shape).astype(np.float32)


def wide(operator: Operator) -> Operator:
    return with_weights(operator, weights_of(operator).astype(np.float64))


def conv(channels: int, source: tuple[int, int, int], groups: int = 1, seed: int = 0) -> Conv:
    weight = float32((channels, source[0] // groups, 3, 3), seed)
    return Conv(weight, source, (1, 1), ((1, 1), (1, 1)), (1, 1), groups)


def pool(source: tuple[int, int, int], size: int, value: float) -> Conv:
    kernel = np.full((source[0], 1, size, size), value)
    return Conv(kernel, source, (size, size), ((0, 0), (0, 0)), (1, 1), source[0])


OPERATORS = {
    "dense": Dense(float32((5, 7)), (7,), (5,)),
    "conv": conv(4, (2, 5, 6)),
    "grouped": conv(4, (2, 5, 6), groups=2),
}


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_products_are_those_of_float64(name: str) -> None:
    operator = OPERATORS[name]
    x = RNG(1).standard_normal((3, *operator.source_shape))
    y = RNG(2).standard_normal((3, *operator.target_shape))
    assert apply(operator, x).dtype == np.float64
    np.testing.assert_array_equal(apply(operator, x), apply(wide(operator), x))
    np.testing.assert_array_equal(transpose_apply(operator, y), transpose_apply(wide(operator), y))


def test_a_product_of_float32_on_both_sides_stays_float32() -> None:
    operator = OPERATORS["dense"]
    assert apply(operator, float32((2, 7))).dtype == np.float32


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["dense", "conv", "grouped"]),
    st.sampled_from(["dense", "scale", "pool", "conv"]),
    st.integers(0, 99),
)
def test_compositions_are_those_of_float64(inner: str, outer: str, seed: int) -> None:
    first = OPERATORS[inner]
    shape = first.target_shape
    size = int(np.prod(shape))
    after: Operator
    if outer == "dense" or len(shape) == 1:
        after = Dense(float32((3, size), seed), shape, (3,))
    elif outer == "scale":
        after = Identity(RNG(seed).standard_normal(shape), shape, shape)
    elif outer == "pool":
        after = pool((shape[0], shape[1], shape[2]), 2, 1 / 9)
    else:
        after = conv(2, (shape[0], shape[1], shape[2]), seed=seed)
    found, expected = compose(after, first), compose(wide(after), wide(first))
    assert type(found) is type(expected)
    np.testing.assert_array_equal(weights_of(found), weights_of(expected))


def test_a_reshape_copies_no_weights() -> None:
    matrix = float32((5, 12))
    flatten = Identity(np.ones((3, 4)), (3, 4), (12,))
    found = compose(Dense(matrix, (12,), (5,)), flatten)
    assert weights_of(found) is matrix
    behind = compose(Identity(np.ones(5), (5,), (5,)), Dense(matrix, (12,), (5,)))
    assert weights_of(behind) is matrix


@pytest.mark.parametrize(
    ("value", "dtype"), [(1.0, np.float32), (0.25, np.float32), (1 / 9, np.float64)]
)
def test_a_composed_kernel_stays_float32_only_where_that_is_exact(
    value: float, dtype: type
) -> None:
    source = (2, 6, 6)
    outer = Conv(float32((3, 2, 2, 2)), (2, 3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1))
    found = compose_convolutions(outer, pool(source, 2, value))
    expected = compose_convolutions(wide(outer), pool(source, 2, value))
    assert found is not None
    assert expected is not None
    assert found.weight.dtype == dtype
    assert expected.weight.dtype == np.float64
    np.testing.assert_array_equal(found.weight, expected.weight)


def test_a_composed_kernel_beyond_float32_is_float64() -> None:
    outer = Conv(np.full((1, 1, 1, 1), 1e30, np.float32), (1, 1, 1), (1, 1), ((0, 0),) * 2, (1, 1))
    found = compose_convolutions(outer, outer)
    assert found is not None
    assert found.weight.item() == float(np.float32(1e30)) ** 2


def test_a_graph_of_float32_weights_equals_that_of_float64_and_runs_alike() -> None:
    graph = tiny()
    narrow = tuple(_cast(p, np.float32) for p in graph.projections)
    graph = replace(graph, projections=narrow)
    other = replace(graph, projections=tuple(_cast(p, np.float64) for p in narrow))
    assert equal(graph, other)
    assert to_text(graph) == to_text(other)
    spikes = RNG(0).integers(0, 2, (20, 2, *graph.inputs[0].shape)).astype(float)
    mine, theirs = run_graph(graph, spikes), run_graph(other, spikes)
    for name, values in mine.items():
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def _cast(projection: Projection, dtype: type) -> Projection:
    weights = weights_of(projection.operator).astype(dtype)
    return replace(projection, operator=with_weights(projection.operator, weights))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_single_weight_that_is_not_finite_is_found(value: float) -> None:
    graph = tiny()
    weights = weights_of(graph.projections[0].operator).astype(np.float32)
    weights.reshape(-1)[-1] = value
    broken = with_weights(graph.projections[0].operator, weights)
    first = replace(graph.projections[0], operator=broken)
    with pytest.raises(Exception, match="weights that are not finite"):
        validate(replace(graph, projections=(first, *graph.projections[1:])))
