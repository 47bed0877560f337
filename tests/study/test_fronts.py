"""Fronts and volumes beside definitions that are counted out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from snn2chip.errors import ConfigError
from snn2chip.study.answer.fronts import front, hypervolume

SIDE = 6


def points(objectives: int) -> st.SearchStrategy[NDArray[np.int64]]:
    """Up to 12 points on a small grid, where ties are common."""
    return st.integers(0, 12).flatmap(
        lambda n: hnp.arrays(np.int64, (n, objectives), elements=st.integers(0, SIDE + 1))
    )


def slow_front(costs: NDArray[np.int64]) -> list[bool]:
    def dominated(p: NDArray[np.int64]) -> bool:
        return any((q <= p).all() and (q < p).any() for q in costs)

    return [not dominated(p) for p in costs]


def cells(costs: NDArray[np.int64]) -> int:
    """Unit cells of the box [0, SIDE)^d whose lower corner some point is at or below."""
    corners = product(range(SIDE), repeat=costs.shape[1])
    return sum(bool(any((p <= corner).all() for p in costs)) for corner in corners)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([1, 2, 3]).flatmap(points))
def test_the_front_is_what_nothing_dominates(costs: NDArray[np.int64]) -> None:
    assert front(costs).tolist() == slow_front(costs)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([2, 3]).flatmap(points))
def test_the_volume_is_the_number_of_cells_on_a_grid(costs: NDArray[np.int64]) -> None:
    inside = costs[(costs < SIDE).all(axis=1)]
    assert hypervolume(costs, [SIDE] * costs.shape[1]) == cells(inside)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([2, 3]).flatmap(points), st.randoms(use_true_random=False))
def test_what_must_hold_of_any_volume(costs: NDArray[np.int64], random: object) -> None:
    reference = [SIDE] * costs.shape[1]
    whole = hypervolume(costs, reference)
    assert hypervolume(costs[front(costs)], reference) == whole
    assert hypervolume(np.concatenate([costs, costs]), reference) == whole
    assert hypervolume(costs[::-1], reference) == whole
    assert hypervolume(costs * 4, [SIDE * 4] * costs.shape[1]) == whole * 4 ** costs.shape[1]
    assert hypervolume(costs[1:], reference) <= whole


def test_a_third_objective_that_all_share_is_a_factor() -> None:
    flat = np.array([[1.0, 3.0], [2.0, 1.0], [0.5, 4.0]])
    deep = np.column_stack([flat, np.full(3, 2.0)])
    area = hypervolume(flat, [5.0, 5.0])
    assert hypervolume(deep, [5.0, 5.0, 9.0]) == pytest.approx(7.0 * area)


@pytest.mark.parametrize("objectives", [2, 3])
def test_optuna_computes_the_same_volume(objectives: int) -> None:
    wfg = pytest.importorskip("optuna._hypervolume")
    costs = np.random.default_rng(objectives).random((40, objectives))
    inside = costs[(costs < 0.9).all(axis=1)]
    theirs = wfg.compute_hypervolume(inside, np.full(objectives, 0.9))
    assert hypervolume(costs, [0.9] * objectives) == pytest.approx(theirs)


def test_many_points_are_compared_in_parts() -> None:
    x = np.linspace(0.0, 1.0, 1500)
    circle = np.column_stack([x, 1.0 - np.sqrt(1.0 - (1.0 - x) ** 2)])
    costs = np.concatenate([circle, circle + 0.01])
    assert front(costs).sum() >= 1500
    assert hypervolume(circle, [1.0, 1.0]) == pytest.approx(np.pi / 4, abs=1e-3)


def test_equal_points_are_on_the_front_together() -> None:
    assert front([[1, 2], [1, 2], [2, 1], [2, 2]]).tolist() == [True, True, True, False]


def test_points_at_or_beyond_the_reference_add_nothing() -> None:
    assert hypervolume([[1.0, 5.0], [5.0, 1.0], [7.0, 0.0]], [5.0, 5.0]) == 0.0
    assert hypervolume(np.empty((0, 2)), [1.0, 1.0]) == 0.0


@pytest.mark.parametrize(
    ("costs", "reference"),
    [
        ([1.0, 2.0], [3.0, 3.0]),
        ([[1.0]], [3.0]),
        ([[1.0, 2.0, 3.0, 4.0]], [5.0] * 4),
        ([[1.0, 2.0]], [3.0]),
        ([[np.nan, 2.0]], [3.0, 3.0]),
        ([[1.0, 2.0]], [np.inf, 3.0]),
    ],
)
def test_what_has_no_volume_is_refused(costs: list[list[float]], reference: list[float]) -> None:
    with pytest.raises(ConfigError):
        hypervolume(costs, reference)
