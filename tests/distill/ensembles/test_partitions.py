"""Partitions of features: what holds of all, and what each is for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.distill.ensembles.partitions import PARTITIONS, Features, partition
from snn2chip.errors import ConfigError

NAMES = tuple(PARTITIONS)
BALANCED = ("random", "contiguous", "correlation", "anti_correlation")


def features(seed: int, samples: int = 40, count: int = 12, classes: int = 5) -> Features:
    rng = np.random.default_rng(seed)
    values = np.maximum(rng.normal(0.2, 1.0, (samples, count)), 0.0)
    return Features(values, rng.normal(size=(classes, count)))


def blocks(seed: int = 0) -> tuple[Features, Any]:
    """Features of three groups; those of a group do nearly the same, in a shuffled order."""
    rng = np.random.default_rng(seed)
    owner = rng.permutation(np.repeat(np.arange(3), 4))
    causes = np.maximum(rng.normal(size=(300, 3)), 0.0)
    return Features(causes[:, owner] * rng.uniform(1, 2, 12), rng.normal(size=(5, 12))), owner


@given(st.sampled_from(NAMES), st.integers(1, 12), st.integers(0, 50))
@settings(max_examples=80, deadline=None)
def test_parts_hold_every_feature_once_and_are_not_empty(
    name: str, members: int, seed: int
) -> None:
    parts = partition(name, features(seed), members, seed)
    assert len(parts) == members
    assert sorted(np.concatenate(parts).tolist()) == list(range(12))
    assert all(part.size and (np.diff(part) > 0).all() for part in parts)
    again = partition(name, features(seed), members, seed)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))


@given(st.sampled_from(BALANCED), st.integers(1, 12))
@settings(max_examples=30, deadline=None)
def test_equal_parts_differ_by_one_feature_at_most(name: str, members: int) -> None:
    sizes = [part.size for part in partition(name, features(3), members, 0)]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("name", ["correlation", "co_activation"])
@pytest.mark.parametrize("seed", range(3))
def test_features_that_go_together_stay_together(name: str, seed: int) -> None:
    known, owner = blocks(seed)
    parts = partition(name, known, 3, 0)
    assert sorted(tuple(np.unique(owner[part])) for part in parts) == [(0,), (1,), (2,)]


def test_features_that_go_together_are_dealt_apart() -> None:
    known, owner = blocks()
    parts = partition("anti_correlation", known, 4, 0)
    assert all(np.unique(owner[part]).tolist() == [0, 1, 2] for part in parts)


def test_contribution_is_weight_times_mean_by_class_group() -> None:
    known = features(5, classes=6)
    parts = partition("class_contribution", known, 3, 0)
    for feature in range(12):
        mean = sum(known.values[:, feature]) / len(known.values)
        scores = [known.weight[c, feature] * mean for c in range(6)]
        group = scores.index(max(scores)) // 2
        assert feature in parts[group]


def test_random_parts_follow_the_seed() -> None:
    known = features(1)
    one, other = (partition("random", known, 3, seed) for seed in (0, 1))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", ["correlation", "anti_correlation", "co_activation"])
def test_the_order_of_samples_does_not_matter(name: str) -> None:
    known, _ = blocks(1)
    turned = Features(known.values[::-1].copy(), known.weight)
    for a, b in zip(partition(name, known, 3, 0), partition(name, turned, 3, 0), strict=True):
        np.testing.assert_array_equal(a, b)


def test_constant_features_break_nothing() -> None:
    known = Features(np.zeros((10, 8)), np.zeros((3, 8)))
    for name in NAMES:
        assert sum(part.size for part in partition(name, known, 4, 0)) == 8


def test_more_members_than_features_are_refused() -> None:
    with pytest.raises(ConfigError, match="13 members of 12 features"):
        partition("random", features(0), 13, 0)
