"""Intervals beside slow resampling, scipy, and what must hold whatever the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import stats

from snn2chip.errors import ConfigError
from snn2chip.study.answer import statistics
from snn2chip.study.answer.statistics import mean_interval, paired_difference, paired_saving


def slow_bootstrap(
    a: NDArray[Any], b: NDArray[Any], resamples: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means of a and of b over seeds and samples drawn one by one."""
    rng = np.random.default_rng(seed)
    seeds, samples = a.shape
    found = []
    for _ in range(resamples):
        rows, columns = rng.integers(seeds, size=seeds), rng.integers(samples, size=samples)
        at = np.ix_(rows, columns)
        found.append((a[at].mean(), b[at].mean()))
    means = np.array(found)
    return means[:, 0], means[:, 1]


def correct(rate: float, shape: tuple[int, int], seed: int) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random(shape) < rate


PAIRS = st.tuples(st.integers(1, 5), st.integers(1, 40)).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_the_difference_is_distributed_as_slow_resampling_says(seeds: int) -> None:
    a, b = correct(0.95, (seeds, 400), 1), correct(0.9, (seeds, 400), 2)
    ours, theirs = slow_bootstrap(a, b, 6000, seed=3)
    found = paired_difference(a, b, resamples=60_000)
    low, high = np.quantile(ours - theirs, (0.025, 0.975))
    width = high - low
    assert found.value == pytest.approx(a.mean() - b.mean(), abs=1e-15)
    assert found.low == pytest.approx(low, abs=0.06 * width)
    assert found.high == pytest.approx(high, abs=0.06 * width)


def test_one_seed_is_what_scipy_bootstraps() -> None:
    a, b = correct(0.97, (1, 1000), 4), correct(0.94, (1, 1000), 5)
    delta = a[0].astype(float) - b[0]
    theirs = stats.bootstrap(
        (delta,), np.mean, n_resamples=9999, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    found = paired_difference(a, b)
    assert found.low == pytest.approx(theirs.low, abs=0.0015)
    assert found.high == pytest.approx(theirs.high, abs=0.0015)


def test_a_saving_is_distributed_as_slow_resampling_says() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.poisson(40, (3, 200)), rng.poisson(100, (3, 200))
    ours, theirs = slow_bootstrap(a, b, 6000, seed=7)
    found = paired_saving(a, b, resamples=6000)
    low, high = np.quantile(1 - ours / theirs, (0.025, 0.975))
    assert found.value == pytest.approx(1 - a.mean() / b.mean())
    assert found.low == pytest.approx(low, abs=0.1 * (high - low))
    assert found.high == pytest.approx(high, abs=0.1 * (high - low))


def test_a_saving_drawn_in_parts_is_the_same_estimate() -> None:
    rng = np.random.default_rng(8)
    a, b = rng.poisson(40, (2, 9000)), rng.poisson(50, (2, 9000))
    found = paired_saving(a, b, resamples=1000)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.05


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(9)
    covered = []
    for trial in range(200):
        a, b = rng.random((5, 300)) < 0.9, rng.random((5, 300)) < 0.85
        found = paired_difference(a, b, resamples=1000, seed=trial)
        assert found.low is not None
        assert found.high is not None
        covered.append(found.low <= 0.05 <= found.high)
    assert np.mean(covered) >= 0.9


def test_mean_interval_is_scipys() -> None:
    values = [0.981, 0.979, 0.984, 0.98, 0.983]
    found = mean_interval(values)
    theirs = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert found.value == pytest.approx(np.mean(values))
    assert found.seeds == 5


def test_a_single_seed_has_no_interval_and_proves_nothing() -> None:
    found = mean_interval([0.98])
    assert (found.value, found.low, found.high) == (0.98, None, None)
    assert not found.no_less(1.0)


def test_no_less_is_a_lower_bound_above_the_margin() -> None:
    same = np.ones((3, 50), np.bool_)
    found = paired_difference(same, same)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    assert found.no_less(0.002)
    assert not found.no_less(0.0)


@settings(max_examples=60, deadline=None)
@given(PAIRS, st.integers(0, 2**32 - 1))
def test_what_must_hold_of_any_difference(
    pair: tuple[NDArray[np.bool_], NDArray[np.bool_]], seed: int
) -> None:
    a, b = pair
    found = paired_difference(a, b, resamples=300, seed=seed)
    again = paired_difference(a, b, resamples=300, seed=seed)
    assert found == again
    assert found.low is not None
    assert found.high is not None
    assert -1.0 <= found.low <= found.high <= 1.0
    assert found.value == pytest.approx(float(a.mean() - b.mean()), abs=1e-12)
    delta = a.astype(int) - b
    if (delta == delta[0, 0]).all():
        assert found.low == found.high == delta[0, 0]


@settings(max_examples=40, deadline=None)
@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_samples_changes_nothing(
    pair: tuple[NDArray[np.bool_], NDArray[np.bool_]], random: Any
) -> None:
    a, b = pair
    order = list(range(a.shape[1]))
    random.shuffle(order)
    assert paired_difference(a[:, order], b[:, order], resamples=100) == paired_difference(
        a, b, resamples=100
    )


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(np.int64, (3, 17), elements=st.integers(1, 1000)), st.sampled_from([2, 4, 0.5, 8])
)
def test_costs_in_another_unit_save_the_same_share(costs: NDArray[np.int64], unit: float) -> None:
    other = costs[::-1]
    found = paired_saving(costs, other, resamples=50)
    scaled = paired_saving(costs * unit, other * unit, resamples=50)
    assert scaled.value == pytest.approx(found.value, abs=1e-12)
    assert scaled.low == pytest.approx(found.low, abs=1e-12)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones((2, 3)), np.ones((3, 3))),
        (np.ones(3), np.ones(3)),
        (np.ones((0, 3)), np.ones((0, 3))),
        (np.full((1, 3), 2), np.ones((1, 3))),
        (np.full((1, 3), np.nan), np.ones((1, 3))),
    ],
)
def test_what_is_no_pair_is_refused(a: NDArray[Any], b: NDArray[Any]) -> None:
    with pytest.raises(ConfigError):
        paired_difference(a, b)


def test_wrong_levels_costs_and_numbers_are_refused() -> None:
    ones = np.ones((2, 3))
    for wrong in (0.0, 1.0, float("nan")):
        with pytest.raises(ConfigError, match="level"):
            paired_difference(ones, ones, level=wrong)
    with pytest.raises(ConfigError, match="resamples"):
        paired_difference(ones, ones, resamples=0)
    with pytest.raises(ConfigError, match="resamples"):
        paired_saving(ones, ones, resamples=0)
    with pytest.raises(ConfigError, match="no seeds"):
        mean_interval([])
    with pytest.raises(ConfigError, match="costs of samples"):
        paired_saving(-ones, ones)
    with pytest.raises(ConfigError, match="against nothing"):
        paired_saving(ones, 0 * ones)


def test_many_resamples_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 2, (2, 4, 300))
    whole = statistics.paired_difference(a, b, resamples=4000)
    monkeypatch.setattr(statistics, "_COUNTED", 5000)
    parts = statistics.paired_difference(a, b, resamples=4000)
    assert parts.value == whole.value
    assert parts.low == pytest.approx(whole.low, abs=0.004)
    assert parts.high == pytest.approx(whole.high, abs=0.004)
    assert parts != whole
