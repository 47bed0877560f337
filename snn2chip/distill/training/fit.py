"""A whole training: its stages, the epoch that is kept, and going on after a break."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import norse.torch as norse
import numpy as np
from numpy.typing import NDArray

from snn2chip.distill.methods.base import Stage
from snn2chip.distill.recipe import Recipe
from snn2chip.distill.sequence import accuracy_of
from snn2chip.distill.students import architecture, build_student
from snn2chip.distill.teachers.base import Teacher
from snn2chip.distill.training.samples import hold_out, lesson_digest, torch_state
from snn2chip.distill.training.state import Kept, load_state, save_state
from snn2chip.distill.training.trainer import Trainer, initialise


@dataclass(frozen=True, slots=True)
class Progress:
    """One finished epoch.

    Attributes:
        stage: ``train``, or ``fold 1/5`` and so on.
        loss: mean over the epoch's batches.
        accuracy: on the recipe's validation share, or None where it has none.
        figures: parts of the loss and what objectives tell, by name.
    """

    stage: str
    epoch: int
    epochs: int
    loss: float
    accuracy: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


ProgressCallback = Callable[[Progress], None]
Keep = Callable[[norse.SequentialState, bool], None]


@dataclass(frozen=True, slots=True)
class Fit:
    """A trained student, in evaluation mode; ``epoch`` is the one that was kept.

    Attributes:
        last: weights after the last epoch, whichever was kept.
        history: figures of every epoch, by name.
        validation: accuracy of the kept epoch on the validation share, or None without one.
    """

    student: norse.SequentialState
    epoch: int
    seconds: float
    losses: tuple[float, ...]
    history: tuple[Mapping[str, float], ...] = ()
    validation: float | None = None


def fit(
    recipe: Recipe,
    x: NDArray[np.floating],
    y: NDArray[np.int64],
    stage: str = "train",
    progress: ProgressCallback | None = None,
    teacher: Teacher | None = None,
    state: Path | None = None,
    keep: Keep | None = None,
) -> Fit:
    """Train a recipe's student.

    The same recipe and samples give the same weights on one machine. torch's own random state and
    thread count are left as they were.

    Args:
        x: values [sample, *input_shape] in [0, 1].
        y: classes [sample], 0 ... classes - 1.
        state: file that the training's state is kept in after every epoch; where it is there, the
            training goes on from it.
        keep: called after every epoch with the student, and whether it is the best so far.

    Raises:
        ConfigError: the training diverged, or the recipe does not fit the samples; a state of
            another recipe, other samples or another teacher.
        InputFileError: a damaged state.
    """
    with torch_state(recipe.training):
        inner, judge = hold_out(recipe.data, y)
        lesson = {} if state is None else lesson_digest(x, y, teacher)
        made = recipe.method.prepare(recipe, x[inner], y[inner], teacher)
        student, teacher = made or (new_student(recipe, x, y), teacher)
        trainer = Trainer(recipe, student, x[inner], y[inner], teacher, initialise=True)
        run = _Run(recipe, trainer, x[judge], y[judge], stage, progress, keep)
        kept = run.all_stages(state, lesson)
        if kept.weights is not None:
            student.load_state_dict(kept.weights)
        # again, for trainings of no epochs, or without one that may be kept
        validation = run.judge() if judge.any() else None
    student.eval()
    return Fit(
        student, kept.epoch, kept.seconds, tuple(kept.losses), tuple(kept.history), validation
    )


def new_student(
    recipe: Recipe, x: NDArray[np.floating], y: NDArray[np.int64]
) -> norse.SequentialState:
    """The recipe's student for these samples, before any training."""
    layers = architecture(recipe.student, tuple(x.shape[1:]), int(y.max()) + 1)
    student = build_student(layers, recipe.encoding.dt)
    initialise(student, recipe.training)
    return student


@dataclass
class _Run:
    """A trainer on its way through the stages, judged after every epoch."""

    recipe: Recipe
    trainer: Trainer
    x: NDArray[np.floating]
    y: NDArray[np.int64]
    name: str
    progress: ProgressCallback | None
    keep: Keep | None = None

    def all_stages(self, state: Path | None, lesson: Mapping[str, str]) -> Kept:
        stages = self.recipe.method.stages(self.recipe.training.epochs)
        resumed = state is not None and state.exists()
        kept = Kept()
        if resumed and state is not None:
            kept = load_state(state, self.recipe, self.trainer, stages, lesson)
        for index in range(kept.stage, len(stages)):
            if not resumed:
                self.trainer.start(stages[index])
            resumed, kept.stage = False, index
            while self.trainer.done < stages[index].epochs:
                self._epoch(kept, stages)
                if state is not None:
                    save_state(state, self.recipe, self.trainer, kept, lesson)
        return kept

    def _epoch(self, kept: Kept, stages: tuple[Stage, ...]) -> None:
        start = time.perf_counter()
        loss = self.trainer.epoch()
        kept.losses.append(loss)
        accuracy = None
        if len(self.y):
            accuracy = self.judge()
            rank, best = (self.trainer.acceptable, accuracy), (kept.acceptable, kept.best)
            if rank >= best or self.trainer.done == 1:  # a stage begins anew
                (kept.acceptable, kept.best), kept.epoch = rank, len(kept.losses)
                kept.weights = deepcopy(self.trainer.student.state_dict())
        else:
            kept.epoch = len(kept.losses)
        if self.keep is not None:
            self.keep(self.trainer.student, kept.epoch == len(kept.losses))
        kept.history.append(dict(self.trainer.figures))
        kept.seconds += time.perf_counter() - start
        if self.progress is not None:
            name = self.name if len(stages) == 1 else f"{self.name}: {stages[kept.stage].name}"
            done, epochs = len(kept.losses), sum(s.epochs for s in stages)
            self.progress(Progress(name, done, epochs, loss, accuracy, self.trainer.figures))

    def judge(self) -> float:
        """Accuracy of the student as it is on the validation share."""
        trainer = self.trainer
        return accuracy_of(trainer.student, self.x, self.y, trainer.encoding, trainer.readout)
