"""Feature losses: margins in closed form, partial distances, attention maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import truncnorm

torch = pytest.importorskip("torch", reason="losses are functions of tensors")

from snn2chip.distill.losses.attention import attention_distance, attention_map  # noqa: E402
from snn2chip.distill.losses.features import (  # noqa: E402
    gaussian_margin,
    layer_weights,
    margin_relu,
    measured_margin,
    partial_distance,
)

SEEDS = st.integers(0, 2**32 - 1)


@given(mean=st.floats(-4.0, 2.5), std=st.floats(0.9, 3.0), sign=st.sampled_from([-1.0, 1.0]))
@settings(max_examples=60, deadline=None)
def test_the_margin_is_the_mean_of_a_truncated_normal(mean, std, sign) -> None:
    expected = truncnorm.mean(-np.inf, (0.0 - mean) / std, loc=mean, scale=std)
    found = gaussian_margin(torch.tensor([mean]), torch.tensor([sign * std]))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_margins_where_negative_values_are_rare_or_all_values_equal() -> None:
    mean, std = torch.tensor([10.0, -2.0, 2.0]), torch.tensor([1.0, 0.0, 0.0])
    assert gaussian_margin(mean, std).tolist() == [-3.0, -2.0, 0.0]


def test_a_measured_margin_is_close_to_that_of_its_distribution() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(4000, 2, 5, generator=generator) * 2.0 + torch.tensor([[[0.5], [-1.0]]])
    expected = gaussian_margin(torch.tensor([0.5, -1.0]), torch.tensor([2.0, 2.0]))
    torch.testing.assert_close(measured_margin(values), expected, rtol=0.03, atol=0.0)
    assert measured_margin(torch.ones(3, 2)).tolist() == [0.0, 0.0]


@given(seed=SEEDS, samples=st.integers(1, 4), channels=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_the_partial_distance_is_that_of_plain_python(seed, samples, channels) -> None:
    random = np.random.default_rng(seed)
    t, s = (random.normal(0, 1, (samples, channels, 2, 2)) for _ in range(2))
    m = -np.abs(random.normal(0, 1, channels))
    total = 0.0
    for b, c, i, j in np.ndindex(t.shape):
        target = max(t[b, c, i, j], m[c])
        if s[b, c, i, j] <= target <= 0.0:
            continue
        total += (s[b, c, i, j] - target) ** 2
    found = partial_distance(margin_relu(torch.tensor(t), torch.tensor(m)), torch.tensor(s))
    assert float(found) == pytest.approx(total / samples, rel=1e-9, abs=1e-12)


def test_a_student_below_a_silent_teacher_feels_nothing() -> None:
    teacher = torch.tensor([[-0.5, -0.5, 0.5]])
    student = torch.tensor([[-0.7, -0.3, 0.2]], requires_grad=True)
    partial_distance(teacher, student).backward()
    torch.testing.assert_close(student.grad, torch.tensor([[0.0, 0.4, -0.6]]))


def test_margins_apply_to_their_channel() -> None:
    values = torch.full((1, 2, 1, 2), -9.0)
    assert margin_relu(values, torch.tensor([-1.0, -2.0])).tolist() == [
        [[[-1.0, -1.0]], [[-2.0, -2.0]]]
    ]


def test_later_layers_weigh_more() -> None:
    assert layer_weights(3) == [0.25, 0.5, 1.0]


@given(seed=SEEDS, channels=st.integers(1, 4), side=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_attention_is_that_of_plain_numpy(seed, channels, side) -> None:
    random = np.random.default_rng(seed)
    t = random.normal(0, 1, (3, channels, side, side))
    s = random.random((3, channels + 1, side, side))

    def of(f: np.ndarray) -> np.ndarray:
        q = np.array([np.mean(x**2, axis=0).reshape(-1) for x in f])
        return q / np.linalg.norm(q, axis=1, keepdims=True)

    expected = np.sum((of(s) - of(t)) ** 2) / 3.0
    found = attention_distance(torch.tensor(t), torch.tensor(s))
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_attention_ignores_scale_and_the_order_of_channels() -> None:
    f = torch.rand(2, 5, 4, 4, generator=torch.Generator().manual_seed(2)).double()
    shuffled = 7.0 * f[:, torch.tensor([3, 1, 4, 0, 2])]
    torch.testing.assert_close(attention_map(f), attention_map(shuffled))
    assert float(attention_distance(f, shuffled)) == pytest.approx(0.0, abs=1e-15)


def test_maps_of_other_sizes_are_averaged_to_the_smaller() -> None:
    fine = torch.rand(2, 3, 4, 6, generator=torch.Generator().manual_seed(3)).double()
    blocks = (fine**2).mean(1).reshape(2, 2, 2, 3, 2).mean((2, 4)).flatten(1)
    expected = blocks / blocks.norm(dim=1, keepdim=True)
    torch.testing.assert_close(attention_map(fine, (2, 3)), expected)
    coarse = torch.rand(2, 1, 2, 3, generator=torch.Generator().manual_seed(4)).double()
    one_way = attention_distance(fine, coarse)
    torch.testing.assert_close(one_way, attention_distance(coarse, fine))


def test_a_layer_without_places_has_a_map_over_its_units() -> None:
    values = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    expected = [[1.0 / 17.0**0.5, 4.0 / 17.0**0.5, 0.0], [0.0, 0.0, 0.0]]
    torch.testing.assert_close(attention_map(values), torch.tensor(expected))
