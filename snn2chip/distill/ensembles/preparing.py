"""Before the first step: features are split, members made, and the teacher fine-tuned."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from snn2chip.distill.ensembles.members import (
    MEMBERS,
    classifier_of,
    columns_of,
    side_by_side,
    teacher_features,
    with_head,
)
from snn2chip.distill.ensembles.partitions import Features, Parts, partition
from snn2chip.distill.methods.base import Prepared
from snn2chip.distill.recipe import Recipe
from snn2chip.distill.sequence import run_layers
from snn2chip.distill.students import Parallel
from snn2chip.distill.teachers.base import Teacher
from snn2chip.distill.teachers.network import NetworkTeacher
from snn2chip.distill.training.trainer import batches, initialise
from snn2chip.errors import ConfigError

if TYPE_CHECKING:
    from snn2chip.distill.methods.sne import SpikingEnsemble

_TUNING_LR = 0.1
"""Of the fine-tuning, as a share of the rate with which teachers are trained."""


def prepare_members(
    options: SpikingEnsemble,
    recipe: Recipe,
    x: NDArray[np.floating],
    y: NDArray[np.int64],
    teacher: Teacher | None,
) -> Prepared:
    """Untrained members for the parts of the teacher's features, and that teacher.

    Args:
        x: training samples [sample, *input_shape]; y: their classes.

    Raises:
        ConfigError: a teacher without known features, or fewer of them than members.
    """
    path, classifier = classifier_of(teacher)
    assert teacher is not None
    values = torch.as_tensor(x, dtype=torch.float32)
    parts = _parts(options, recipe, teacher_features(teacher, path, values), classifier)
    if options.teacher_epochs:
        teacher = fine_tuned(teacher, options, recipe, values, torch.as_tensor(y), parts)
        path, classifier = classifier_of(teacher)
    features = teacher_features(teacher, path, values)
    student = side_by_side(recipe, tuple(x.shape[1:]), [part.size for part in parts])
    initialise(student, recipe.training)
    order = columns_of(parts)
    members: Parallel = student.get_submodule(MEMBERS)
    members.describe(order, features[:, order])
    scale = 1.0 / recipe.training.logit_scale
    with torch.no_grad():
        weight = classifier.weight[:, order]
        bias = classifier.bias + weight @ members.centre
        weight = weight * members.spread
    return Prepared(with_head(student, weight * scale, bias * scale), teacher)


def _parts(
    options: SpikingEnsemble, recipe: Recipe, features: Tensor, classifier: nn.Linear
) -> Parts:
    known = Features(features.double().numpy(), classifier.weight.detach().double().numpy())
    return partition(options.partition, known, options.members, recipe.training.seed)


def fine_tuned(
    teacher: Teacher,
    options: SpikingEnsemble,
    recipe: Recipe,
    x: Tensor,
    y: Tensor,
    parts: Parts,
) -> NetworkTeacher:
    """A copy of the teacher whose parts have less to do with each other.

    ``L = CE + decorrelation * mean of squared correlations between features of unequal parts``
    """
    path, _ = classifier_of(teacher)
    module = deepcopy(teacher.module)
    assert module is not None
    assert recipe.teacher is not None
    config = recipe.teacher.training
    owner = torch.empty(sum(part.size for part in parts), dtype=torch.long)
    for member, part in enumerate(parts):
        owner[torch.as_tensor(part)] = member
    apart = (owner[:, None] != owner[None, :]).float()
    optimizer = torch.optim.AdamW(module.parameters(), lr=_TUNING_LR * config.lr)
    generator = torch.Generator().manual_seed(recipe.training.seed)
    module.train()
    for _ in range(options.teacher_epochs):
        for index in batches(torch.randperm(len(y), generator=generator), config.batch):
            result = run_layers(module, x[index][None], (path,))
            features = result.taps[path][0].flatten(1)
            loss = cross_entropy(result.output[0], y[index])
            loss = loss + options.decorrelation * correlations(features, apart)
            if not torch.isfinite(loss):
                raise ConfigError(
                    "the fine-tuning of the teacher diverged", remedy="a smaller decorrelation"
                )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
            optimizer.step()
    module.eval()
    return NetworkTeacher(module)


def correlations(features: Tensor, apart: Tensor) -> Tensor:
    """Mean squared correlation of pairs with ``apart`` [feature, feature] 1."""
    centred = features - features.mean(0)
    spread = centred.pow(2).mean(0)
    shared = centred.T @ centred / len(centred)
    squares = shared.pow(2) / (spread[:, None] * spread[None, :] + 1e-8)
    return (squares * apart).sum() / apart.sum().clamp(min=1.0)
