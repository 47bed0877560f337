from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from snn2chip.errors import UnsupportedError
from snn2chip.graph import Conv, Dense, Identity, Operator
from snn2chip.graph import compose as module
from snn2chip.graph.compose import (
    compose,
    compose_chain,
    compose_convolutions,
    push_bias,
    reshaped,
    to_dense,
)
from snn2chip.graph.linear import apply, synapses
from tests.examples import examples


def weights(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-7, 8, shape)


def pool(channels: int, size: int, image: tuple[int, int], stride: int | None = None) -> Conv:
    step = size if stride is None else stride
    kernel = np.ones((channels, 1, size, size), np.int64)
    return Conv(kernel, (channels, *image), (step, step), ((0, 0), (0, 0)), (1, 1), channels)


@st.composite
def conv_after(draw: st.DrawFn, source: tuple[int, ...]) -> Conv:
    """A convolution that reads an image of shape ``source``."""
    axes = len(source) - 1
    divisors = [g for g in range(1, source[0] + 1) if source[0] % g == 0]
    groups = draw(st.sampled_from(divisors))
    rows = draw(st.integers(1, 2))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(axes))
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(axes))
    stride = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    seed = draw(st.integers(0, 99))
    weight = weights((groups * rows, source[0] // groups, *kernel), seed)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padded = [n + a + b for n, (a, b) in zip(source[1:], padding, strict=True)]
    assume(all(p >= s for p, s in zip(padded, spans, strict=True)))
    return Conv(weight, source, stride, padding, dilation, groups)


@st.composite
def operator_after(draw: st.DrawFn, source: tuple[int, ...]) -> Operator:
    seed = draw(st.integers(0, 99))
    kind = draw(st.sampled_from(["dense", "identity", "flatten", "conv", "channels"]))
    if kind == "dense":
        target = (draw(st.integers(1, 5)),)
        return Dense(weights((target[0], prod(source)), seed), source, target)
    if kind == "identity":
        return Identity(weights(source, seed), source, source)
    if kind == "flatten":
        return Identity(np.ones(source, np.int64), source, (prod(source),))
    if kind == "channels" or len(source) < 2:
        scale = weights((source[0],), seed).reshape(-1, *(1,) * (len(source) - 1))
        return Identity(np.broadcast_to(scale, source).copy(), source, source)
    return draw(conv_after(source))


@st.composite
def chains(draw: st.DrawFn) -> list[Operator]:
    axes = draw(st.integers(0, 2))
    source = (draw(st.integers(1, 3)), *(draw(st.integers(2, 6)) for _ in range(axes)))
    chain: list[Operator] = []
    for _ in range(draw(st.integers(1, 4))):
        chain.append(draw(operator_after(source)))
        source = chain[-1].target_shape
    return chain


@given(chains(), st.integers(0, 99))
@settings(max_examples=examples(300), deadline=None)
def test_a_composed_chain_equals_its_links_one_after_another(
    chain: list[Operator], seed: int
) -> None:
    biases = [
        weights(link.target_shape, seed + k) if (seed + k) % 2 else None
        for k, link in enumerate(chain)
    ]
    operator, bias = compose_chain(list(zip(chain, biases, strict=True)))
    x = weights((3, *chain[0].source_shape), seed)
    expected = x
    for link, own in zip(chain, biases, strict=True):
        expected = apply(link, expected.reshape(3, *link.source_shape))
        expected = expected if own is None else expected + own
    found = apply(operator, x)
    found = found if bias is None else found + bias
    assert found.dtype.kind == "i"
    np.testing.assert_array_equal(found.reshape(3, -1), expected.reshape(3, -1))


@st.composite
def two_convolutions(draw: st.DrawFn, most_axes: int = 2) -> tuple[Conv, Conv]:
    axes = draw(st.integers(1, most_axes))
    source = (draw(st.integers(1, 4)), *(draw(st.integers(2, 7)) for _ in range(axes)))
    inner = draw(conv_after(source))
    return inner, draw(conv_after(inner.target_shape))


@given(two_convolutions())
@settings(max_examples=examples(300), deadline=None)
def test_a_composed_convolution_equals_the_two(pair: tuple[Conv, Conv]) -> None:
    inner, outer = pair
    composed = compose_convolutions(outer, inner)
    assume(composed is not None)
    assert composed.target_shape == outer.target_shape
    matrix = to_dense(outer).weight @ to_dense(inner).weight
    np.testing.assert_array_equal(to_dense(composed).weight, matrix)


@given(two_convolutions(most_axes=1))
@settings(max_examples=examples(200), deadline=None)
def test_the_padding_rule_refuses_nothing_that_would_be_exact(pair: tuple[Conv, Conv]) -> None:
    """Along one axis, where it says no, positive kernels really give other values."""
    inner, outer = (Conv(np.ones_like(conv.weight), *_options(conv)) for conv in pair)
    assume(compose_convolutions(outer, inner) is None)
    forced = _without_padding_rule(outer, inner)
    exact = to_dense(outer).weight @ to_dense(inner).weight
    assert (to_dense(forced).weight != exact).any()


def _options(conv: Conv) -> tuple:  # type: ignore[type-arg]
    return (conv.source_shape, conv.stride, conv.padding, conv.dilation, conv.groups)


def _without_padding_rule(outer: Conv, inner: Conv) -> Conv:
    rule = module._padding_is_exact
    module._padding_is_exact = lambda *_: True
    try:
        forced = compose_convolutions(outer, inner)
    finally:
        module._padding_is_exact = rule
    assert forced is not None
    return forced


def test_average_pool_then_convolution_is_one_repeated_kernel() -> None:
    inner = pool(2, 2, (8, 8))
    kernel = weights((3, 2, 3, 3), 1)
    outer = Conv(kernel, (2, 4, 4), (1, 1), ((1, 1), (1, 1)), (1, 1))
    found = compose(outer, inner)
    assert isinstance(found, Conv)
    assert found.stride == (2, 2)
    assert found.padding == ((2, 2), (2, 2))
    assert found.groups == 1
    np.testing.assert_array_equal(found.weight, kernel.repeat(2, axis=2).repeat(2, axis=3))


@pytest.mark.parametrize(("image", "exact"), [((8, 8), True), ((9, 8), False), ((7, 7), False)])
def test_a_padded_kernel_behind_a_pool_that_drops_a_rest(
    image: tuple[int, int], exact: bool
) -> None:
    """The dropped row is real input where the composed kernel expects padding."""
    inner = pool(1, 2, image)
    outer = Conv(weights((1, 1, 3, 3), 5), inner.target_shape, (1, 1), ((1, 1),) * 2, (1, 1))
    assert (compose_convolutions(outer, inner) is not None) is exact
    assert isinstance(compose(outer, inner), Conv if exact else Dense)


def test_an_unpadded_kernel_behind_such_a_pool_stays_a_convolution() -> None:
    inner = pool(1, 2, (9, 9))
    outer = Conv(weights((1, 1, 3, 3), 5), inner.target_shape, (1, 1), ((0, 0),) * 2, (1, 1))
    found = compose(outer, inner)
    assert isinstance(found, Conv)
    np.testing.assert_array_equal(
        to_dense(found).weight, to_dense(outer).weight @ to_dense(inner).weight
    )


def test_groups_survive_a_pool() -> None:
    inner = pool(6, 2, (4, 4))
    outer = Conv(weights((6, 2, 1, 1), 3), (6, 2, 2), (1, 1), ((0, 0),) * 2, (1, 1), 3)
    found = compose(outer, inner)
    assert isinstance(found, Conv)
    assert found.groups == 3
    assert synapses(found) == 6 * 2 * 4 * 4


def test_a_strided_pointwise_kernel_keeps_its_taps_without_holes() -> None:
    inner = Conv(weights((1, 1, 1), 0) * 0 + 2, (1, 9), (2,), ((0, 0),), (1,))
    outer = Conv(np.array([[[1, 2, 3]]]), (1, 5), (1,), ((0, 0),), (1,))
    found = compose(outer, inner)
    assert isinstance(found, Conv)
    assert found.dilation == (2,)
    np.testing.assert_array_equal(found.weight, [[[2, 4, 6]]])


def test_a_scale_per_channel_keeps_a_convolution_and_one_per_pixel_does_not() -> None:
    conv = Conv(weights((2, 1, 2, 2), 1), (1, 3, 3), (1, 1), ((0, 0),) * 2, (1, 1))
    channel = np.broadcast_to(np.array([2, 3]).reshape(2, 1, 1), (2, 2, 2)).copy()
    assert isinstance(compose(Identity(channel, (2, 2, 2), (2, 2, 2)), conv), Conv)
    pixel = weights((2, 2, 2), 8)
    assert isinstance(compose(Identity(pixel, (2, 2, 2), (2, 2, 2)), conv), Dense)


def test_a_flatten_behind_a_convolution_leaves_it_a_convolution() -> None:
    conv = Conv(weights((2, 1, 2, 2), 1), (1, 3, 3), (1, 1), ((0, 0),) * 2, (1, 1))
    flatten = Identity(np.ones((2, 2, 2)), (2, 2, 2), (8,))
    assert isinstance(compose(flatten, conv), Conv)


def test_a_matrix_beyond_the_limit_is_refused_in_four_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "DENSE_LIMIT", 100)
    inner = pool(1, 2, (9, 9))
    outer = Conv(weights((1, 1, 3, 3), 5), (1, 4, 4), (1, 1), ((1, 1),) * 2, (1, 1))
    with pytest.raises(UnsupportedError, match="a -> b") as caught:
        compose(outer, inner, "a -> b")
    assert "16 x 81" in caught.value.needs
    assert "100" in caught.value.has
    assert caught.value.remedy


def test_a_kernel_may_be_larger_than_a_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DENSE_LIMIT", 10)
    outer = Conv(weights((2, 1, 3, 3), 5), (1, 4, 4), (1, 1), ((0, 0),) * 2, (1, 1))
    assert isinstance(compose(outer, pool(1, 2, (8, 8))), Conv)
    monkeypatch.setattr(module, "KERNEL_LIMIT", 71)
    with pytest.raises(UnsupportedError, match="no single convolution"):
        compose(outer, pool(1, 2, (8, 8)))


def test_sizes_that_do_not_fit_are_a_value_error() -> None:
    one = Dense(np.ones((2, 3)), (3,), (2,))
    with pytest.raises(ValueError, match="does not feed"):
        compose(one, one)
    with pytest.raises(ValueError, match="empty"):
        compose_chain([])


def test_the_bias_of_a_padded_kernel_sees_the_border() -> None:
    outer = Conv(np.ones((1, 1, 3)), (1, 3), (1,), ((1, 1),), (1,))
    bias = push_bias(outer, np.ones((1, 3)), np.full((1, 3), 10.0))
    assert bias is not None
    np.testing.assert_array_equal(bias, [[12.0, 13.0, 12.0]])


def test_reshaping_is_refused_for_convolutions_only() -> None:
    conv = Conv(np.ones((1, 1, 2)), (1, 3), (1,), ((0, 0),), (1,))
    assert reshaped(conv, (3,), (2,)) is None
    assert reshaped(conv, (1, 3), (1, 2)) is conv
    dense = reshaped(to_dense(conv), (3,), (2, 1))
    assert dense is not None
    assert dense.target_shape == (2, 1)


@given(chains())
@settings(max_examples=examples(100), deadline=None)
@example([Identity(np.full((2, 2), 3), (2, 2), (4,))])
def test_the_matrix_of_an_operator_does_what_it_does(chain: list[Operator]) -> None:
    operator = chain[0]
    x = weights((2, *operator.source_shape), 4)
    expected = apply(operator, x).reshape(2, -1)
    np.testing.assert_array_equal(x.reshape(2, -1) @ to_dense(operator).weight.T, expected)
