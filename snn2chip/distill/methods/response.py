"""Distillation of the teacher's answers, with one temperature or with two.

Conventional (Hinton et al., arXiv 1503.02531): one temperature T, the term scaled by T^2.
Heterogeneous (Lee et al., arXiv 2106.07172): a lower temperature for the student than for the
teacher. At the optimum z_s / T_s = z_t / T_t + c, so the scale of the student's logits, and with it
its spikes, follows T_s / T_t.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch.nn.functional import cross_entropy

from snn2chip.distill.losses.divergence import logit_distance, soft_divergence
from snn2chip.distill.methods.base import Context, Method, Objective, Signals, Term
from snn2chip.distill.tables import between, positive


@dataclass(frozen=True, slots=True)
class ResponseDistillation(Method):
    """``L = (1 - a) CE(y, z_s) + a T_s T_t KL(softmax(z_t / T_t) || softmax(z_s / T_s))``.

    Attributes:
        temperature_teacher, temperature_student: T_t and T_s; equal ones are conventional KD, whose
            factor is then T^2. The student's is the teacher's where it is left out.
        alpha: a, the share of the teacher.
        distance: ``kl``, or ``mse`` between the logits themselves (Louis et al., arXiv 2406.18350),
            which has no temperatures.
    """

    temperature_teacher: float = 4.0
    temperature_student: float | None = None
    alpha: float = 0.7
    distance: Literal["kl", "mse"] = "kl"

    needs_teacher: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("temperature_teacher", self.temperature_teacher)
        if self.temperature_student is not None:
            positive("temperature_student", self.temperature_student)
        between("alpha", self.alpha, 0.0, 1.0 + 1e-12, closed=True)

    @property
    def temperatures(self) -> tuple[float, float]:
        """T_t and T_s."""
        own = self.temperature_student
        return self.temperature_teacher, self.temperature_teacher if own is None else own

    def objective(self, context: Context) -> Objective:
        return _Response(self)


def taught(signals: Signals, alpha: float, temperature: float) -> dict[str, Term]:
    """Labels and the teacher's answers at one temperature: what feature methods add theirs to."""
    assert signals.teacher is not None
    terms = {"ce": Term(cross_entropy(signals.scores, signals.y), 1.0 - alpha)}
    if alpha:
        loss = soft_divergence(signals.teacher.logits, signals.scores, temperature, temperature)
        terms["kd"] = Term(loss, alpha * temperature * temperature)
    return terms


class _Response(Objective):
    def __init__(self, options: ResponseDistillation) -> None:
        super().__init__()
        self._options = options

    def forward(self, signals: Signals) -> dict[str, Term]:
        options, teacher = self._options, signals.teacher
        assert teacher is not None
        terms = {"ce": Term(cross_entropy(signals.scores, signals.y), 1.0 - options.alpha)}
        if options.distance == "mse":
            distance = logit_distance(teacher.logits, signals.scores)
            return {**terms, "kd": Term(distance, options.alpha)}
        t_teacher, t_student = options.temperatures
        loss = soft_divergence(teacher.logits, signals.scores, t_teacher, t_student)
        return {**terms, "kd": Term(loss, options.alpha * t_student * t_teacher)}
