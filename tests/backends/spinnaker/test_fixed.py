"""Numbers of the firmware: its division, its exponential, and how the host rounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.backends.spinnaker.fixed import ONE, accum, divide, exp_accum, exp_fraction


def test_parameters_are_rounded_to_the_nearest_s16_15() -> None:
    assert accum([1.0, -65.0, 0.1, -0.1]).tolist() == [32768, -2129920, 3277, -3277]
    assert accum([0.5 / ONE, 1.5 / ONE]).tolist() == [0, 2]  # ties to even


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1).filter(bool))
def test_division_cuts_towards_zero(a: int, b: int) -> None:
    exact = abs(a) * ONE // abs(b)
    assert divide(a, b) == (-exact if (a < 0) != (b < 0) else exact)


@given(st.integers(-340_695, 0))
def test_the_exponential_is_within_one_unit(x: int) -> None:
    assert abs(int(exp_accum(x)) - math.exp(x / ONE) * ONE) <= 1.1


@given(st.integers(-340_695, -1))
def test_a_fraction_is_as_fine(x: int) -> None:
    assert abs(int(exp_fraction(x)) - math.exp(x / ONE) * 2**32) <= 2**14


def test_the_range_ends_where_the_library_says() -> None:
    assert exp_accum([0, -340_695, -340_696]).tolist() == [ONE, 1, 0]


def test_only_decays_are_asked_for() -> None:
    with pytest.raises(ValueError, match="x <= 0"):
        exp_accum(1)


def test_arrays_and_numbers_give_the_same() -> None:
    x = -np.arange(0, 340_000, 997)
    assert exp_accum(x).tolist() == [int(exp_accum(int(value))) for value in x]
