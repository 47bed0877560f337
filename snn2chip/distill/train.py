"""The training loop: deterministic for a recipe on one machine, and silent but for a callback."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import norse.torch as norse
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from snn2chip.distill.augment import augment
from snn2chip.distill.recipe import Recipe, TrainingConfig
from snn2chip.distill.sequence import Sequence, encode_spikes, evaluate, readout_scores, run_layers
from snn2chip.distill.students import architecture, build_student
from snn2chip.errors import ConfigError
from snn2chip.graph import Readout

WARM_UP = 0.1
"""Share of the training in which the learning rate rises."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One finished epoch.

    Attributes:
        stage: ``train``, or ``fold 1/5`` and so on.
        loss: mean over the epoch's batches.
        accuracy: on the recipe's validation share, or None where it has none.
    """

    stage: str
    epoch: int
    epochs: int
    loss: float
    accuracy: float | None = None


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Fit:
    """A trained student, in evaluation mode; ``epoch`` is the one that was kept."""

    student: norse.SequentialState
    epoch: int
    seconds: float
    losses: tuple[float, ...]


def fit(
    recipe: Recipe,
    x: NDArray[np.float64],
    y: NDArray[np.int64],
    stage: str = "train",
    progress: ProgressCallback | None = None,
) -> Fit:
    """Train a recipe's student.

    The same recipe and samples give the same weights on one machine. torch's own random state and
    thread count are left as they were.

    Args:
        x: values [sample, *input_shape] in [0, 1].
        y: classes [sample], 0 ... classes - 1.

    Raises:
        ConfigError: the training diverged, or the recipe does not fit the samples.
    """
    start = time.perf_counter()
    with torch_state(recipe.training):
        inner, judge = hold_out(recipe.training, y)
        trainer = Trainer(recipe, _new_student(recipe, x, y), x[inner], y[inner])
        readout, encoding = Readout(recipe.student.readout), recipe.encoding.to_graph()
        losses: list[float] = []
        best, kept, weights = -1.0, recipe.training.epochs, None
        for epoch in range(1, recipe.training.epochs + 1):
            losses.append(trainer.epoch())
            accuracy = None
            if judge.any():
                accuracy = evaluate(trainer.student, x[judge], y[judge], encoding, readout).accuracy
                if accuracy >= best:
                    best, kept = accuracy, epoch
                    weights = deepcopy(trainer.student.state_dict())
            if progress is not None:
                progress(Progress(stage, epoch, recipe.training.epochs, losses[-1], accuracy))
        if weights is not None:
            trainer.student.load_state_dict(weights)
    trainer.student.eval()
    return Fit(trainer.student, kept, time.perf_counter() - start, tuple(losses))


def _new_student(
    recipe: Recipe, x: NDArray[np.float64], y: NDArray[np.int64]
) -> norse.SequentialState:
    """The recipe's student for these samples, before any training."""
    layers = architecture(recipe.student, tuple(x.shape[1:]), int(y.max()) + 1)
    student = build_student(layers, recipe.encoding.dt)
    _initialise(student, recipe.training)
    return student


class Trainer:
    """A student with its samples, optimizer and schedule; all options are those of the recipe.

    Args:
        student: is trained in place.
        x: values [sample, *input_shape] in [0, 1].
        y: classes [sample].
    """

    def __init__(
        self,
        recipe: Recipe,
        student: norse.SequentialState,
        x: NDArray[np.float64],
        y: NDArray[np.int64],
    ) -> None:
        self.recipe = recipe
        self.config = recipe.training
        self.encoding = recipe.encoding.to_graph()
        self.readout = Readout(recipe.student.readout)
        self.x = torch.as_tensor(x, dtype=torch.float32)
        self.y = torch.as_tensor(y)
        self.student = student
        self.generator = torch.Generator().manual_seed(self.config.seed)
        batches = -(-len(y) // self.config.batch)
        self.optimizer = torch.optim.AdamW(_groups(self.student, self.config), lr=self.config.lr)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            self.config.lr,
            total_steps=self.config.epochs * batches,
            pct_start=WARM_UP,
        )

    def epoch(self) -> float:
        """One pass over all samples in a new order; the mean loss."""
        self.student.train()
        order = torch.randperm(len(self.y), generator=self.generator)
        losses = [self._batch(index) for index in torch.split(order, self.config.batch)]
        return sum(losses) / len(losses)

    def _batch(self, index: Tensor) -> float:
        x = augment(self.x[index], self.config.augmentation, self.generator)
        result = run_layers(self.student, encode_spikes(x, self.encoding))
        loss = self._loss(result, self.y[index])
        if not torch.isfinite(loss):
            raise ConfigError(
                "the training diverged: its loss is not finite", remedy="a smaller training.lr"
            )
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
        self.optimizer.step()
        self.schedule.step()
        return float(loss.detach())

    def _loss(self, result: Sequence, y: Tensor) -> Tensor:
        config = self.config
        smoothing = config.label_smoothing
        logits = readout_scores(result.output, self.readout) * config.logit_scale
        loss = cross_entropy(logits, y, label_smoothing=smoothing)
        if config.drive_weight:
            drive = result.drive.mean(0) * config.drive_scale
            loss = loss + config.drive_weight * cross_entropy(drive, y, label_smoothing=smoothing)
        if config.rate_penalty:
            for spikes in result.spikes.values():
                loss = loss + config.rate_penalty * spikes.mean()
        return loss


def _initialise(student: nn.Module, config: TrainingConfig) -> None:
    """Scale the weights of Linear layers and set their biases, so that no population is silent."""
    with torch.no_grad():
        for module in student.modules():
            if isinstance(module, nn.Linear):
                module.weight.mul_(config.weight_gain)
                if module.bias is not None:
                    module.bias.fill_(config.bias_init)


def _groups(student: nn.Module, config: TrainingConfig) -> list[dict[str, object]]:
    """Weights, which decay, and biases and BatchNorm's vectors, which do not."""
    parameters = list(student.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def hold_out(
    config: TrainingConfig, y: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks [sample] of the samples that train and of those that judge epochs, class by class."""
    judge = np.zeros(len(y), np.bool_)
    generator = np.random.default_rng(config.seed)
    for label in np.unique(y):
        members = generator.permutation(np.flatnonzero(y == label))
        judge[members[: round(config.validation * len(members))]] = True
    if judge.all():
        raise ConfigError(
            f"validation = {config.validation:g} of {len(y)} samples",
            needs="samples that are left to train on",
            remedy="a smaller share",
        )
    return ~judge, judge


@contextmanager
def torch_state(config: TrainingConfig) -> Iterator[None]:
    """The recipe's seed and thread count, and afterwards those of before."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
