"""Methods: their losses are those of the formulas, and their names are checked when read."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.distill.methods import METHODS, PENALTIES, method_from_table, name_of  # noqa: E402
from snn2chip.distill.methods.base import Signals  # noqa: E402
from snn2chip.distill.methods.penalties.rate import RatePenalty  # noqa: E402
from snn2chip.distill.methods.response import ResponseDistillation  # noqa: E402
from snn2chip.distill.teachers.base import TeacherSignals  # noqa: E402
from snn2chip.errors import ConfigError  # noqa: E402


def log_softmax(z: np.ndarray) -> np.ndarray:
    return z - z.max(1, keepdims=True) - np.log(np.exp(z - z.max(1, keepdims=True)).sum(1))[:, None]


@pytest.fixture
def signals():
    generator = torch.Generator().manual_seed(3)
    output = (torch.rand(6, 9, 4, generator=generator) > 0.6).float()
    hidden = (torch.rand(6, 9, 7, generator=generator) > 0.8).float()
    return Signals(
        scores=output.sum(0),
        logits=output * 6,
        output=output,
        drive=torch.randn(6, 9, 4, generator=generator),
        spikes={"input": torch.ones(6, 9, 3), "hidden1": hidden, "out": output},
        taps={},
        y=torch.arange(9) % 4,
        teacher=TeacherSignals(7.0 * torch.randn(9, 4, generator=generator)),
        epoch=0,
        epochs=2,
        stage="train",
        generator=generator,
    )


def total(terms) -> float:
    return float(sum(term.weight * term.value for term in terms.values()))


@pytest.mark.parametrize(("t_t", "t_s"), [(4.0, None), (4.0, 1.0), (2.0, 0.5)])
def test_response_distillation_is_its_formula(signals, t_t, t_s) -> None:
    loss = total(ResponseDistillation(t_t, t_s, alpha=0.7).objective(None)(signals))
    z_s, z_t = signals.scores.numpy(), signals.teacher.logits.numpy()
    own = t_t if t_s is None else t_s
    ce = -log_softmax(z_s)[np.arange(9), signals.y.numpy()].mean()
    p, q = log_softmax(z_t / t_t), log_softmax(z_s / own)
    kl = (np.exp(p) * (p - q)).sum(1).mean()
    assert loss == pytest.approx(0.3 * ce + 0.7 * t_t * own * kl, rel=1e-5)


def test_the_divergence_is_least_where_logits_follow_the_temperatures(signals) -> None:
    """At z_s = (T_s / T_t) z_t + c the student says what the teacher says."""
    from snn2chip.distill.losses.divergence import soft_divergence

    z_t = signals.teacher.logits
    assert float(soft_divergence(z_t, z_t / 4.0 + 3.0, 4.0, 1.0)) == pytest.approx(0.0, abs=1e-6)
    assert float(soft_divergence(z_t, z_t, 4.0, 1.0)) > 0.01


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("output", [True, False])
def test_the_rate_penalty_by_hand(signals, power, output) -> None:
    names = ["hidden1", "out"] if output else ["hidden1"]
    expected = sum(float((signals.spikes[n].numpy().mean(0) ** power).mean()) for n in names)
    found = total(RatePenalty(0.5, power, output).objective(None)(signals))
    assert found == pytest.approx(0.5 * expected, rel=1e-6)


def test_every_name_leads_to_a_class_that_knows_its_name() -> None:
    from importlib import import_module

    for table in (METHODS, PENALTIES):
        for name, entry in table.items():
            module, kind = entry.split(":")
            found = getattr(import_module(f"snn2chip.distill.methods.{module}"), kind)
            assert name_of(found) == name


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"name": "kdd"}, ["method.name", "kd"]),
        ({}, ["method.name"]),
        ({"name": "kd", "temprature_student": 1}, ["temprature_student", "temperature_student"]),
        ({"name": "kd", "temperature_student": 0}, ["temperature_student"]),
        ({"name": "kd", "alpha": 1.5}, ["alpha"]),
        (3, ["method"]),
    ],
)
def test_a_method_that_is_none_is_told(table, words) -> None:
    with pytest.raises(ConfigError) as caught:
        method_from_table(table, "mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    for word in words:
        assert word in str(caught.value)


def test_a_method_that_needs_a_teacher_says_so(tiny_recipe) -> None:
    with pytest.raises(ConfigError, match=r"without a teacher"):
        tiny_recipe("mlp", method={"name": "kd"})
