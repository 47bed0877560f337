"""Orders, gates and policies, against plain loops."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="gates are trained with torch")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.distill.ensembles.tuning import (
    Judged,
    best_order,
    learned_gate,
    needed,
    tuned_policy,
)
from snn2chip.distill.methods.sne import SpikingEnsemble
from snn2chip.errors import ConfigError
from snn2chip.graph import Ensemble, Policy
from snn2chip.pipeline.ensembles.policies import decide
from tests.pipeline.ensembles.ensembles import ensemble

CLASSES, INPUTS = 4, 6


def judged(seed: int, samples: int = 40, sure: float = 1.5) -> Judged:
    """Members that are more often right than not; rates that say which class it is."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, samples)
    logits = rng.normal(size=(3, samples, CLASSES))
    logits[:, np.arange(samples), labels] += sure
    rates = rng.random((samples, INPUTS)) * 0.1
    rates[np.arange(samples), labels] += 0.8
    return Judged(logits, rates, labels)


def plain_ensemble(order: tuple[int, ...] = (0, 1, 2)) -> Ensemble:
    made = ensemble(3, order=order)
    object.__setattr__(made, "bias", np.zeros(CLASSES))
    return made


def right(seen: Judged, members: Any) -> int:
    return sum(
        int(seen.logits[list(members), s].sum(axis=0).argmax() == seen.labels[s])
        for s in range(seen.labels.size)
    )


@given(st.integers(0, 60))
@settings(max_examples=20, deadline=None)
def test_the_order_is_greedy(seed: int) -> None:
    seen = judged(seed)
    order = best_order(np.zeros(CLASSES), seen)
    for place in range(3):
        scores = {m: right(seen, (*order[:place], m)) for m in range(3) if m not in order[:place]}
        assert scores[order[place]] == max(scores.values())
    assert order in set(permutations(range(3)))


@given(st.integers(0, 60), st.permutations(range(3)))
@settings(max_examples=20, deadline=None)
def test_a_sample_needs_members_until_the_answer_stays_right(seed: int, order: Any) -> None:
    seen = judged(seed)
    found = needed(plain_ensemble(tuple(order)), seen)
    for s in range(seen.labels.size):
        goes = [
            seen.logits[list(order[: n + 1]), s].sum(axis=0).argmax() == seen.labels[s]
            for n in range(3)
        ]
        count = next((n + 1 for n in range(3) if all(goes[n:])), 3)
        assert set(np.flatnonzero(found[s])) == set(order[:count])


@pytest.mark.parametrize("kind", ["budget", "confidence", "margin", "entropy"])
@pytest.mark.parametrize("tolerance", [0.0, 0.05])
def test_the_cheapest_setting_that_is_accurate_enough_is_taken(kind: Any, tolerance: float) -> None:
    seen = judged(3, samples=200)
    made = plain_ensemble()
    options = SpikingEnsemble(members=3, policy=kind, tolerance=tolerance)
    policy = tuned_policy(made, options, seen, seen, seed=0)
    assert policy.kind == kind
    least = right(seen, range(3)) - tolerance * 200
    chosen = decide(made.with_policy(policy), seen.logits)
    assert (chosen.logits.argmax(axis=1) == seen.labels).sum() >= least
    for other in (0.01, 0.3, 0.5, 0.7, 0.9):
        if kind == "budget":
            trial = Policy("budget", 1 + int(other * 2.99))
        else:
            trial = Policy(kind, threshold=other)
        made_of = decide(made.with_policy(trial), seen.logits)
        enough = (made_of.logits.argmax(axis=1) == seen.labels).sum() >= least
        cheaper = made_of.active.sum() < chosen.active.sum() - 0.1 * 200
        assert not (enough and cheaper)


def test_more_tolerance_never_takes_more_members() -> None:
    seen, made = judged(4, samples=200), plain_ensemble()
    active = []
    for tolerance in (0.0, 0.02, 0.1, 1.0):
        options = SpikingEnsemble(members=3, tolerance=tolerance)
        policy = tuned_policy(made, options, seen, seen, 0)
        active.append(decide(made.with_policy(policy), seen.logits).active.sum())
    assert active == sorted(active, reverse=True)
    assert active[-1] < 205


def test_the_users_setting_stands() -> None:
    seen, made = judged(0), plain_ensemble()
    options = SpikingEnsemble(members=3, policy="margin", setting=0.25)
    assert tuned_policy(made, options, seen, seen, 0).threshold == 0.25
    options = SpikingEnsemble(members=3, policy="budget", setting=2)
    assert tuned_policy(made, options, seen, seen, 0).members == 2


def test_without_samples_a_setting_must_be_given() -> None:
    none = Judged(np.zeros((3, 0, CLASSES)), np.zeros((0, INPUTS)), np.zeros(0, np.int64))
    with pytest.raises(ConfigError, match="validation"):
        tuned_policy(plain_ensemble(), SpikingEnsemble(members=3), none, judged(0), 0)


def test_a_gate_learns_whom_a_sample_needs() -> None:
    """Two classes that the first member cannot tell: the gate sees which they are."""
    seen = judged(1, samples=300, sure=6.0)
    hard = seen.labels >= 2
    logits = seen.logits.copy()
    logits[0, hard] = 0.0
    logits[0, hard, 0] = 2.0
    seen = replace(seen, logits=logits)
    made = plain_ensemble()
    gate = learned_gate(made, seen, seed=0)
    scores = gate.scores(seen.rates)
    agree = (scores > 0) == needed(made, seen)
    assert agree.mean() > 0.9
    assert (scores[hard, 1] > 0).mean() > 0.9
    assert (scores[~hard, 1] > 0).mean() < 0.1
    again = learned_gate(made, seen, seed=0)
    np.testing.assert_array_equal(gate.layers[0][0], again.layers[0][0])
    options = SpikingEnsemble(members=3, policy="gate")
    policy = tuned_policy(made, options, seen, seen, 0)
    assert policy.gate is not None
    decision = decide(made.with_policy(policy), seen.logits, policy.gate.scores(seen.rates))
    assert decision.active.sum() < 0.75 * 900
