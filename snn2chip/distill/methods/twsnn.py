"""Temporal-wise distillation (ICML 2025): one student that may be read out after any step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snn2chip.distill.losses.divergence import soft_divergence
from snn2chip.distill.losses.temporal import step_cross_entropy
from snn2chip.distill.methods.base import Context, Method, Objective, Signals, Term
from snn2chip.distill.tables import at_least, positive


@dataclass(frozen=True, slots=True)
class TWSNN(Method):
    """Labels, teacher, and the mean of all steps against every step, with z(t) its logits.

    ::

        L = mean_t CE(y, z(t))  +  a T^2 mean_t KL(z_t / T || z(t) / T)
            + b T^2 mean_t KL(z / T || z(t) / T),    z = mean_t z(t), held still

    Attributes:
        alpha, ensemble, temperature: a, b and T.
    """

    alpha: float = 0.2
    ensemble: float = 0.5
    temperature: float = 3.0

    needs_teacher: ClassVar[bool] = True

    def __post_init__(self) -> None:
        at_least("alpha", self.alpha, 0)
        at_least("ensemble", self.ensemble, 0)
        positive("temperature", self.temperature)

    def objective(self, context: Context) -> Objective:
        return _Steps(self)


class _Steps(Objective):
    def __init__(self, options: TWSNN) -> None:
        super().__init__()
        self._options = options

    def forward(self, signals: Signals) -> dict[str, Term]:
        options, teacher, z = self._options, signals.teacher, signals.logits
        assert teacher is not None
        t = options.temperature
        mean = z.mean(0).detach()
        return {
            "ce": Term(step_cross_entropy(z, signals.y)),
            "kd": Term(soft_divergence(teacher.logits, z, t, t), options.alpha * t * t),
            "ensemble": Term(soft_divergence(mean, z, t, t), options.ensemble * t * t),
        }
