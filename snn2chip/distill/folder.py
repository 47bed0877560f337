"""The folder of a run: what lies in it while the training goes on, and afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import norse.torch as norse

from snn2chip.data import Split
from snn2chip.distill.checkpoint import CheckpointMetadata, load_checkpoint, save_checkpoint
from snn2chip.distill.recipe import Recipe
from snn2chip.distill.teachers.base import Teacher
from snn2chip.distill.teachers.making import teacher_in_file, trained_teacher
from snn2chip.distill.teachers.network import teacher_recipe
from snn2chip.distill.training import ProgressCallback
from snn2chip.distill.training.state import fingerprint
from snn2chip.errors import Snn2chipError
from snn2chip.frontends.ensemble import FILE as ENSEMBLE
from snn2chip.frontends.ensemble import GATE
from snn2chip.graph.ensemble import MOST_MEMBERS
from snn2chip.pipeline.opening import CHECKPOINT

RESUME, BEST, LAST = "training.resume", "best.safetensors", "last.safetensors"
TEACHER = "teacher"


@dataclass(frozen=True)
class RunFolder:
    """Files of one run.

    Attributes:
        metadata: of the student's checkpoints.
        teachers: folder that keeps teachers by what they were trained with, or None for this one.
        shared: state of the student's training where other runs have the same one; it stays when
            the training is done, so that they find it finished.
    """

    path: Path
    metadata: CheckpointMetadata
    teachers: Path | None = None
    shared: Path | None = None

    @property
    def resume(self) -> Path:
        """State of the student's training."""
        return self.shared or self.path / RESUME

    def missing(self, recipe: Recipe) -> tuple[str, ...]:
        """Files that the recipe names, and that the copy of it here does not find."""
        return tuple(name for name in recipe.files if not (self.path / name).exists())

    def forget(self, recipe: Recipe) -> None:
        """Remove what an unfinished run left; teachers that are done stay."""
        for name in (RESUME, BEST, LAST):
            (self.path / name).unlink(missing_ok=True)
        for path in (self.resume, self._teacher_file(recipe).with_suffix(".resume")):
            path.unlink(missing_ok=True)

    def keep(self, student: norse.SequentialState, best: bool) -> None:
        """The student after an epoch, and again where it is the best so far."""
        save_checkpoint(self.path / LAST, student, self.metadata)
        if best:
            save_checkpoint(self.path / BEST, student, self.metadata)

    def finish(self, several: bool = False) -> None:
        """Remove what only an unfinished run needs, and the student of another kind of method.

        The best epoch is the student now; a folder holds one student, or one ensemble.

        Args:
            several: an ensemble lies there now.
        """
        members = (f"m{k}.safetensors" for k in range(MOST_MEMBERS))
        others = (CHECKPOINT,) if several else (ENSEMBLE, GATE, *members)
        for name in (RESUME, BEST, *others):
            (self.path / name).unlink(missing_ok=True)

    def teacher(
        self,
        recipe: Recipe,
        split: Split,
        base: Path,
        progress: ProgressCallback | None = None,
    ) -> Teacher | None:
        """The recipe's teacher, trained where it is not there yet.

        Args:
            base: folder that a teacher's file is seen from.
        """
        config = recipe.teacher
        if config is None:
            return None
        if config.file is not None:
            return teacher_in_file(base / config.file, split, config.gives)
        return trained_teacher(recipe, split, self._teacher_file(recipe), progress)

    def _teacher_file(self, recipe: Recipe) -> Path:
        """Where a teacher that the recipe trains is kept."""
        name = TEACHER
        if self.teachers is not None and recipe.teacher is not None and not recipe.teacher.file:
            name = f"{TEACHER}-{fingerprint(teacher_recipe(recipe))[:12]}"
        return (self.teachers or self.path) / f"{name}.safetensors"


def earlier_recipe(folder: Path) -> Mapping[str, Any] | None:
    """Tables of the recipe of the student, or of the first member, in a folder; None without."""
    for name in (CHECKPOINT, "m0.safetensors"):
        with suppress(Snn2chipError):
            if (folder / name).is_file():
                return load_checkpoint(folder / name)[1].recipe
    return None
