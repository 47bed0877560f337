"""Who answers a sample: rounds of active members, and the logits that they end in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Raster
from snn2chip.errors import ConfigError
from snn2chip.graph import Ensemble, Policy
from snn2chip.graph.ensemble import POLICIES

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Decision:
    """What a policy made of the members' logits.

    Attributes:
        rounds: bool [round, sample, member]; a sample without members in a round has had its
            answer before.
        logits: [sample, class], of all members that ran.
    """

    rounds: NDArray[np.bool_]
    logits: Floats

    @property
    def active(self) -> NDArray[np.bool_]:
        """[sample, member], over all rounds."""
        return np.asarray(self.rounds.any(axis=0))

    def differing(self, other: Decision) -> int:
        """Samples for which other members were run."""
        return int((self.active != other.active).any(axis=1).sum())


def contributions(ensemble: Ensemble, scores: list[Floats]) -> Floats:
    """Logits [member, sample, class] of the readouts [sample, class] of all members."""
    return np.stack(
        [
            member.gain * s + member.offset
            for member, s in zip(ensemble.members, scores, strict=True)
        ]
    )


def decide(ensemble: Ensemble, logits: Floats, gate: Floats | None = None) -> Decision:
    """Who runs, by the ensemble's policy.

    Args:
        logits: [member, sample, class], as ``contributions`` gives them.
        gate: [sample, member], of a policy that has one.
    """
    policy = ensemble.policy
    if policy.kind == "budget":
        active = np.zeros((logits.shape[1], len(ensemble.members)), np.bool_)
        active[:, list(ensemble.order[: policy.members])] = True
        return _together(ensemble, logits, active)
    if policy.kind == "gate":
        assert gate is not None
        assert policy.threshold is not None
        active = gate > policy.threshold
        active[~active.any(axis=1), ensemble.order[0]] = True
        return _together(ensemble, logits, active)
    return _one_by_one(ensemble, logits)


def gate_scores(ensemble: Ensemble, inputs: list[Raster]) -> Floats | None:
    """[sample, member] of the gate, of the mean spikes per step of the input neurons."""
    gate = ensemble.policy.gate
    if gate is None:
        return None
    rates = [raster.unpack().mean(axis=0).reshape(raster.samples, -1) for raster in inputs]
    return gate.scores(np.concatenate(rates, axis=1))


def settings(policy: Policy, criteria: Floats, most: int) -> tuple[float, ...]:
    """Thresholds at which a policy decides differently, the policy's own among them.

    Args:
        criteria: values that the threshold is compared with.
        most: so many at most.
    """
    assert policy.threshold is not None
    if not criteria.size:
        return (policy.threshold,)
    places = np.quantile(criteria, np.linspace(0.0, 1.0, most))
    return tuple(sorted({policy.threshold, *np.round(places, 6).tolist()}))


def criteria(ensemble: Ensemble, logits: Floats, gate: Floats | None) -> Floats:
    """What the threshold of the policy is compared with, of every sample and round but the last."""
    if ensemble.policy.kind == "gate":
        assert gate is not None
        return gate.reshape(-1)
    of = CRITERIA[ensemble.policy.kind]
    running = ensemble.bias + np.cumsum(logits[list(ensemble.order)], axis=0)
    return np.concatenate([np.zeros(0), *(of(part) for part in running[:-1])])


def parse_policy(text: str, ensemble: Ensemble) -> Policy:
    """The policy that ``budget=2`` or ``confidence=0.9`` names; ``all`` is a budget of all.

    Raises:
        ConfigError: no such policy, or a value that it cannot have.
    """
    if text == "all":
        return Policy("budget", len(ensemble.members))
    kind, equals, value = text.partition("=")
    kinds = dict(zip(POLICIES, POLICIES, strict=True))
    try:
        if kind == "budget":
            return Policy("budget", int(value))
        if kind in kinds and equals:
            gate = ensemble.policy.gate if kind == "gate" else None
            return Policy(kinds[kind], threshold=float(value), gate=gate)
    except ValueError:
        pass
    raise ConfigError(
        f"--policy {text[:60]!r}",
        needs="budget=N, confidence=P, margin=P, entropy=P, gate=S or all",
        has=f"the ensemble's own: {ensemble.policy.sentence}",
    )


def _together(ensemble: Ensemble, logits: Floats, active: NDArray[np.bool_]) -> Decision:
    """One round."""
    total = np.broadcast_to(ensemble.bias, logits.shape[1:]).copy()
    for member in ensemble.order:
        total[active[:, member]] += logits[member][active[:, member]]
    return Decision(active[None], total)


def _one_by_one(ensemble: Ensemble, logits: Floats) -> Decision:
    """Rounds of one member, until a sample's answer is sure enough."""
    policy = ensemble.policy
    assert policy.threshold is not None
    members, samples, classes = logits.shape
    rounds = np.zeros((members, samples, members), np.bool_)
    total = np.broadcast_to(ensemble.bias, (samples, classes)).copy()
    open_ = np.ones(samples, np.bool_)
    for number, member in enumerate(ensemble.order):
        rounds[number, open_, member] = True
        total[open_] += logits[member][open_]
        found = CRITERIA[policy.kind](total)
        sure = found < policy.threshold if policy.kind == "entropy" else found > policy.threshold
        open_ &= ~sure
        if not open_.any():
            break
    return Decision(rounds[: number + 1], total)


def _probabilities(logits: Floats) -> Floats:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def _confidence(logits: Floats) -> Floats:
    largest: Floats = _probabilities(logits).max(axis=-1)
    return largest


def _margin(logits: Floats) -> Floats:
    if logits.shape[-1] < 2:
        return np.ones(logits.shape[:-1])
    ordered = np.sort(_probabilities(logits), axis=-1)
    margin: Floats = ordered[..., -1] - ordered[..., -2]
    return margin


def _entropy(logits: Floats) -> Floats:
    if logits.shape[-1] < 2:
        return np.zeros(logits.shape[:-1])
    p = _probabilities(logits)
    summed = -(p * np.log(np.maximum(p, np.finfo(np.float64).tiny))).sum(axis=-1)
    share: Floats = summed / np.log(logits.shape[-1])
    return share


CRITERIA: dict[str, Callable[[Floats], Floats]] = {
    "confidence": _confidence,
    "margin": _margin,
    "entropy": _entropy,
}
"""What is compared with the threshold of policies that run one member after the other."""
