"""Percentiles and least squared errors against plain loops over every weight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snn2chip.graph import Conv, Dense
from snn2chip.graph.operators import identity, with_weights
from snn2chip.quantize import (
    ERROR_CANDIDATES,
    StoredWeights,
    least_errors,
    percentile_multipliers,
    round_weights,
    squared_errors,
)

WEIGHTS = hnp.arrays(np.float64, (4, 6), elements=st.floats(-8, 8))


def dense(weights, stored=None, groups=1, source="in"):
    targets, sources = weights.shape
    operator = Dense(weights, (sources,), (targets,))
    return StoredWeights(source, operator, weights if stored is None else stored, groups)


@given(WEIGHTS, st.floats(0.1, 100), st.sampled_from([1, 2, 4]))
def test_a_percentile_is_that_of_every_weight_into_a_group(weights, percentile, groups):
    found = percentile_multipliers([dense(weights, groups=groups)], percentile)
    for group, multiplier in zip(np.split(weights, groups), found, strict=True):
        sizes = sorted(abs(w) for w in group.ravel())
        place = (len(sizes) - 1) * percentile / 100
        low = int(place)
        high = min(low + 1, len(sizes) - 1)
        held = sizes[low] + (place - low) * (sizes[high] - sizes[low])
        expected = 1.0 if held == 0 else sizes[-1] / held
        assert multiplier == pytest.approx(expected, rel=1e-9)
        assert multiplier >= 1 - 1e-12


@given(WEIGHTS)
def test_the_hundredth_percentile_is_the_largest_weight(weights):
    assert percentile_multipliers([dense(weights)], 100).tolist() == [1.0]


def test_a_percentile_is_of_all_projections_together():
    one, other = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0, 10.0]])
    found = percentile_multipliers([dense(one), dense(other)], 50)
    assert found.tolist() == [10.0 / 3.0]


def test_mostly_zero_weights_keep_the_largest():
    assert percentile_multipliers([dense(np.diag([1.0, 2.0, 4.0]))], 50).tolist() == [1.0]


@given(WEIGHTS, WEIGHTS, st.integers(0, 2**31), st.sampled_from([1, 4]))
def test_errors_are_a_sum_over_weights_and_the_spikes_through_them(exact, stored, seed, groups):
    spikes = np.random.default_rng(seed).integers(0, 9, 6)
    found = squared_errors([dense(exact, stored, groups)], {"in": spikes})
    expected = np.zeros(groups)
    counted = spikes if spikes.any() else np.ones(6)
    for n in range(4):
        for j in range(6):
            expected[n * groups // 4] += counted[j] * (exact[n, j] - stored[n, j]) ** 2
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_unseen_sources_count_every_weight_once():
    weights, other = np.array([[1.0, 2.0]]), np.array([[1.5, 2.0]])
    for arriving in ({}, {"in": np.zeros(2, int)}, {"else": np.array([7, 7])}):
        assert squared_errors([dense(weights, other)], arriving).tolist() == [0.25]


@pytest.mark.parametrize("groups", [1, 2])
def test_a_kernel_counts_by_the_spikes_of_its_channels(groups):
    """Of a grouped convolution, each output channel sees its own group's channels only."""
    rng = np.random.default_rng(0)
    conv = Conv(
        rng.normal(size=(4, 4 // groups, 2, 2)), (4, 3, 3), (1, 1), ((0, 0),) * 2, (1, 1), groups
    )
    stored = conv.weight + rng.normal(size=conv.weight.shape)
    spikes = rng.integers(0, 5, (4, 3, 3))
    found = squared_errors([StoredWeights("in", conv, stored, 4)], {"in": spikes})
    for out in range(4):
        expected = 0.0
        for k in range(4 // groups):
            channel = out // (4 // groups) * (4 // groups) + k
            error = (conv.weight[out, k] - stored[out, k]) ** 2
            expected += spikes[channel].sum() * error.sum()
        assert found[out] == pytest.approx(expected)


def test_an_identity_counts_by_its_own_neuron():
    operator = identity((2, 2))
    stored = operator.scale + np.array([[1.0, 2.0], [3.0, 4.0]])
    weights = StoredWeights("in", operator, stored, 4)
    found = squared_errors([weights], {"in": np.array([[1, 0], [2, 3]])})
    assert found.tolist() == [1.0, 0.0, 18.0, 48.0]
    assert with_weights(operator, stored).source_shape == (2, 2)


@given(WEIGHTS, st.integers(2, 8))
def test_the_least_error_is_that_of_a_search_over_every_candidate(weights, bits):
    """By brute force: round at every multiplier, and take the smallest sum of squares."""
    largest = np.abs(weights).max()
    if largest == 0:
        return
    unit = 127 / largest
    errors, by_hand = [], []
    for candidate in ERROR_CANDIDATES:
        stored = round_weights(weights * unit * candidate, bits).weights / (unit * candidate)
        errors.append(squared_errors([dense(weights, stored)], {}))
        by_hand.append(sum((w - s) ** 2 for w, s in zip(weights.flat, stored.flat, strict=True)))
    (found,) = least_errors(ERROR_CANDIDATES, errors)
    np.testing.assert_allclose(np.concatenate(errors), by_hand, rtol=1e-9, atol=1e-15)
    assert errors[ERROR_CANDIDATES.index(found)][0] == min(e[0] for e in errors)


def test_groups_choose_for_themselves_and_the_first_of_equals_wins():
    errors = [np.array([3.0, 1.0, 2.0]), np.array([2.0, 1.0, 5.0])]
    assert least_errors([1.0, 0.5], errors).tolist() == [0.5, 1.0, 1.0]


def test_candidates_begin_at_the_largest_weight_and_span_four_octaves():
    assert ERROR_CANDIDATES[0] == 1.0
    assert (min(ERROR_CANDIDATES), max(ERROR_CANDIDATES)) == (0.5, 8.0)
    assert len(set(ERROR_CANDIDATES)) == len(ERROR_CANDIDATES) == 65
