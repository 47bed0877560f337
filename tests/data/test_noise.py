"""Noise on samples and spikes: what it does, and that a sample's noise is its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.data.noise import KINDS, STRENGTHS, drop_events, noisy
from snn2chip.errors import ConfigError

ON_VALUES = [kind for kind in KINDS if kind != "dropped_events"]
X = np.random.default_rng(0).random((4, 3, 9, 8))


@pytest.mark.parametrize("kind", ON_VALUES)
def test_values_change_and_stay_in_their_range(kind):
    changed = noisy(X, kind, STRENGTHS[kind][1])
    assert changed.shape == X.shape
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert (changed != X).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("kind", ON_VALUES)
@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(4)), seed=st.integers(0, 2**32 - 1))
def test_a_sample_has_the_same_noise_in_every_batch(kind, order, seed):
    index = np.array(order)
    whole = noisy(X, kind, 0.3, seed)
    np.testing.assert_array_equal(noisy(X[index], kind, 0.3, seed, index), whole[index])
    np.testing.assert_array_equal(noisy(X[2:3], kind, 0.3, seed, np.array([2])), whole[2:3])


@pytest.mark.parametrize("kind", ["gaussian", "salt_and_pepper"])
def test_another_seed_or_sample_draws_anew(kind):
    same = np.repeat(X[:1], 2, axis=0)
    one, other = noisy(same, kind, 0.3)
    assert (one != other).any()
    assert (noisy(same, kind, 0.3, seed=1)[0] != one).any()


@pytest.mark.parametrize("kind", KINDS)
def test_no_strength_is_no_noise(kind):
    np.testing.assert_array_equal(noisy(X, kind, 0.0), X)


def test_gaussian_has_its_deviation():
    grey = np.full((3, 1, 80, 80), 0.5)
    difference = noisy(grey, "gaussian", 0.1) - grey
    assert difference.std() == pytest.approx(0.1, rel=0.03)
    assert abs(difference.mean()) < 0.003


def test_salt_and_pepper_hits_a_share_in_all_channels():
    grey = np.full((2, 3, 100, 100), 0.5)
    changed = noisy(grey, "salt_and_pepper", 0.2)
    assert set(np.unique(changed)) == {0.0, 0.5, 1.0}
    assert (changed[:, 0] == changed[:, 1]).all()
    assert (changed != 0.5).mean() == pytest.approx(0.2, abs=0.015)
    assert (changed == 1.0).sum() == pytest.approx((changed == 0.0).sum(), rel=0.15)


def test_blur_spreads_a_point_as_a_gaussian_and_keeps_channels_apart():
    point = np.zeros((1, 2, 21, 21))
    point[0, 0, 10, 10] = 1.0
    changed = noisy(point, "blur", 1.5)[0]
    assert changed[1].max() == 0
    ratio = changed[0, 10, 11] / changed[0, 10, 10]
    assert ratio == pytest.approx(np.exp(-1 / (2 * 1.5**2)), rel=1e-6)
    assert changed[0].sum() == pytest.approx(1.0)


def test_contrast_moves_towards_the_mean():
    changed = noisy(X, "contrast", 0.75)
    for sample, found in zip(X, changed, strict=True):
        np.testing.assert_allclose(found, sample.mean() + 0.25 * (sample - sample.mean()))


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 1), st.integers(0, 1000))
def test_dropped_events_only_remove_spikes_sample_by_sample(share, seed):
    spikes = np.random.default_rng(1).random((5, 3, 40)) < 0.5
    kept = drop_events(spikes, share, seed)
    assert not (kept & ~spikes).any()
    alone = drop_events(spikes[:, 1:2], share, seed, np.array([1]))
    np.testing.assert_array_equal(alone[:, 0], kept[:, 1])


def test_a_share_of_the_events_is_dropped():
    spikes = np.ones((10, 2, 2000), np.float32)
    kept = drop_events(spikes, 0.3)
    assert kept.dtype == np.float32
    assert kept.mean() == pytest.approx(0.7, abs=0.01)
    assert (spikes == 1).all(), "the spikes that were given stay"
    assert drop_events(spikes, 1.0).sum() == 0


@pytest.mark.parametrize(
    ("kind", "strength"),
    [("gausian", 0.1), ("blur", -1.0), ("contrast", 1.5), ("gaussian", float("nan"))],
)
def test_senseless_noise_is_refused(kind, strength):
    with pytest.raises(ConfigError) as caught:
        noisy(X, kind, strength)
    assert kind in caught.value.what
