"""One stage of a training, epoch by epoch: batches, the losses and the optimizer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import norse.torch as norse
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from snn2chip.data import Keys
from snn2chip.distill.methods.base import Context, Signals, Stage, Term
from snn2chip.distill.recipe import Recipe, TrainingConfig
from snn2chip.distill.sequence import (
    Sequence,
    encode_spikes,
    readout_logits,
    readout_scores,
    run_layers,
)
from snn2chip.distill.teachers.base import Teacher
from snn2chip.distill.training.augment import augment
from snn2chip.distill.training.samples import TaughtSamples
from snn2chip.errors import ConfigError
from snn2chip.graph import Readout

WARM_UP = 0.1
"""Share of a stage in which the learning rate rises."""

_STREAMS = 2**62

IMAGES = 4
"""Axes of images [sample, channel, height, width]."""

EXAMPLE = 2
"""Samples by which the shapes of taps are found."""


class Trainer:
    """A student with its samples, objectives, optimizer and schedule, all as the recipe says.

    Args:
        student: is trained in place.
        x: values [sample, *input_shape] in [0, 1].
        y: classes [sample].

    Raises:
        ConfigError: objectives that do not fit student, teacher or samples; augmentation of
            samples that are no images.
    """

    def __init__(
        self,
        recipe: Recipe,
        student: norse.SequentialState,
        x: NDArray[np.floating],
        y: NDArray[np.int64],
        teacher: Teacher | None = None,
        initialise: bool = False,
    ) -> None:
        self.recipe = recipe
        self.config = recipe.training
        self.encoding = recipe.encoding.to_graph()
        self.readout = Readout(recipe.student.readout)
        self.x = torch.as_tensor(x, dtype=torch.float32)
        self.y = torch.as_tensor(y)
        self.student = student
        if self.config.augmentation.share and self.x.ndim != IMAGES:
            raise ConfigError(
                f"[training.augmentation] of samples of shape {list(self.x.shape[1:])}",
                needs="images [channel, height, width]",
                remedy="share = 0.0 in [training.augmentation]",
            )
        self.generator = torch.Generator().manual_seed(self.config.seed)
        self.figures: dict[str, float] = {}
        self._stream = 0
        context = self._context(teacher)
        if initialise:
            recipe.method.initialise(context)
        plans = (recipe.method, *recipe.penalties)
        self._objectives = [plan.objective(context) for plan in plans]
        self.objectives = nn.ModuleList(self._objectives)
        self._student_taps = tuple(
            dict.fromkeys(t for o in self._objectives for t in o.student_taps)
        )
        teacher_taps = tuple(dict.fromkeys(t for o in self._objectives for t in o.teacher_taps))
        fixed = self.config.augmentation.share == 0.0
        self._taught = (
            TaughtSamples(teacher, self.x, teacher_taps, fixed)
            if recipe.uses_teacher and teacher is not None
            else None
        )
        self.start(Stage("train", self.config.epochs), hooks=False)

    def start(self, stage: Stage, hooks: bool = True) -> None:
        """Begin a stage: an optimizer and a schedule of its own."""
        self.stage, self.done = stage, 0
        steps = stage.epochs * len(batches(torch.arange(len(self.y)), self.config.batch))
        lr = self.config.lr * stage.lr
        for name, parameter in self.student.named_parameters():
            parameter.requires_grad_(not name.startswith(stage.frozen or ("\0",)))
        self.optimizer = torch.optim.AdamW(
            _groups(self.student, self.objectives, self.config), lr=lr, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, lr, total_steps=steps, pct_start=warm_up(steps)
        )
        if hooks:
            for objective in self._objectives:
                objective.start_stage(stage, self.student)

    def epoch(self) -> float:
        """One pass over all samples in a new order; the mean loss."""
        self.student.train()
        self.objectives.train()
        order = torch.randperm(len(self.y), generator=self.generator)
        if self.encoding.kind == "rate":  # other spikes in every epoch
            self._stream = int(torch.randint(1, _STREAMS, (), generator=self.generator))
        totals: dict[str, float] = {}
        count = 0
        for index in batches(order, self.config.batch):
            for name, value in self._batch(index).items():
                totals[name] = totals.get(name, 0.0) + value
            count += 1
        self._require_finite()
        self.figures = {name: total / count for name, total in totals.items()}
        for objective in self._objectives:
            self.figures.update(objective.end_epoch(self.done))
        self.done += 1
        return self.figures["loss"]

    @property
    def acceptable(self) -> bool:
        """Whether every objective lets the epoch just trained be kept."""
        return all(objective.acceptable for objective in self._objectives)

    def _context(self, teacher: Teacher | None) -> Context:
        """The context of the objectives; the student is run once for the shapes of its taps."""
        example = self.x[:EXAMPLE]
        training = self.student.training
        self.student.eval()
        paths = tuple(name for name, _ in self.student.named_modules() if name)
        with torch.no_grad():
            result = run_layers(self.student, encode_spikes(example, self.encoding), paths)
        self.student.train(training)
        shapes = {name: tuple(values.shape[2:]) for name, values in result.taps.items()}
        classes = result.output.shape[2]
        return Context(self.recipe, self.student, teacher, example, classes, shapes, self.x)

    def _batch(self, index: Tensor) -> dict[str, float]:
        x = augment(self.x[index], self.config.augmentation, self.generator)
        keys = Keys(self.config.seed, index.numpy(), self._stream)
        spikes = encode_spikes(x, self.encoding, keys)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            result = run_layers(
                self.student, spikes, self._student_taps, self.config.through_reset
            ).in_float32()
        signals = self._signals(result, x, index)
        terms: dict[str, Term] = dict(self._drive_term(signals))
        for objective in self._objectives:
            terms.update(objective(signals))
        loss = torch.stack([torch.as_tensor(term.weight * term.value) for term in terms.values()])
        total = loss.sum()
        if not torch.isfinite(total):
            raise _diverged("its loss is not finite")
        self.optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call, unused-ignore]
        self.optimizer.step()
        self.schedule.step()
        for objective in self._objectives:
            objective.after_step(self.student)
        parts = {name: float(term.value.detach()) for name, term in terms.items()}
        return {"loss": float(total.detach()), **parts}

    def _signals(self, result: Sequence, x: Tensor, index: Tensor) -> Signals:
        scale = self.config.logit_scale
        return Signals(
            scores=readout_scores(result.output, self.readout) * scale,
            logits=readout_logits(result.output, self.readout) * scale,
            output=result.output,
            drive=result.drive,
            spikes={"input": result.input, **result.spikes},
            taps=result.taps,
            y=self.y[index],
            teacher=None if self._taught is None else self._taught.outputs(x, index),
            epoch=self.done,
            epochs=self.stage.epochs,
            stage=self.stage.name,
            generator=self.generator,
        )

    def _require_finite(self) -> None:
        """Refuse weights that are not finite: their spikes would look like silence.

        Raises:
            ConfigError: the training diverged.
        """
        for name, values in self.student.state_dict().items():
            if values.is_floating_point() and not torch.isfinite(values).all():
                raise _diverged(f"{name} is not finite")

    def _drive_term(self, signals: Signals) -> Mapping[str, Term]:
        if not self.config.drive_weight:
            return {}
        drive = signals.drive.mean(0) * self.config.drive_scale
        return {"drive": Term(cross_entropy(drive, signals.y), self.config.drive_weight)}


def batches(order: Tensor, size: int) -> list[Tensor]:
    """``order`` in parts of ``size``; a single sample that is left over joins the part before it.

    BatchNorm over a single sample has no statistics.
    """
    parts = list(torch.split(order, size))
    if size > 1 and len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def _diverged(why: str) -> ConfigError:
    return ConfigError(
        f"the training diverged: {why}",
        remedy="a smaller training.lr, or less extreme options of the student and its method",
    )


def warm_up(steps: int) -> float:
    """`WARM_UP`, unless it ends on the very first of so many steps, where torch divides by 0."""
    return 1.5 / steps if math.isclose(WARM_UP * steps, 1.0) else WARM_UP


def initialise(student: nn.Module, config: TrainingConfig) -> None:
    """Scale the weights of Linear layers and set their biases, so that no population is silent."""
    with torch.no_grad():
        for module in student.modules():
            if isinstance(module, nn.Linear):
                if not math.isclose(config.weight_gain, 1.0):
                    module.weight.mul_(config.weight_gain)
                if module.bias is not None and config.bias_init:
                    module.bias.fill_(config.bias_init)


def _groups(
    student: nn.Module, objectives: nn.Module, config: TrainingConfig
) -> list[dict[str, object]]:
    """Weights, which decay, and biases, BatchNorm's vectors and train-only ones, which do not."""
    own = [p for p in student.parameters() if p.requires_grad]
    extra = [p for p in objectives.parameters() if p.requires_grad]
    return [
        {"params": [p for p in own if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in own if p.ndim <= 1] + extra, "weight_decay": 0.0},
    ]
