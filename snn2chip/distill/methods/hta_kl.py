"""Head-tail-aware divergence (Zhang et al. 2025, arXiv:2504.20445)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch.nn.functional import cross_entropy

from snn2chip.distill.losses.divergence import head_tail_divergence
from snn2chip.distill.methods.base import Context, Method, Objective, Signals, Term
from snn2chip.distill.tables import between, positive


@dataclass(frozen=True, slots=True)
class HTAKL(Method):
    """``L = (1 - a) CE + a T^2 HTA(z_t / T, z_s / T)``, of the student's mean logits.

    HTA weighs forward against reverse KL by where the student is wrong, in the teacher's likely
    classes or in all others; see `head_tail_divergence`.

    Attributes:
        alpha, temperature: a and T.
        head: probability that the likely classes hold together.
    """

    alpha: float = 0.7
    temperature: float = 4.0
    head: float = 0.5

    needs_teacher: ClassVar[bool] = True

    def __post_init__(self) -> None:
        between("alpha", self.alpha, 0.0, 1.0 + 1e-12, closed=True)
        positive("temperature", self.temperature)
        between("head", self.head, 0.0, 1.0)

    def objective(self, context: Context) -> Objective:
        return _HeadTail(self)


class _HeadTail(Objective):
    def __init__(self, options: HTAKL) -> None:
        super().__init__()
        self._options = options

    def forward(self, signals: Signals) -> dict[str, Term]:
        options, teacher = self._options, signals.teacher
        assert teacher is not None
        t = options.temperature
        loss = head_tail_divergence(teacher.logits, signals.scores, t, options.head)
        return {
            "ce": Term(cross_entropy(signals.scores, signals.y), 1.0 - options.alpha),
            "kd": Term(loss, options.alpha * t * t),
        }
