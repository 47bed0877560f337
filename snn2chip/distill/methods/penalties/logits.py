"""Logits regularization (Louis et al., arXiv:2406.18350): small scores need few spikes."""

from __future__ import annotations

from dataclasses import dataclass

from snn2chip.distill.losses.activity import logits_penalty
from snn2chip.distill.methods.base import Context, Objective, Penalty, Signals, Term
from snn2chip.distill.tables import at_least


@dataclass(frozen=True, slots=True)
class LogitsPenalty(Penalty):
    """``weight x mean over classes of z^2``, z the scores behind ``training.logit_scale``."""

    weight: float = 0.1

    def __post_init__(self) -> None:
        at_least("weight", self.weight, 0)

    def objective(self, context: Context) -> Objective:
        return _Logits(self)


class _Logits(Objective):
    def __init__(self, options: LogitsPenalty) -> None:
        super().__init__()
        self._options = options

    def forward(self, signals: Signals) -> dict[str, Term]:
        return {"logits": Term(logits_penalty(signals.scores), self._options.weight)}
