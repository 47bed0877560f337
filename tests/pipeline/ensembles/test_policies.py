"""Policies against plain loops over samples, and what must hold of all of them."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Raster
from snn2chip.errors import ConfigError
from snn2chip.graph import Ensemble, Member, Policy
from snn2chip.pipeline.ensembles.policies import (
    contributions,
    criteria,
    decide,
    gate_scores,
    parse_policy,
)

from .ensembles import ensemble, gate, logits

CLASSES = 3
ORDERS = st.permutations(range(3)).map(tuple)


def of(policy: Policy, order: tuple[int, ...] = (0, 1, 2)) -> Ensemble:
    """Three members; only their number, order and bias matter here."""
    made = ensemble(3, policy, order=order)
    object.__setattr__(made, "bias", np.array([0.5, 0.0, -0.25]))
    return made


def probabilities(row: list[float]) -> list[float]:
    powers = [exp(x - max(row)) for x in row]
    return [p / sum(powers) for p in powers]


def is_sure(kind: str, threshold: float, row: list[float]) -> bool:
    p = sorted(probabilities(row))
    if kind == "confidence":
        return p[-1] > threshold
    if kind == "margin":
        return p[-1] - p[-2] > threshold
    return -sum(x * log(x) for x in p if x > 0) / log(len(p)) < threshold


def plain(made: Ensemble, numbers: Any) -> tuple[list[list[int]], list[list[float]]]:
    """Members that ran for each sample, and its logits: one sample and one member at a time."""
    policy = made.policy
    ran, answers = [], []
    for sample in range(numbers.shape[1]):
        total, mine = list(made.bias), []
        for member in made.order[: policy.members]:
            mine.append(member)
            total = [a + b for a, b in zip(total, numbers[member][sample], strict=True)]
            if policy.kind != "budget" and is_sure(policy.kind, policy.threshold or 0.0, total):
                break
        ran.append(mine)
        answers.append(total)
    return ran, answers


@given(logits(), ORDERS, st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_a_budget_runs_the_first_members_together(
    numbers: Any, order: tuple[int, ...], members: int
) -> None:
    made = of(Policy("budget", members), order)
    found = decide(made, numbers)
    ran, answers = plain(made, numbers)
    assert found.rounds.shape[0] == 1
    assert [np.flatnonzero(row).tolist() for row in found.active] == [sorted(r) for r in ran]
    np.testing.assert_array_equal(found.logits, answers)


@given(
    logits(),
    ORDERS,
    st.sampled_from(["confidence", "margin", "entropy"]),
    st.sampled_from([0.0, 0.301, 0.502, 0.703, 0.904, 1.0]),
)
@settings(max_examples=80, deadline=None)
def test_members_run_until_the_answer_is_sure(
    numbers: Any, order: tuple[int, ...], kind: Any, threshold: float
) -> None:
    made = of(Policy(kind, threshold=threshold), order)
    found = decide(made, numbers)
    ran, answers = plain(made, numbers)
    np.testing.assert_array_equal(found.logits, answers)
    for sample, members in enumerate(ran):
        rounds = [np.flatnonzero(r[sample]).tolist() for r in found.rounds]
        assert [r for r in rounds if r] == [[m] for m in members]


@given(logits(), st.sampled_from(["confidence", "margin", "entropy"]))
@settings(max_examples=30, deadline=None)
def test_the_ends_of_thresholds_run_one_member_or_all(numbers: Any, kind: Any) -> None:
    eager, patient = (1.0, 0.0) if kind == "entropy" else (0.0, 1.0)
    one = decide(of(Policy(kind, threshold=eager)), numbers).active.sum(axis=1)
    every = decide(of(Policy(kind, threshold=patient)), numbers)
    strictly = numbers[0] + np.array([0.5, 0.0, -0.25])
    clear = np.ptp(strictly, axis=1) > 0
    assert (one[clear] == 1).all()
    assert (every.active.sum(axis=1) == 3).all()
    np.testing.assert_array_equal(every.logits, decide(of(Policy("budget", 3)), numbers).logits)


@given(logits(), st.floats(-2, 2))
@settings(max_examples=30, deadline=None)
def test_a_gate_chooses_members_and_never_none(numbers: Any, threshold: float) -> None:
    made = of(Policy("gate", threshold=threshold, gate=gate()), (2, 0, 1))
    wanted = np.random.default_rng(0).normal(size=(4, 3))
    found = decide(made, numbers, wanted)
    for sample in range(4):
        mine = [m for m in range(3) if wanted[sample, m] > threshold] or [2]
        assert np.flatnonzero(found.active[sample]).tolist() == mine
        total = made.bias + sum(numbers[m][sample] for m in mine)
        np.testing.assert_array_equal(found.logits[sample], total)


def test_a_gate_reads_mean_spikes_of_all_inputs() -> None:
    made = of(Policy("gate", threshold=0.0, gate=gate()))
    spikes = np.random.default_rng(1).random((5, 2, 6)) < 0.4
    found = gate_scores(made, [Raster.pack(spikes, (6,))])
    (w0, b0), (w1, b1) = gate().layers
    for sample in range(2):
        rates = [sum(spikes[t, sample, i] for t in range(5)) / 5 for i in range(6)]
        hidden = [max(0.0, float(w0[j] @ rates + b0[j])) for j in range(2)]
        np.testing.assert_allclose(found[sample], w1 @ hidden + b1, atol=1e-12)  # type: ignore[index]


def test_a_member_counts_with_its_gain_and_offset() -> None:
    made = ensemble(2)
    scores = [np.array([[1.0, 2.0, 0.0, 4.0]]), np.array([[0.0, 1.0, 1.0, 0.0]])]
    found = contributions(made, scores)
    for k, member in enumerate(made.members):
        np.testing.assert_array_equal(found[k], member.gain * scores[k] + member.offset)


@given(logits())
@settings(max_examples=20, deadline=None)
def test_criteria_are_what_the_threshold_meets(numbers: Any) -> None:
    made = of(Policy("confidence", threshold=0.5))
    values = criteria(made, numbers, None)
    assert values.size == 2 * 4
    first = made.bias + numbers[0]
    np.testing.assert_allclose(
        values[:4], [max(probabilities(list(row))) for row in first], rtol=1e-12
    )


@pytest.mark.parametrize(
    ("text", "kind", "members", "threshold"),
    [
        ("all", "budget", 3, None),
        ("budget=2", "budget", 2, None),
        ("confidence=0.9", "confidence", None, 0.9),
        ("margin=0", "margin", None, 0.0),
        ("entropy=1", "entropy", None, 1.0),
    ],
)
def test_policies_are_named_in_words(
    text: str, kind: str, members: int | None, threshold: float | None
) -> None:
    found = parse_policy(text, ensemble())
    assert (found.kind, found.members, found.threshold) == (kind, members, threshold)


@pytest.mark.parametrize(
    "text",
    ["", "budget", "budget=0", "budget=x", "budget=1.5", "confidence=1.1", "confidence=nan",
     "surely=1", "gate=0", "margin=-0.1", "entropy=inf", "all=1"],
)  # fmt: skip
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_policy(text, ensemble())


def test_a_gate_keeps_its_network_under_another_threshold() -> None:
    made = ensemble(3, Policy("gate", threshold=0.0, gate=gate()))
    found = parse_policy("gate=-1.5", made)
    assert found.gate is made.policy.gate
    assert found.threshold == -1.5


def test_decisions_differ_where_other_members_ran() -> None:
    numbers = np.random.default_rng(3).normal(size=(3, 4, CLASSES))
    two = decide(of(Policy("budget", 2)), numbers)
    assert two.differing(two) == 0
    assert two.differing(decide(of(Policy("budget", 3)), numbers)) == 4


def test_members_must_fit_together() -> None:
    made = ensemble(2)
    with pytest.raises(ConfigError, match="budget of 3"):
        made.with_policy(Policy("budget", 3))
    odd = Member(
        "m1", replace(made.members[1].graph, classes=("a", "b", "c", "d")), 1.0, np.zeros(4)
    )
    with pytest.raises(Exception, match="its classes"):
        replace(made, members=(made.members[0], odd))
