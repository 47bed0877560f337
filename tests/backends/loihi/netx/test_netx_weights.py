"""How netx fits weights: hand-computed cases, and the plain oracle on random matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.backends.loihi.netx.weights import fit

from . import plain_netx

CASES = {
    # given, held, exponent, bits
    "mixed": ([[127, -128]], [[254, -256]], -1, 8),
    "mixed_even": ([[254, -256]], [[254, -256]], 0, 8),
    "mixed_nine_bits": ([[129, -3]], [[129, -3]], 0, 9),
    "mixed_clipped": ([[300, -300, 4]], [[254, -256, 4]], 0, 8),
    "one_and_minus_one": ([[1, -1]], [[128, -128]], -7, 2),
    "excitatory": ([[255, 0, 3]], [[255, 0, 3]], 0, 8),
    "excitatory_lost": ([[256, 8]], [[0, 0]], 1, 6),
    "inhibitory": ([[-255, -4]], [[-255, -4]], 0, 8),
    "inhibitory_power_of_two": ([[-2, -2]], [[0, 0]], -7, 0),
    "inhibitory_lost": ([[-300, -4]], [[0, 0]], 1, 7),
    "inhibitory_with_zero": ([[-64, 0]], [[-128, 0]], -2, 1),
    "zeros": ([[0, 0]], [[0, 0]], 0, 8),
}


@pytest.mark.parametrize("name", CASES)
def test_known_matrices(name):
    weights, held, exponent, bits = CASES[name]
    fitted = fit((np.array(weights),))
    assert fitted.parts[0].tolist() == held
    assert (fitted.exponent, fitted.bits) == (exponent, bits)


def test_known_cases_agree_with_the_plain_oracle():
    for weights, held, exponent, _ in CASES.values():
        assert plain_netx.fit([weights]) == ([held], exponent)


def test_changed_weights_are_counted():
    assert fit((np.array([[300, -300, 4]]),)).changed == 2
    assert fit((np.array([[256, 8, 0]]),)).changed == 2
    assert fit((np.array([[127, -128]]),)).changed == 0
    assert fit((np.array([[-2, -2]]),)).changed == 2


def test_recurrent_weights_share_one_scale():
    fitted = fit((np.array([[2, 4]]), np.array([[-100]])))
    assert [part.tolist() for part in fitted.parts] == [[[4, 8]], [[-200]]]
    assert fitted.exponent == -1


WEIGHTS = st.one_of(st.integers(-700, 700), st.integers(-8, 8).map(lambda n: 32 * n))


@given(
    st.lists(st.lists(WEIGHTS, min_size=3, max_size=3), min_size=1, max_size=4),
    st.integers(1, 2),
    st.sampled_from((0, 1, -1)),
)
@settings(max_examples=300, deadline=None)
def test_random_matrices_equal_the_plain_oracle(rows, split, sign):
    weights = np.array(rows)
    weights = weights if sign == 0 else sign * np.abs(weights)
    parts = (weights[:, :split], weights[:, split:])
    fitted = fit(parts)
    held, exponent = plain_netx.fit([part.tolist() for part in parts])
    assert [part.tolist() for part in fitted.parts] == held
    assert fitted.exponent == exponent


@given(st.lists(st.integers(-127, 127), min_size=2, max_size=20))
def test_small_mixed_weights_are_exact(row):
    weights = np.array([[*row, -5, 5]])
    fitted = fit((weights,))
    np.testing.assert_array_equal(fitted.parts[0] * 2.0**fitted.exponent, weights)
    assert fitted.changed == 0
