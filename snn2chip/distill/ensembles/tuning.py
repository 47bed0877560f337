"""Who answers: the policy of a trained ensemble, tuned on samples that trained nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from snn2chip.distill.methods.sne import SpikingEnsemble
from snn2chip.errors import ConfigError
from snn2chip.graph import Ensemble, Gate, Policy
from snn2chip.pipeline.ensembles.policies import criteria, decide, settings

CANDIDATES = 33
"""Thresholds that are tried."""

HIDDEN = 16
_GATE_EPOCHS = 60
_GATE_BATCH = 64
_GATE_LR = 0.01

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judged:
    """Samples with what the members say of them.

    Attributes:
        logits: [member, sample, class], offsets included.
        rates: [sample, input neuron], mean spikes per step.
        labels: [sample].
    """

    logits: Floats
    rates: Floats
    labels: NDArray[np.int64]


def best_order(bias: Floats, judged: Judged) -> tuple[int, ...]:
    """Members by what each adds to the accuracy of those before it; the first one of equal ones."""
    left, order = list(range(len(judged.logits))), []
    total = np.broadcast_to(bias, judged.logits.shape[1:])
    while left:
        right = [
            int(((total + judged.logits[m]).argmax(axis=1) == judged.labels).sum()) for m in left
        ]
        chosen = left.pop(int(np.argmax(right)))
        total = total + judged.logits[chosen]
        order.append(chosen)
    return tuple(order)


def tuned_policy(
    ensemble: Ensemble, options: SpikingEnsemble, judged: Judged, trained: Judged, seed: int
) -> Policy:
    """The method's policy with a setting: the user's, or the cheapest that is accurate enough.

    Args:
        ensemble: with members, bias and order as they will be.
        judged: validation samples.
        trained: training samples, from which a gate learns.

    Raises:
        ConfigError: no validation samples and no setting.
    """
    gate = learned_gate(ensemble, trained, seed) if options.policy == "gate" else None
    if options.setting is not None:
        return _policy(options.policy, options.setting, gate)
    if not judged.labels.size:
        raise ConfigError(
            f"method sne: the policy {options.policy} without a setting",
            needs="samples to tune it on",
            remedy="validation = 0.1 in [data], or setting = ... in [method]",
        )
    scores = None if gate is None else gate.scores(judged.rates)
    every = ensemble.with_policy(Policy("budget", len(ensemble.members)))
    least = _right(every, judged, None) - options.tolerance * judged.labels.size
    found = []
    for policy in _candidates(ensemble, options, judged, gate, scores):
        tried = ensemble.with_policy(policy)
        right = _right(tried, judged, scores)
        cost = decide(tried, judged.logits, scores).active.sum()
        found.append((right < least, cost, -right, policy))
    return min(found, key=lambda entry: entry[:3])[3]


def learned_gate(ensemble: Ensemble, trained: Judged, seed: int) -> Gate:
    """A layer of ``HIDDEN`` neurons that says which members a sample needs.

    A sample needs the shortest run of the order after which the answer is right and stays it; all,
    where it never is.
    """
    wanted = torch.as_tensor(needed(ensemble, trained), dtype=torch.float32)
    x = torch.as_tensor(trained.rates, dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(x.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, wanted.shape[1])
        )
        optimizer = torch.optim.Adam(network.parameters(), lr=_GATE_LR)
        for _ in range(_GATE_EPOCHS):
            for index in torch.split(torch.randperm(len(x)), _GATE_BATCH):
                loss = binary_cross_entropy_with_logits(network(x[index]), wanted[index])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
                optimizer.step()
    matrices = [module for module in network if isinstance(module, nn.Linear)]
    return Gate(tuple((_float64(m.weight), _float64(m.bias)) for m in matrices))


def needed(ensemble: Ensemble, judged: Judged) -> NDArray[np.bool_]:
    """[sample, member]: members that a sample needs, in the ensemble's order."""
    order = list(ensemble.order)
    running = ensemble.bias + np.cumsum(judged.logits[order], axis=0)
    right = running.argmax(axis=2) == judged.labels
    stays = np.logical_and.accumulate(right[::-1], axis=0)[::-1]
    first = np.where(stays.any(axis=0), stays.argmax(axis=0), len(order) - 1)
    found = np.zeros((judged.labels.size, len(order)), np.bool_)
    for place, member in enumerate(order):
        found[:, member] = place <= first
    return found


def _float64(values: Tensor) -> Floats:
    array: Floats = values.detach().double().numpy()
    return array


def _policy(kind: str, setting: float, gate: Gate | None) -> Policy:
    if kind == "budget":
        return Policy("budget", int(setting))
    return Policy(kind, threshold=float(setting), gate=gate)  # type: ignore[arg-type]


def _candidates(
    ensemble: Ensemble,
    options: SpikingEnsemble,
    judged: Judged,
    gate: Gate | None,
    scores: Floats | None,
) -> Sequence[Policy]:
    if options.policy == "budget":
        return [Policy("budget", n + 1) for n in range(len(ensemble.members))]
    start = _policy(options.policy, 0.5, gate)
    values = criteria(ensemble.with_policy(start), judged.logits, scores)
    return [replace(start, threshold=t) for t in settings(start, values, CANDIDATES)]


def _right(ensemble: Ensemble, judged: Judged, scores: Floats | None) -> int:
    decision = decide(ensemble, judged.logits, scores)
    return int((decision.logits.argmax(axis=1) == judged.labels).sum())
