"""Penalties on activity against sums over every neuron, step and sample."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="losses are functions of tensors")

from snn2chip.distill.losses.activity import (  # noqa: E402
    logits_penalty,
    rate_penalty,
    synaptic_events,
    target_distance,
)


@pytest.fixture
def spikes() -> dict[str, np.ndarray]:
    random = np.random.default_rng(4)
    return {
        "hidden1": (random.random((5, 3, 7)) < 0.4).astype(float),
        "hidden2": (random.random((5, 3, 2, 4, 4)) < 0.2).astype(float),
    }


def tensors(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(values) for name, values in arrays.items()}


@pytest.mark.parametrize("power", [1, 2])
def test_rates_by_numpy(spikes, power) -> None:
    expected = 0.0
    for values in spikes.values():
        rates = values.sum(0) / 5.0
        expected += float((rates**power).sum() / rates.size)
    found = rate_penalty(tensors(spikes), power)
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_squares_fall_on_the_busy_neurons() -> None:
    busy = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    shared = torch.tensor([[[1.0, 1.0]], [[0.0, 0.0]]])
    assert float(rate_penalty({"a": busy}, 1)) == float(rate_penalty({"a": shared}, 1)) == 0.5
    assert float(rate_penalty({"a": busy}, 2)) > float(rate_penalty({"a": shared}, 2))


def test_events_by_numpy(spikes) -> None:
    random = np.random.default_rng(5)
    fan_out = {name: random.integers(0, 9, s.shape[2:]) for name, s in spikes.items()}
    expected = 0.0
    for name, values in spikes.items():
        for t, b in np.ndindex(values.shape[:2]):
            expected += float((values[t, b] * fan_out[name]).sum()) / 3.0
    found = synaptic_events(tensors(spikes), tensors(fan_out))
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_the_target_is_where_the_distance_is_zero() -> None:
    assert float(target_distance(torch.tensor(50.0), 50.0)) == 0.0
    assert float(target_distance(torch.tensor(75.0), 50.0)) == 0.25
    assert float(target_distance(torch.tensor(25.0), 50.0)) == 0.25


def test_logits_by_numpy() -> None:
    z = np.random.default_rng(6).normal(0, 1, (4, 10))
    expected = np.mean([np.mean([v**2 for v in row]) for row in z])
    assert float(logits_penalty(torch.tensor(z))) == pytest.approx(expected, rel=1e-12)
