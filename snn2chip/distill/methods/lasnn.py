"""LaSNN: a converted teacher, distilled layer by layer (Hong et al. 2023, arXiv:2304.09101).

Its three stages: the teacher is trained; it is converted, with thresholds balanced, into the
student's first weights; the student is trained further, each of its layers against the attention
map of the teacher's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from snn2chip.distill.conversion.starting import Start
from snn2chip.distill.layout import step_mean
from snn2chip.distill.losses.attention import attention_distance
from snn2chip.distill.methods.base import Context, Method, Objective, Signals, Stage, Term
from snn2chip.distill.methods.conversion import start_in
from snn2chip.distill.methods.pairing import paired_taps
from snn2chip.distill.methods.response import taught
from snn2chip.distill.tables import at_least, between, positive
from snn2chip.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LaSNN(Method):
    """``L = (1 - a) CE + a T^2 KL(z_t / T || z_s / T) + b sum_l |Q_s,l - Q_t,l|^2``.

    Q(F) = vec(mean over channels of F^2), of length 1; F of the student are its mean rates. The
    paper's mean over places would weigh a layer by the size of its image; the sum lies in [0, 2].

    Attributes:
        start: ``conversion``, or ``scratch`` for a student with weights of chance.
        percentile, half: of the conversion; see `Start`.
        attention: b; 0 leaves the attention out.
        alpha, temperature: of the teacher's answers; alpha 0 leaves them out.
        student_taps, teacher_taps: module paths, pair by pair, from the input to the output; the
            student's hidden populations and the teacher's ReLUs where left out.
    """

    start: Literal["conversion", "scratch"] = "conversion"
    percentile: float = 99.9
    half: bool = True
    attention: float = 1.0
    alpha: float = 0.0
    temperature: float = 4.0
    student_taps: tuple[str, ...] = ()
    teacher_taps: tuple[str, ...] = ()

    needs_teacher: ClassVar[bool] = True

    def __post_init__(self) -> None:
        Start(self.percentile, self.half)
        at_least("attention", self.attention, 0)
        between("alpha", self.alpha, 0.0, 1.0 + 1e-12, closed=True)
        positive("temperature", self.temperature)

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        return (Stage("distil", epochs),)

    def initialise(self, context: Context) -> None:
        if self.start == "conversion":
            start_in(context, Start(self.percentile, self.half))

    def objective(self, context: Context) -> Objective:
        return _Layers(self, context)


class _Layers(Objective):
    def __init__(self, options: LaSNN, context: Context) -> None:
        super().__init__()
        self._options = options
        self._pairs: tuple[tuple[str, str], ...] = ()
        if options.attention:
            self._pairs = paired_taps(context, options.student_taps, options.teacher_taps, "behind")
        for pair in self._pairs:
            _check(context, *pair)
        self.student_taps = tuple(mine for mine, _ in self._pairs)
        self.teacher_taps = tuple(theirs for _, theirs in self._pairs)

    def forward(self, signals: Signals) -> dict[str, Term]:
        options, teacher = self._options, signals.teacher
        assert teacher is not None
        terms = taught(signals, options.alpha, options.temperature)
        if self._pairs:
            distances = [
                attention_distance(teacher.taps[theirs], step_mean(signals.taps[mine]))
                for mine, theirs in self._pairs
            ]
            terms["attention"] = Term(torch.stack(distances).sum(), options.attention)
        return terms


def _check(context: Context, student: str, teacher: str) -> None:
    mine, theirs = context.student_shape(student), context.teacher_shape(teacher)
    images = len(mine) == len(theirs) == 3
    if not images and (mine != theirs or len(mine) != 1):
        raise ConfigError(
            f"student tap {student!r} of shape {list(mine)} beside teacher tap {teacher!r}",
            needs="two images [channel, height, width], or lists of as many units",
            has=f"shape {list(theirs)}",
            remedy="widths of the teacher like those of the student, or other taps",
        )
