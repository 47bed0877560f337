"""What a method of distillation sees, and what it may do.

A method (or penalty) is a frozen dataclass: its fields are the options in the recipe. What runs is
its `Objective`, made once per training; it may own parameters that only training needs, such as
adapters, and buffers, such as a weight that adapts. All of them are part of a training's saved
state, and none of them of the student.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import norse.torch as norse
import torch
from torch import Tensor, nn

from snn2chip.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from snn2chip.distill.checkpoint import CheckpointMetadata
    from snn2chip.distill.energy.judging import Judged
    from snn2chip.distill.recipe import Recipe
    from snn2chip.distill.teachers.base import Teacher, TeacherSignals


class Term(NamedTuple):
    """One part of a loss: a scalar, and the factor it goes into the sum with."""

    value: Tensor
    weight: float | Tensor = 1.0


@dataclass(frozen=True, eq=False)
class Signals:
    """One training batch, as student and teacher saw it.

    Attributes:
        scores: [sample, class]: the readout of the output population x ``training.logit_scale``.
        logits: [step, sample, class], such that their mean over the steps is ``scores`` where the
            readout is spike_count or v_mean; of v_last and v_max the scaled membrane of each step.
        output: spikes or membranes of the output population [step, sample, class].
        drive: what went into it [step, sample, class].
        spikes: population -> [step, sample, *shape], ``input`` first, then in the order of the
            network; with direct encoding the input's values.
        taps: module path of the student -> what that module gave, [step, sample, ...].
        y: classes [sample].
        teacher: of the same samples, or None without a teacher.
        epoch, epochs: of this stage, counted from 0.
        stage: its name.
        generator: of every random choice of this training.
    """

    scores: Tensor
    logits: Tensor
    output: Tensor
    drive: Tensor
    spikes: Mapping[str, Tensor]
    taps: Mapping[str, Tensor]
    y: Tensor
    teacher: TeacherSignals | None
    epoch: int
    epochs: int
    stage: str
    generator: torch.Generator


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the training with an optimizer and a learning-rate schedule of its own.

    Attributes:
        lr: factor on ``training.lr``.
        frozen: prefixes of names of student parameters that do not move.
    """

    name: str
    epochs: int
    lr: float = 1.0
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Context:
    """What a training is made of, before its first step.

    Attributes:
        example: values of a few training samples [sample, *input_shape].
        classes: number of them.
        samples: values of all training samples, for what has to be measured before training.
    """

    recipe: Recipe
    student: norse.SequentialState
    teacher: Teacher | None
    example: Tensor
    classes: int
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Module path of the student -> shape of what it gives for one sample and step."""
    samples: Tensor | None = None
    """Values of all training samples [sample, *input_shape]."""

    @property
    def x(self) -> Tensor:
        """Values of as many training samples as are known."""
        return self.example if self.samples is None else self.samples

    def student_shape(self, path: str) -> tuple[int, ...]:
        """Shape of a tap of the student, without steps and samples.

        Raises:
            ConfigError: there is no module of that path.
        """
        if path not in self.shapes:
            raise ConfigError(
                f"student tap {path!r}: no such module",
                has=", ".join(self.shapes),
                remedy=did_you_mean(path, tuple(self.shapes)),
            )
        return self.shapes[path]

    def teacher_shape(self, path: str) -> tuple[int, ...]:
        """Shape of a tap of the teacher, without samples.

        Raises:
            ConfigError: there is no module of that path.
        """
        assert self.teacher is not None
        return tuple(self.teacher.outputs(self.example, (path,)).taps[path].shape[1:])


class Prepared(NamedTuple):
    """A student before its first step, and the teacher that it learns from."""

    student: norse.SequentialState
    teacher: Teacher | None


class Objective(nn.Module):
    """What runs of a method or penalty."""

    student_taps: tuple[str, ...] = ()
    teacher_taps: tuple[str, ...] = ()

    def forward(self, signals: Signals) -> dict[str, Term]:
        """Named parts of the loss of one batch."""
        raise NotImplementedError

    def start_stage(self, stage: Stage, student: nn.Module) -> None:
        """Called before the first epoch of every stage, not again where a training resumes."""

    def after_step(self, student: nn.Module) -> None:
        """Called after every step of the optimizer, for what must hold of the weights."""

    @property
    def acceptable(self) -> bool:
        """Whether the epoch just trained may be kept; others are kept only where none may be."""
        return True

    def end_epoch(self, epoch: int) -> dict[str, float]:
        """Called after every epoch of a stage; figures to show beside the loss."""
        return {}


class Plan:
    """Common part of methods and penalties; subclasses are frozen dataclasses of options."""

    needs_teacher: ClassVar[bool] = False

    def objective(self, context: Context) -> Objective:
        """The part that runs; taps are checked here.

        Raises:
            ConfigError: taps that are not there, or shapes that do not go together.
        """
        raise NotImplementedError

    def finished(
        self, student: norse.SequentialState, metadata: CheckpointMetadata
    ) -> tuple[norse.SequentialState, CheckpointMetadata]:
        """The student as it is kept after training, such as without neurons that were removed."""
        return student, metadata

    def verdict(self, judged: Judged) -> Mapping[str, str]:
        """Lines of the card, figure -> value, that only the trained student can tell."""
        return {}


class Penalty(Plan):
    """A term that any method can be combined with.

    Attributes:
        prunes: it leaves zeros in the weights, so that chips need not hold all synapses.
        prices_synapses: it prices spikes by all synapses that they reach, of whatever weight.
        counts_synapses: it needs the student as one graph, which several members are not.
    """

    prunes: ClassVar[bool] = False
    prices_synapses: ClassVar[bool] = False
    counts_synapses: ClassVar[bool] = False

    @property
    def removes(self) -> bool:
        """Whether whole neurons or channels go while it trains."""
        return False


class Method(Plan):
    """How a student is made from a teacher, or without one.

    Attributes:
        several: it makes several students that answer together.
        trains: False where the student is done before the first epoch.
        answering: options that a training does not depend on, such as which of them answer.
    """

    several: ClassVar[bool] = False
    trains: ClassVar[bool] = True
    answering: ClassVar[frozenset[str]] = frozenset()

    def prepare(
        self,
        recipe: Recipe,
        x: NDArray[np.floating],
        y: NDArray[np.int64],
        teacher: Teacher | None,
    ) -> Prepared | None:
        """Another student than the recipe's own, before any training, or None.

        Args:
            x: training samples [sample, *input_shape]; y: their classes.
        """
        return None

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        """Stages of the training, in their order."""
        return (Stage("train", epochs),)

    def initialise(self, context: Context) -> None:
        """Change the student's first weights, in place."""

    def inference_policy(self) -> Mapping[str, Any] | None:
        """How the trained student is to be run, where that is not a single network."""
        return None
