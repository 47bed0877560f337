"""Teachers that are PyTorch modules: the layers of a student with ReLU, trained as students are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import norse.torch as norse
import torch
from torch import Tensor

from snn2chip.distill.methods.cross_entropy import CrossEntropy
from snn2chip.distill.recipe import EncodingConfig, Recipe
from snn2chip.distill.sequence import run_layers
from snn2chip.distill.teachers.base import TeacherSignals
from snn2chip.errors import ConfigError, did_you_mean


@dataclass(frozen=True, eq=False)
class NetworkTeacher:
    """A teacher of ours, in evaluation mode."""

    module: norse.SequentialState

    def outputs(self, x: Tensor, taps: Sequence[str] = ()) -> TeacherSignals:
        with torch.no_grad():
            result = run_layers(self.module, x[None], taps)
        for path in taps:
            if path not in result.taps:
                known = [name for name, _ in self.module.named_modules() if name]
                raise ConfigError(
                    f"teacher tap {path!r}: no such module",
                    has=", ".join(known),
                    remedy=did_you_mean(path, known),
                )
        return TeacherSignals(result.output[0], {name: y[0] for name, y in result.taps.items()})


def teacher_recipe(recipe: Recipe) -> Recipe:
    """The recipe by which the teacher of ``recipe`` is trained, on the same samples."""
    assert recipe.teacher is not None
    return replace(
        recipe,
        student=recipe.teacher.network(),
        encoding=EncodingConfig("direct", steps=1),
        teacher=None,
        training=recipe.teacher.training,
        method=CrossEntropy(),
        penalties=(),
        quantization=None,
        targets=(),
    )
