"""Temporal separation with entropy regularization (CVPR 2025): every step learns by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snn2chip.distill.losses.divergence import soft_divergence
from snn2chip.distill.losses.temporal import step_cross_entropy, step_entropy
from snn2chip.distill.methods.base import Context, Method, Objective, Signals, Term
from snn2chip.distill.tables import at_least, between, positive


@dataclass(frozen=True, slots=True)
class TSER(Method):
    """The teacher against every step instead of against their mean, with z(t) the step's logits.

    ::

        L = (1 - a) mean_t CE(y, z(t) / T)  +  a T^2 mean_t KL(z_t / T || z(t) / T)
            - g mean_t H(softmax(z(t) / T))

    Attributes:
        alpha, temperature, entropy: a, T and g.
    """

    alpha: float = 0.5
    temperature: float = 4.0
    entropy: float = 0.01

    needs_teacher: ClassVar[bool] = True

    def __post_init__(self) -> None:
        between("alpha", self.alpha, 0.0, 1.0 + 1e-12, closed=True)
        positive("temperature", self.temperature)
        at_least("entropy", self.entropy, 0)

    def objective(self, context: Context) -> Objective:
        return _Steps(self)


class _Steps(Objective):
    def __init__(self, options: TSER) -> None:
        super().__init__()
        self._options = options

    def forward(self, signals: Signals) -> dict[str, Term]:
        options, teacher, z = self._options, signals.teacher, signals.logits
        assert teacher is not None
        a, t = options.alpha, options.temperature
        return {
            "ce": Term(step_cross_entropy(z, signals.y, t), 1.0 - a),
            "kd": Term(soft_divergence(teacher.logits, z, t, t), a * t * t),
            "entropy": Term(step_entropy(z, t), -options.entropy),
        }
