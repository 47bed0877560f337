"""Divergences against plain numpy, and what they must do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="losses are functions of tensors")

from snn2chip.distill.losses.divergence import (  # noqa: E402
    head_of,
    head_tail_divergence,
    logit_distance,
    soft_divergence,
)
from snn2chip.distill.losses.temporal import step_cross_entropy, step_entropy  # noqa: E402

SIZES = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(2, 7))
SEEDS = st.integers(0, 2**32 - 1)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def kl(p: np.ndarray, q: np.ndarray) -> float:
    return float(np.sum(p * (np.log(p) - np.log(q))))


def logits(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 2.0, shape)


@given(sizes=SIZES, seed=SEEDS, t_t=st.floats(0.5, 8.0), t_s=st.floats(0.5, 8.0))
@settings(max_examples=40, deadline=None)
def test_soft_divergence_is_that_of_numpy(sizes, seed, t_t, t_s) -> None:
    steps, samples, classes = sizes
    teacher, student = logits(seed, samples, classes), logits(seed + 1, steps, samples, classes)
    expected = np.mean(
        [
            kl(softmax(teacher[b] / t_t), softmax(student[t, b] / t_s))
            for t in range(steps)
            for b in range(samples)
        ]
    )
    found = soft_divergence(torch.tensor(teacher), torch.tensor(student), t_t, t_s)
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_optimum_scales_the_students_logits_by_the_temperatures() -> None:
    """At z_s / T_s = z_t / T_t + c the divergence is 0: why a low T_s makes quiet students."""
    teacher = torch.tensor(logits(3, 4, 10))
    student = teacher * (1.0 / 4.0) + 0.7
    assert float(soft_divergence(teacher, student, 4.0, 1.0)) == pytest.approx(0.0, abs=1e-12)
    assert float(soft_divergence(teacher, student, 4.0, 4.0)) > 1e-3


def test_logit_distance_is_a_mean_over_everything() -> None:
    teacher, student = logits(5, 3, 4), logits(6, 2, 3, 4)
    found = logit_distance(torch.tensor(teacher), torch.tensor(student))
    assert float(found) == pytest.approx(np.mean((student - teacher) ** 2), rel=1e-12)


@pytest.mark.parametrize(
    ("p", "mass", "head"),
    [
        ([0.6, 0.3, 0.1], 0.5, [1, 0, 0]),
        ([0.1, 0.3, 0.6], 0.7, [0, 1, 1]),
        ([0.25, 0.25, 0.25, 0.25], 0.5, [1, 1, 0, 0]),
        ([0.25, 0.25, 0.25, 0.25], 0.51, [1, 1, 1, 0]),
        ([0.0, 1.0, 0.0], 0.99, [0, 1, 0]),
    ],
)
def test_the_head_holds_its_mass_with_as_few_classes_as_can(p, mass, head) -> None:
    assert head_of(torch.tensor(p), mass).int().tolist() == head


def head_tail_by_hand(teacher: np.ndarray, student: np.ndarray, tau: float, mass: float) -> float:
    p, q = softmax(teacher / tau), softmax(student / tau)
    head, held = [], 0.0
    for index in sorted(range(len(p)), key=lambda c: (-p[c], c)):
        if held >= mass:
            break
        head.append(index)
        held += p[index]
    gap_head = sum(abs(p[c] - q[c]) for c in head)
    gap_tail = sum(abs(p[c] - q[c]) for c in range(len(p)) if c not in head)
    total = gap_head + gap_tail
    return gap_head / total * kl(p, q) + gap_tail / total * kl(q, p)


@given(sizes=SIZES, seed=SEEDS, tau=st.floats(0.5, 6.0), mass=st.floats(0.05, 0.95))
@settings(max_examples=60, deadline=None)
def test_head_tail_is_that_of_plain_python(sizes, seed, tau, mass) -> None:
    steps, samples, classes = sizes
    teacher, student = logits(seed, samples, classes), logits(seed + 1, steps, samples, classes)
    expected = np.mean(
        [
            head_tail_by_hand(teacher[b], student[t, b], tau, mass)
            for t in range(steps)
            for b in range(samples)
        ]
    )
    found = head_tail_divergence(torch.tensor(teacher), torch.tensor(student), tau, mass)
    assert float(found) == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_head_tail_is_zero_at_the_teacher_and_its_gradient_is_finite() -> None:
    teacher = torch.tensor(logits(1, 3, 5))
    student = teacher.clone().requires_grad_()
    loss = head_tail_divergence(teacher, student, 2.0, 0.5)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-12)
    assert student.grad is not None
    assert float(student.grad.abs().max()) < 1e-9


def test_head_tail_sends_no_gradient_through_its_weights() -> None:
    """The gradient is that of the two divergences with the weights held still."""
    teacher, student = torch.tensor(logits(1, 1, 4)), torch.tensor(logits(2, 1, 4))
    p, q = softmax(teacher.numpy()[0]), softmax(student.numpy()[0])
    gaps = np.abs(p - q)
    head = head_of(torch.tensor(p), 0.5).numpy()
    share = gaps[head].sum() / gaps.sum()
    student.requires_grad_()
    head_tail_divergence(teacher, student, 1.0, 0.5).backward()
    forward = q - p
    reverse = q * (np.log(q / p) - kl(q, p))
    expected = share * forward + (1.0 - share) * reverse
    np.testing.assert_allclose(student.grad.numpy()[0], expected, rtol=1e-9, atol=1e-12)


@given(sizes=SIZES, seed=SEEDS, tau=st.floats(0.5, 6.0))
@settings(max_examples=40, deadline=None)
def test_losses_of_every_step_are_those_of_numpy(sizes, seed, tau) -> None:
    steps, samples, classes = sizes
    z = logits(seed, steps, samples, classes)
    y = np.random.default_rng(seed).integers(0, classes, samples)
    p = softmax(z / tau)
    picked = [-np.log(p[t, b, y[b]]) for t in range(steps) for b in range(samples)]
    entropy = [-np.sum(p[t, b] * np.log(p[t, b])) for t in range(steps) for b in range(samples)]
    tensor = torch.tensor(z)
    found = step_cross_entropy(tensor, torch.tensor(y), tau)
    assert float(found) == pytest.approx(np.mean(picked), rel=1e-9)
    assert float(step_entropy(tensor, tau)) == pytest.approx(np.mean(entropy), rel=1e-9)


def test_entropy_is_greatest_where_all_classes_are_equal() -> None:
    assert float(step_entropy(torch.zeros(2, 3, 8))) == pytest.approx(np.log(8.0), rel=1e-6)
