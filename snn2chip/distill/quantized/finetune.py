"""Fine-tuning in a target's integers: the training sees the weights that the program will hold."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import norse.torch as norse
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from snn2chip.core import Activity
from snn2chip.distill.checkpoint import CheckpointMetadata
from snn2chip.distill.quantized.folding import built, fold_norms, sites, with_losses
from snn2chip.distill.quantized.integers import IntegerSide, Quantized, chosen_chip
from snn2chip.distill.quantized.straight import attach, keep_inside, regrid, tensors
from snn2chip.distill.recipe import QuantizationConfig, Recipe, recipe_from_dict
from snn2chip.distill.teachers.base import Teacher
from snn2chip.distill.training import Progress, ProgressCallback, Trainer, hold_out, torch_state
from snn2chip.graph import Graph
from snn2chip.graph.operators import weights_of
from snn2chip.quantize import Grid, squared_error

STAGE = "fine-tune"
LR_SHARE = 0.5
"""Of the training's learning rate, where the fine-tuning names none."""

MULTIPLIERS = tuple(2.0 ** (k / 4) for k in range(13))
"""Of the finest scale that cuts no weight: what the fine-tuning may begin with."""


@dataclass(frozen=True, eq=False)
class QuantizedFit:
    """A student that was fine-tuned for a target.

    Attributes:
        student: in evaluation mode; its weights are those of ``after`` exactly, told in floats.
        metadata: of the student that was given, with the layers that this one has.
        before: the student that was given, quantized after its training.
        after: the fine-tuned student; both as ``simulate`` quantizes them.
        accuracies: of the program where epochs are judged: before the first, and after each.
        epoch: the one that was kept; 0 is before the first.
        losses: mean loss of each epoch.
        seconds: wall time of all of it.
    """

    student: norse.SequentialState
    metadata: CheckpointMetadata
    before: Quantized
    after: Quantized
    accuracies: tuple[float, ...]
    epoch: int
    losses: tuple[float, ...]
    seconds: float


def finetune_quantized(
    student: norse.SequentialState,
    metadata: CheckpointMetadata,
    x: NDArray[np.floating],
    y: NDArray[np.int64],
    config: QuantizationConfig,
    progress: ProgressCallback | None = None,
    teacher: Teacher | None = None,
) -> QuantizedFit:
    """Train a student further, with every weight and bias rounded as the target holds it.

    BatchNorm is folded first, so that what is trained is what is exported. The training begins
    with the scales at which rounding changes the weights least. After every epoch the back end
    derives the scales from the weights anew, and the epoch is kept whose integer program is right
    most often on the share of the samples that the training held out (``data.validation``), so
    that the student has never seen them; where it held out none, on all of them, because epochs
    would be judged by how much they remember of a part. The same arguments give the same student
    on one machine.

    Args:
        student: trained, in evaluation mode, such as `load_checkpoint` returns; it is left as it
            is.
        metadata: with the recipe, whose training options hold but for epochs and lr.
        x: values [sample, *input_shape] in [0, 1], of the training split only.
        y: classes [sample].
        teacher: of a method that has one.

    Raises:
        ConfigError: no such target or width, a target without integers, or a training that
            diverged.
        UnsupportedError: layers whose weights are not the chip's one by one, or what the target
            has not.
    """
    start = time.perf_counter()
    side = IntegerSide(chosen_chip(config), metadata, x)
    recipe = _tuning(recipe_from_dict(metadata.recipe, "the checkpoint's recipe"), config)
    with torch_state(recipe.training):
        run = _Run(side, recipe, metadata, student, x, y, teacher)
        losses: list[float] = []
        run.judge()
        for epoch in range(1, config.epochs + 1):
            losses.append(run.trainer.epoch())
            accuracy = run.judge()
            if progress is not None:
                progress(Progress(STAGE, epoch, config.epochs, losses[-1], accuracy))
        kept = built(run.layers, run.kept, metadata.discretization.dt)
    graph = side.graph(kept)
    return QuantizedFit(
        student=kept,
        metadata=replace(metadata, architecture=tuple(run.layers)),
        before=run.before,
        after=side.searched(graph, side.reference(graph)),
        accuracies=tuple(run.accuracies),
        epoch=run.epoch,
        losses=tuple(losses),
        seconds=time.perf_counter() - start,
    )


def _tuning(recipe: Recipe, config: QuantizationConfig) -> Recipe:
    """The recipe with the epochs and the learning rate of the fine-tuning.

    In float32 throughout: bfloat16 would round the chip's weights once more.
    """
    lr = config.lr or LR_SHARE * recipe.training.lr
    training = replace(recipe.training, epochs=config.epochs, lr=lr, precision="float32")
    return replace(recipe, training=training, quantization=config)


class _Run:
    """The student that is fine-tuned, and the best of its epochs so far."""

    def __init__(
        self,
        side: IntegerSide,
        recipe: Recipe,
        metadata: CheckpointMetadata,
        student: norse.SequentialState,
        x: NDArray[np.floating],
        y: NDArray[np.int64],
        teacher: Teacher | None = None,
    ) -> None:
        self._side, self._dt = side, metadata.discretization.dt
        graph = side.graph(student)
        # It tells how far membranes go; that of the student as it was serves all epochs.
        self._reference = side.reference(graph)
        self.before = side.searched(graph, self._reference)
        layers, folded = fold_norms(metadata.architecture, student, self._dt)
        losses = {n: float(g.loss.flat[0]) for n, g in side.grids(self.before).items()}
        self.layers, trained = with_losses(layers, folded, self._dt, losses)
        attach(trained, sites(self.layers), closest(side, side.graph(trained), self._reference))
        keep_inside(trained)
        inner, held = hold_out(recipe.data, y)
        judges = held if held.any() else inner
        self._judges = x[judges], y[judges]
        self.trainer = Trainer(recipe, trained, x[inner], y[inner], teacher)
        self.trainer.optimizer.register_step_post_hook(lambda *_: keep_inside(trained))
        self.accuracies: list[float] = []
        self._best = (False, 0.0)
        self.kept: Sequence[Mapping[str, Tensor]] = ()
        self.epoch = 0

    def judge(self) -> float:
        """Derives the scales anew; the accuracy of the rounded weights where epochs are judged."""
        trained = self.trainer.student
        regrid(trained, self._side.grids(self._quantized(tensors(trained, rounded=False))))
        rounded = tensors(trained, rounded=True)
        found = self._quantized(rounded).accuracy(*self._judges)
        rank = (self.trainer.acceptable, found)
        if rank >= self._best:
            self.kept, self.epoch, self._best = rounded, len(self.accuracies), rank
        self.accuracies.append(found)
        return found

    def _quantized(self, weights: Sequence[Mapping[str, Tensor]]) -> Quantized:
        graph = self._side.graph(built(self.layers, weights, self._dt))
        return self._side.derived(graph, self._reference)


def closest(side: IntegerSide, graph: Graph, reference: Activity) -> dict[str, Grid]:
    """Of each population the grid that changes its incoming weights least, in the squared sum."""
    found: dict[str, Grid] = {}
    least: dict[str, float] = {}
    names = [p.name for p in graph.populations if not p.is_input]
    for multiplier in MULTIPLIERS:
        grids = side.grids(side.derived(graph, reference, dict.fromkeys(names, multiplier)))
        for projection in graph.projections:
            grid = grids[projection.target]
            error = squared_error(weights_of(projection.operator), grid)
            if error < least.get(projection.target, np.inf):
                least[projection.target], found[projection.target] = error, grid
    return found
