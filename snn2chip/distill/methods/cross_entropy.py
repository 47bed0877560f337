"""Cross-entropy alone: the baseline of every method, and how teachers are trained."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn.functional import cross_entropy

from snn2chip.distill.methods.base import Context, Method, Objective, Signals, Term
from snn2chip.distill.tables import between


@dataclass(frozen=True, slots=True)
class CrossEntropy(Method):
    """``L = CE(y, softmax(scores))``, with smoothed labels where asked for."""

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        between("label_smoothing", self.label_smoothing, 0.0, 1.0, closed=True)

    def objective(self, context: Context) -> Objective:
        return _CrossEntropy(self)


class _CrossEntropy(Objective):
    def __init__(self, options: CrossEntropy) -> None:
        super().__init__()
        self._smoothing = options.label_smoothing

    def forward(self, signals: Signals) -> dict[str, Term]:
        loss = cross_entropy(signals.scores, signals.y, label_smoothing=self._smoothing)
        return {"ce": Term(loss)}
