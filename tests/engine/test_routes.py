"""Every route of a product gives the same sums and arrivals as plain integers."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from snn2chip.core import Raster
from snn2chip.engine import products
from snn2chip.engine.kernels import accelerate, events
from snn2chip.engine.kernels.events import EventProduct
from snn2chip.engine.layout import as_shape, channels_last, in_memory
from snn2chip.engine.packing import packed
from snn2chip.engine.products import exact_integer_product, sum_bound
from snn2chip.engine.rates import seconds_per_weight, torch_for_products
from snn2chip.engine.spikes import Spikes
from snn2chip.graph import Conv, Dense, identity
from snn2chip.graph.linear import apply, arrivals
from tests.examples import examples

needs_numba = pytest.mark.skipif(
    accelerate.reason_against() is not None, reason="numba is not there: nothing is compiled"
)


@st.composite
def convolutions(draw):
    """One or two axes, any stride, dilation, padding and number of groups."""
    axes, groups = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    small = st.integers(1, 3)
    inside, outside = draw(small), draw(small)
    kernel = [draw(st.integers(1, 4)) for _ in range(axes)]
    source = (groups * inside, *(draw(st.integers(1, 9)) for _ in range(axes)))
    options = [tuple(draw(small) for _ in range(axes)) for _ in range(2)]
    padding = tuple((draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(axes))
    weight = draw(weights((groups * outside, inside, *kernel)))
    try:
        return Conv(weight, source, options[0], padding, options[1], groups)
    except ValueError:
        assume(False)


@st.composite
def weights(draw, shape):
    """Small and large, even and odd; all zero, and with few bits that are set."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    largest = draw(st.sampled_from([1, 7, 256, 2**13, 2**17]))
    return rng.integers(-largest, largest, size=shape) * 2 ** draw(st.integers(0, 3))


@st.composite
def operators(draw):
    if draw(st.booleans()):
        return draw(convolutions())
    source = draw(st.sampled_from([(1,), (63,), (64,), (130,), (3, 5), (2, 4, 9)]))
    target = draw(st.sampled_from([(1,), (10,), (33,), (2, 70)]))
    return Dense(draw(weights((int(np.prod(target)), int(np.prod(source))))), source, target)


def spikes_for(operator, seed, density, last):
    spikes = np.random.default_rng(seed).random((4, *operator.source_shape)) < density
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(spikes, 1, -1)), -1, 1) if last else spikes


@needs_numba
@pytest.mark.parametrize("few", [0, 10**9], ids=["row by row", "merged rows"])
@settings(max_examples=examples(100), deadline=None)
@given(operators(), st.integers(0, 2**32 - 1), st.sampled_from([0, 0.03, 0.4, 1]), st.booleans())
def test_sums_over_events_are_those_of_integers(few, operator, seed, density, last):
    spikes = spikes_for(operator, seed, density, last)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "_FEW", few)
        product = EventProduct.of(operator, sum_bound(operator))
    assume(product is not None)
    sums, arrived = product.sums_and_arrivals(spikes)
    assert sums.dtype == np.int32
    np.testing.assert_array_equal(sums, apply(operator, spikes.astype(np.int64)))
    np.testing.assert_array_equal(arrived, arrivals(operator, spikes))


@settings(max_examples=examples(60), deadline=None)
@given(operators(), st.integers(0, 2**32 - 1), st.sampled_from([0, 0.2, 1]), st.booleans())
def test_the_matrix_route_gives_the_same(operator, seed, density, last):
    spikes = spikes_for(operator, seed, density, last)
    product = exact_integer_product("p", operator)
    sums, arrived = product.sums_and_arrivals(spikes)
    np.testing.assert_array_equal(product.matrix(spikes), sums)
    np.testing.assert_array_equal(arrivals(operator, spikes), arrived)


def test_the_matrix_route_takes_few_rows_at_a_time(monkeypatch):
    monkeypatch.setattr(products, "_MOST_WINDOWS", 50)
    conv = Conv(np.arange(24).reshape(2, 3, 2, 2), (3, 6, 5), (1, 1), ((0, 0), (0, 0)), (1, 1))
    spikes = np.random.default_rng(0).random((7, 3, 6, 5)) < 0.5
    product = exact_integer_product("p", conv)
    np.testing.assert_array_equal(product.matrix(spikes), apply(conv, spikes.astype(np.int64)))


ROUTES = {
    "events": {"events": 1e-12, "float32": 1e-9, "int8": 1e-9},
    "float32": {"events": 1e-9, "float32": 1e-12, "int8": 1e-9},
    "int8": {"events": 1e-9, "float32": 1e-9, "int8": 1e-12},
}
"""Rates at which each route is the quickest one."""


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("step", [1, 2], ids=["odd weights", "even weights"])
def test_measured_rates_choose_the_route_and_change_nothing(monkeypatch, route, step):
    if route == "int8":
        pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    dense = Dense(step * rng.integers(-128, 128, size=(20, 700)), (700,), (20,))
    spikes = rng.random((1200, 700)) < 0.3
    monkeypatch.setattr(products, "measured", lambda routes, torch: ROUTES[route])
    product = exact_integer_product("p", dense)
    if route != "events" or accelerate.reason_against() is None:
        assert product._route(spikes) == route
        assert product.route(Spikes.of_flags(spikes[None])) == route
    sums, arrived = product.sums_and_arrivals(spikes)
    assert sums.dtype == np.int32
    np.testing.assert_array_equal(sums, spikes.astype(np.int64) @ dense.weight.T)
    np.testing.assert_array_equal(arrived, arrivals(dense, spikes))


@needs_numba
def test_few_spikes_and_small_products_are_not_measured(monkeypatch):
    def fail(routes, torch):
        raise AssertionError("measured")

    monkeypatch.setattr(products, "measured", fail)
    dense = Dense(np.ones((20, 700), int), (700,), (20,))
    product = exact_integer_product("p", dense)
    few, small = np.zeros((1200, 700), bool), np.ones((10, 700), bool)
    assert product._route(few) == product._route(small) == "events"
    assert product.route(Spikes.of_flags(few[None])) == "events"
    assert product.route(Spikes.of_flags(small[None])) == "events"


def test_rates_are_seconds_of_every_route_there_is():
    rates = seconds_per_weight(products._routes)
    wanted = {"float32"} | ({"events"} if accelerate.reason_against() is None else set())
    assert wanted <= set(rates) <= wanted | {"int8"}
    assert all(0 < value < 1e-3 for value in rates.values())


def test_torch_is_used_for_products_only_where_it_is_there_or_asked_for(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.delenv("SNN2CHIP_INT8", raising=False)
    monkeypatch.delitem(sys.modules, "torch")
    assert torch_for_products() is None
    monkeypatch.setattr("snn2chip.engine.rates.import_module", lambda name: torch_like)
    torch_like = type("torch", (), {"_int_mm": None})
    monkeypatch.setenv("SNN2CHIP_INT8", "1")
    assert torch_for_products() is torch_like


@needs_numba
@pytest.mark.parametrize(
    ("weight", "kind", "up", "stored"),
    [
        ([2**13 - 1] * 4, np.int16, 0, np.int16),
        ([2**13] * 4, np.int16, 13, np.int8),
        ([2**13 + 1, 2**13, 2**13, 2**13], np.int32, 0, np.int16),
        ([2**14, 2**14 - 1, -(2**14), 1 - 2**14], np.int16, 0, np.int16),
        ([-(2**14), -(2**14), 1, 0], np.int32, 0, np.int16),
        ([127, -128, 127, 127], np.int16, 0, np.int8),
        ([128, 0, 1, 0], np.int16, 0, np.int16),
        ([2**15, 1, 0, 0], np.int32, 0, np.int32),
        ([0] * 4, np.int16, 0, np.int8),
    ],
    ids=str,
)
def test_as_few_bits_as_the_weights_prove_enough(weight, kind, up, stored):
    operator = Dense(np.array([weight]), (4,), (1,))
    product = EventProduct.of(operator, sum_bound(operator))
    assert (product.kind, product.up, product.weights.dtype) == (kind, up, stored)
    for bits in range(16):
        spikes = np.array([[bits >> k & 1 for k in range(4)]], bool)
        assert product.sums_and_arrivals(spikes)[0][0, 0] == int((weight * spikes).sum())


@needs_numba
@given(st.integers(1, 2**20), st.data())
@example(1, None)
@example(2**20, None)
def test_quotients_are_exact_up_to_their_bound(divisor, data):
    from snn2chip.engine.kernels import sums as kernels

    bounds = (2**31, kernels.MOST_DIVIDED // divisor, kernels.MOST_QUOTIENT * divisor)
    most = min(bounds) - 1
    numbers = {0, most, most // divisor * divisor, most // divisor * divisor - 1}
    if data is not None:
        numbers.add(data.draw(st.integers(0, most)))
    magic = kernels.magic_of(divisor)
    for number in numbers:
        if number >= 0:
            assert kernels.quotient(np.int32(number), magic) == number // divisor


@needs_numba
def test_images_too_large_to_divide_take_the_matrix_route():
    for width, there in ((2**24 - 1, True), (2**24, False)):
        conv = Conv(np.ones((1, 1, 1), int), (1, width), (2**20,), ((0, 0),), (1,))
        assert (EventProduct.of(conv, 1) is not None) == there


def test_what_has_no_kernel_takes_the_matrix_route():
    assert EventProduct.of(identity((3,)), 1) is None
    assert EventProduct.of(Dense(np.array([[2**24]]), (1,), (1,)), 2**24) is None
    cube = Conv(np.ones((1, 1, 1, 1, 1), int), (1, 2, 2, 2), (1,) * 3, ((0, 0),) * 3, (1,) * 3)
    spikes = np.random.default_rng(0).random((3, 1, 2, 2, 2)) < 0.5
    assert EventProduct.of(cube, 1) is None
    np.testing.assert_array_equal(exact_integer_product("p", cube)(spikes), spikes)


def test_payloads_are_not_events():
    dense = Dense(np.array([[1, 2]]), (2,), (1,))
    product = exact_integer_product("p", dense, largest_payload=100)
    assert product(np.array([[7, 50]]))[0, 0] == 107


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(3, 4, 5), (8, 2), (24, 3, 3), (1, 7), (5,), (2, 8, 8), (9, 1, 11)]),
    st.booleans(),
)
@example(0, (24, 31, 98), True)
def test_flags_are_packed_in_any_order_of_memory(seed, shape, last):
    flags = np.random.default_rng(seed).random((2, 3, *shape)) < 0.4
    expected = Raster.pack(flags, shape).bits
    if last and len(shape) > 1:
        flags = np.moveaxis(np.ascontiguousarray(np.moveaxis(flags, 2, -1)), -1, 2)
    np.testing.assert_array_equal(packed(flags), expected)
    np.testing.assert_array_equal(packed(flags * 3), expected)


def test_an_order_of_memory_can_be_taken_and_given_back():
    flags = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(flags, 1, -1)), -1, 1)
    assert [channels_last(x, 1) for x in (flags, last, flags[..., 0])] == [False, True, False]
    for x, order in ((flags, False), (last, True), (flags, True), (last, False)):
        flat = in_memory(x, 1, order)
        assert flat.flags.c_contiguous
        np.testing.assert_array_equal(as_shape(flat, (3, 4, 5), order), flags)
    assert np.shares_memory(in_memory(last, 1, True), last)
