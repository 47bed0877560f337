"""Rounding under change: signs, powers of two, order, more bits; and widths that do not exist."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snn2chip.errors import ConfigError
from snn2chip.quantize import (
    coordinate_search,
    mantissa_exponent,
    round_weights,
    sign_mode,
    weight_range,
)

WEIGHTS = hnp.arrays(np.float64, (3, 4), elements=st.floats(-300, 300))
INTEGERS = hnp.arrays(np.int64, (6,), elements=st.integers(-(10**6), 10**6))


@given(WEIGHTS, st.integers(1, 8))
def test_rounding_twice_changes_nothing_where_the_signs_stay(weights, bits):
    once = round_weights(weights, bits)
    low, high, step = weight_range(once.mode, bits)
    assert once.weights.min() >= low
    assert once.weights.max() <= high
    assert not (once.weights % step).any()
    again = round_weights(once.weights.astype(float), bits)
    if again.mode == once.mode:
        np.testing.assert_array_equal(again.weights, once.weights)
        assert again.clipped == 0


@given(WEIGHTS, st.integers(1, 8))
def test_inhibitory_weights_mirror_excitatory_ones(weights, bits):
    up, down = round_weights(np.abs(weights) + 1, bits), round_weights(-np.abs(weights) - 1, bits)
    np.testing.assert_array_equal(up.weights, -down.weights)
    assert (up.mode, down.mode, up.clipped) == ("excitatory", "inhibitory", down.clipped)


@given(WEIGHTS, st.integers(1, 8), st.permutations(range(12)))
def test_rounding_does_not_depend_on_the_order_or_the_shape(weights, bits, order):
    one, other = round_weights(weights, bits), round_weights(weights.reshape(-1)[order], bits)
    np.testing.assert_array_equal(one.weights.reshape(-1)[order], other.weights)
    assert (one.mode, one.clipped) == (other.mode, other.clipped)


@given(WEIGHTS, st.integers(1, 8))
def test_rounding_keeps_the_order_of_weights(weights, bits):
    flat = np.sort(weights.reshape(-1))
    assert (np.diff(round_weights(flat, bits).weights) >= 0).all()


@given(hnp.arrays(np.float64, (8,), elements=st.floats(-255, 254)))
def test_each_bit_more_is_never_worse(weights):
    errors = [np.abs(weights - round_weights(weights, bits).weights) for bits in range(1, 9)]
    for coarse, fine in itertools.pairwise(errors):
        assert (fine <= coarse).all()


@pytest.mark.parametrize(
    ("mode", "bits"),
    [
        (mode, bits)
        for mode in ("excitatory", "inhibitory", "mixed")
        for bits in range(1, 9)
        if (mode, bits) != ("mixed", 1)
    ],
)
def test_the_ends_of_a_range_are_stored_and_one_step_beyond_is_clipped(mode, bits):
    low, high, step = weight_range(mode, bits)
    assert (high - low) // step + 1 == 2 ** (bits - (mode == "mixed")) * (1 + (mode == "mixed"))
    ends = {"excitatory": [high], "inhibitory": [low], "mixed": [low, high]}[mode]
    inside = round_weights(np.array([*ends, 0.0]), bits)
    assert inside.clipped == 0
    assert inside.mode == mode
    beyond = round_weights(np.array([*(end + np.sign(end) * step for end in ends), 0.0]), bits)
    np.testing.assert_array_equal(beyond.weights[0], {"excitatory": high}.get(mode, low))
    assert beyond.clipped >= 1


def test_one_bit_of_mixed_signs_stores_the_negative_ones():
    result = round_weights(np.array([-200.0, -70.0, -50.0, 0.0, 60.0, 255.0]), 1)
    assert result.weights.tolist() == [-128, -128, 0, 0, 0, 0]
    assert (result.mode, result.clipped) == ("inhibitory", 2)


@given(WEIGHTS, st.integers(1, 8))
def test_what_is_stored_has_the_mode_that_it_is_read_in(weights, bits):
    """The chip and Lava tell the mode from the stored weights, not from those before."""
    result = round_weights(weights, bits)
    low, high, step = weight_range(sign_mode(result.weights), bits)
    assert low <= result.weights.min()
    assert result.weights.max() <= high
    assert not (result.weights % step).any()


@pytest.mark.parametrize("bits", [-1, 0, 9, 16])
@pytest.mark.parametrize("mode", ["excitatory", "mixed"])
def test_widths_that_loihi_does_not_have_are_refused(bits, mode):
    for call in (
        lambda: weight_range(mode, bits),
        lambda: round_weights(np.array([1.0, 0.0 if mode == "excitatory" else -1.0]), bits),
    ):
        with pytest.raises(ConfigError, match=f"weights of {bits} bits") as caught:
            call()
        assert caught.value.exit_code == 2
        assert caught.value.needs == "1 to 8 bits"
        assert "Loihi" in caught.value.has
        assert "weight_bits" in caught.value.remedy


@given(INTEGERS, st.integers(2, 16), st.integers(0, 9))
def test_mantissas_equal_those_of_a_search_over_all_exponents(values, bits, most):
    found, exponent, clipped = mantissa_exponent(values.astype(float), bits, most)
    limit = 2 ** (bits - 1) - 1
    fitting = [e for e in range(most + 1) if (np.abs(np.rint(values / 2**e)) <= limit).all()]
    assert exponent == (fitting[0] if fitting else most)
    assert (clipped == 0) is bool(fitting)
    np.testing.assert_array_equal(found, np.clip(np.rint(values / 2**exponent), -limit, limit))


@given(INTEGERS, st.integers(0, 5))
def test_mantissas_of_negated_values_are_negated(values, most):
    one = mantissa_exponent(values.astype(float), 13, most)
    other = mantissa_exponent(-values.astype(float), 13, most)
    np.testing.assert_array_equal(one[0], -other[0])
    assert one[1:] == other[1:]


@pytest.mark.parametrize(
    ("peak", "exponent"), [(4095, 0), (4095.5, 1), (4096, 1), (8190, 1), (8191, 2), (8192, 2)]
)
def test_the_largest_mantissa_of_each_exponent(peak, exponent):
    mantissas, found, clipped = mantissa_exponent(np.array([peak, -1.0]), 13, 7)
    assert (found, clipped) == (exponent, 0)
    assert abs(int(mantissas[0])) <= 4095


def test_no_values_need_no_exponent():
    mantissas, exponent, clipped = mantissa_exponent(np.zeros(0), 13, 7)
    assert (mantissas.size, exponent, clipped) == (0, 0, 0)


@given(st.permutations(["a", "b", "c"]), st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=1))
def test_a_separable_cost_does_not_depend_on_the_order_of_populations(names, candidates):
    best = {"a": 0.6, "b": 1.9, "c": 1.1}
    chosen = coordinate_search(names, candidates, lambda s, n: abs(s[n] - best[n]))
    expected = {n: min(candidates, key=lambda c, n=n: abs(c - best[n])) for n in best}
    assert chosen == expected


def test_each_candidate_of_each_population_is_tried_once():
    tried = []
    coordinate_search(["a", "b"], [1.0, 2.0, 3.0], lambda s, n: tried.append((n, s[n])) or 0.0)
    assert tried == [(n, c) for n in "ab" for c in (1.0, 2.0, 3.0)]
