"""Plain conversion: the teacher's weights, balanced, and no training of the student at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snn2chip.distill.conversion.starting import Start, start_from
from snn2chip.distill.methods.base import Context, Method, Objective, Stage
from snn2chip.distill.methods.cross_entropy import CrossEntropy
from snn2chip.distill.sequence import encode_spikes

CALIBRATION = 512
"""Training samples whose activations are measured."""


@dataclass(frozen=True, slots=True)
class Conversion(Method):
    """A student whose every rate says a ReLU value of the teacher (Diehl 2015, Rueckauer 2017).

    Its neurons integrate without leak (``neuron = "iaf"``), and T is what decides its accuracy.

    Attributes:
        percentile, half: see `Start`.
    """

    percentile: float = 99.9
    half: bool = True

    needs_teacher: ClassVar[bool] = True
    trains: ClassVar[bool] = False

    def __post_init__(self) -> None:
        Start(self.percentile, self.half)

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        return ()

    def initialise(self, context: Context) -> None:
        start_in(context, Start(self.percentile, self.half))

    def objective(self, context: Context) -> Objective:
        return CrossEntropy().objective(context)


def start_in(context: Context, start: Start) -> None:
    """Writes the context's teacher, converted, into its student.

    Raises:
        As `start_from`.
    """
    recipe, teacher = context.recipe, context.teacher
    x = context.x[:CALIBRATION]
    counted = recipe.student.readout == "spike_count"
    start_from(
        context.student,
        None if teacher is None else teacher.module,
        x,
        encode_spikes(x, recipe.encoding.to_graph()),
        start,
        None if counted else recipe.training.logit_scale,
    )
