"""One trial: trained, measured and kept. What is there already is not done again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from snn2chip import __version__
from snn2chip.files import write_bytes, write_text
from snn2chip.study.settings import changed, found
from snn2chip.study.trials.measuring import measure
from snn2chip.study.trials.store import StudyFolder
from snn2chip.study.trials.toml import toml_text
from snn2chip.study.types import Outcome, Trial

if TYPE_CHECKING:
    from snn2chip.distill import Progress, Recipe

Tell: TypeAlias = Callable[[str, int, int], None]

TRAINING = "training.json"
_PATHS = ("data.name", "teacher.file")
"""Keys of a recipe that may hold a path, seen from the recipe's folder."""


@dataclass(frozen=True, slots=True)
class Work:
    """A trial and where it is done.

    Attributes:
        base: folder that the base recipe's paths are seen from.
        targets: on which it is measured.
        anew: whatever is there comes of other samples.
    """

    trial: Trial
    folder: StudyFolder
    base: Path
    targets: tuple[str, ...]
    anew: bool = False


def run_trial(work: Work, tell: Tell | None = None) -> Outcome:
    """Train, measure and keep one trial, or go on with it where it was broken off.

    Args:
        tell: called with (stage, done, total) after every epoch.

    Raises:
        Snn2chipError: the recipe cannot be trained or measured.
    """
    from snn2chip.distill import recipe_from_dict
    from snn2chip.frontends.ensemble import FILE
    from snn2chip.pipeline.opening import CHECKPOINT

    began = time.perf_counter()
    place = work.folder.trial(work.trial.key)
    recipe = recipe_from_dict(moved(work.trial.tables, work.base, place), str(place))
    if work.anew or not _is_trained(place):
        _train(work, recipe, place, tell)
    if tell is not None:
        tell("measure", 0, 1)
    made = place / (FILE if recipe.method.several else CHECKPOINT)
    measured = measure(made, recipe, place, work.targets)
    spent = _training(place)
    outcome = Outcome(
        key=work.trial.key,
        figures=measured.figures,
        parameters=measured.parameters,
        epoch=int(spent.get("epoch", 0)),
        training_s=float(spent.get("seconds", 0.0)),
        total_s=time.perf_counter() - began,
        cost_tables=measured.cost_tables,
        violations=measured.violations,
        refused=measured.refused,
        tool=__version__,
        samples=measured.samples,
    )
    work.folder.write(outcome, measured.seen)
    return outcome


def moved(tables: Mapping[str, Any], base: Path, place: Path) -> dict[str, Any]:
    """The recipe as it reads in another folder: relative paths lead to the same files."""
    changes = {}
    for key in _PATHS:
        value = found(tables, key)
        if isinstance(value, str) and Path(value).suffix and not os.path.isabs(value):
            changes[key] = os.path.relpath(base / value, place)
    return changed(tables, changes)


def _train(work: Work, recipe: Recipe, place: Path, tell: Tell | None) -> None:
    from snn2chip.distill import distill
    from snn2chip.distill.run import RECIPE_NAME
    from snn2chip.distill.training.state import fingerprint

    tables = moved(work.trial.tables, work.base, place)
    file = write_text(place / RECIPE_NAME, toml_text(tables))
    (place / TRAINING).unlink(missing_ok=True)
    shared = None
    if recipe.method.answering:  # which other trials may leave out
        shared = work.folder.training(fingerprint(recipe)[:16])

    def epoch(done: Progress) -> None:
        if tell is not None:
            tell(done.stage, done.epoch, done.epochs)

    made = distill(
        file,
        place,
        progress=epoch,
        restart=work.anew,
        teachers=work.folder.teachers,
        shared=shared,
    )
    spent = {"seconds": made.seconds, "epochs": len(made.history), "epoch": made.epoch}
    write_bytes(place / TRAINING, json.dumps(spent).encode())


def _is_trained(place: Path) -> bool:
    """What it ends in is there, and nothing of an unfinished training."""
    from snn2chip.distill.folder import RESUME
    from snn2chip.frontends.ensemble import FILE
    from snn2chip.pipeline.opening import CHECKPOINT

    made = any((place / name).exists() for name in (CHECKPOINT, FILE))
    return made and not (place / RESUME).exists()


def _training(place: Path) -> dict[str, Any]:
    try:
        found = json.loads((place / TRAINING).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
