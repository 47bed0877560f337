"""torch's tensors give the sums, the bits and the networks of plain integers, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from snn2chip.core import Raster
from snn2chip.engine.devices import device as devices
from snn2chip.engine.devices.device import find_device, torch_device
from snn2chip.engine.devices.torch_products import TorchProduct, window_places
from snn2chip.engine.products import sum_bound
from snn2chip.engine.spikes import Spikes
from snn2chip.errors import ConfigError
from snn2chip.graph import Conv, Dense, Identity
from snn2chip.graph.linear import apply, arrivals

from .test_routes import operators, spikes_for

torch = pytest.importorskip("torch")

DEVICE = torch_device("cpu")


def product_of(operator):
    return TorchProduct(DEVICE, operator, sum_bound(operator))


@settings(max_examples=150, deadline=None)
@given(operators(), st.integers(0, 2**32 - 1), st.sampled_from([0, 0.1, 1]), st.integers(1, 5))
def test_every_route_gives_the_sums_of_integers(operator, seed, density, count):
    spikes = spikes_for(operator, seed, density, False)[:count]
    product, flags = product_of(operator), DEVICE.tensor(spikes)
    expected = apply(operator, spikes.astype(np.int64))
    assert product.routes.keys() <= {"int8", "float32", "float64"}
    for name in product.routes:
        product._quickest = lambda flags, name=name: name
        product._chosen.clear()
        np.testing.assert_array_equal(DEVICE.array(product.sums(flags)), expected, name)
    hit = np.broadcast_to(DEVICE.array(product.arrived(flags)), expected.shape)
    np.testing.assert_array_equal(hit, arrivals(operator, spikes))


def routes_of(weights):
    operator = Dense(np.array(weights), (len(weights[0]),), (len(weights),))
    return set(product_of(operator).routes)


@pytest.mark.parametrize(
    ("weights", "routes"),
    [
        ([[-256, 254]], ("float32", "int8")),
        ([[-255, 254]], ("float32", "int8")),
        ([[0, 0]], ("float32", "int8")),
        ([[2**14 - 1, -(2**14) + 1]], ("float32", "int8")),
        ([[2**14 + 1, 1]], ("float32",)),
        ([[2**24 - 2, 1]], ("float32",)),
        ([[2**24 - 1, 1]], ("float64",)),
        ([[2**40, 1]], ("float64",)),
        ([[127] * 2**18], ("int8",)),
    ],
    ids=lambda x: str(x)[:40],
)
def test_routes_end_where_they_would_round(weights, routes):
    assert routes_of(weights) == set(routes)


def test_the_bound_of_float32_is_met_exactly():
    for total in (2**24 - 1, 2**24, 2**24 + 1):
        product = product_of(Dense(np.array([[total - 1, 1]]), (2,), (1,)))
        assert int(product.sums(DEVICE.tensor(np.ones((1, 2), bool)))) == total


def test_float32_that_rounds_its_operands_is_not_used():
    torch.set_float32_matmul_precision("high")
    try:
        assert routes_of([[2**14 + 1, 1]]) == {"float64"}
    finally:
        torch.set_float32_matmul_precision("highest")


def test_even_eight_bit_weights_need_one_matrix_and_odd_ones_two(monkeypatch):
    calls = []
    multiply = torch._int_mm
    monkeypatch.setattr(torch, "_int_mm", lambda a, b: calls.append(1) or multiply(a, b))
    for weights, matrices in (([[-256, 254]], 1), ([[-255, 254]], 2), ([[127, -128]], 1)):
        product = product_of(Dense(np.array(weights), (2,), (1,)))
        calls.clear()
        sums = product.routes["int8"](DEVICE.tensor(np.eye(2, dtype=bool)[None]))
        assert len(calls) == matrices
        assert sums.flatten().tolist() == weights[0]


def test_an_identity_multiplies():
    product = product_of(Identity(np.array([3, -2]), (2,), (2,)))
    flags = DEVICE.tensor(np.array([[True, False], [True, True]]))
    assert product.sums(flags).tolist() == [[3, 0], [3, -2]]
    assert product.arrived(flags).tolist() == [[True, False], [True, True]]


def test_few_windows_at_a_time(monkeypatch):
    monkeypatch.setattr("snn2chip.engine.devices.torch_products.MOST_COLUMNS", 50)
    conv = Conv(np.arange(24).reshape(2, 3, 2, 2), (3, 6, 5), (1, 1), ((0, 0), (0, 0)), (1, 1))
    spikes = np.random.default_rng(0).random((7, 3, 6, 5)) < 0.5
    sums = product_of(conv).sums(DEVICE.tensor(spikes))
    np.testing.assert_array_equal(DEVICE.array(sums), apply(conv, spikes.astype(np.int64)))


def test_places_of_windows_by_hand():
    conv = Conv(np.ones((1, 1, 2)), (1, 4), (2,), ((1, 0),), (2,))
    assert window_places(conv).tolist() == [[4, 1], [1, 3]]


@given(st.integers(0, 2**32 - 1), st.sampled_from([(1,), (8,), (13,), (3, 4, 5), (2, 8)]))
@example(0, (800,))
def test_bits_are_those_of_rasters(seed, shape):
    flags = np.random.default_rng(seed).random((2, 3, *shape)) < 0.4
    spikes = DEVICE.spikes(DEVICE.tensor(flags), shape)
    np.testing.assert_array_equal(spikes.bits, Raster.pack(flags, shape).bits)
    np.testing.assert_array_equal(spikes.flags, flags)
    there = DEVICE.flags(Spikes.of_flags(flags * 7))
    np.testing.assert_array_equal(DEVICE.array(there), flags)


def test_what_was_moved_is_kept():
    spikes = Spikes.of_flags(np.ones((1, 1, 3), bool))
    assert DEVICE.flags(spikes) is DEVICE.flags(spikes)


def test_devices_by_name(monkeypatch):
    assert find_device("cpu") is None
    with pytest.raises(ConfigError, match="cpu and cuda"):
        find_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"torch\.cuda\.is_available"):
        find_device("cuda")
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'snn2chip\[train\]'"):
        find_device("cuda")
