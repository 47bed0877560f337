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
from snn2chip.errors import InputFileError
from snn2chip.files import write_bytes, write_text
from snn2chip.study.settings import changed, found
from snn2chip.study.trials.grid import PATHS, is_path
from snn2chip.study.trials.lessons import FILES, SAMPLES, differs, lesson_of, read_notes
from snn2chip.study.trials.measuring import measure
from snn2chip.study.trials.store import StudyFolder
from snn2chip.study.trials.toml import toml_text
from snn2chip.study.types import Outcome, Trial

if TYPE_CHECKING:
    from snn2chip.distill import Progress, Recipe

Tell: TypeAlias = Callable[[str, int, int], None]

TRAINING = "training.json"


@dataclass(frozen=True, slots=True)
class Work:
    """A trial and where it is done.

    Attributes:
        base: folder that the base recipe's paths are seen from.
        targets: on which it is measured.
    """

    trial: Trial
    folder: StudyFolder
    base: Path
    targets: tuple[str, ...]


def run_trial(work: Work, tell: Tell | None = None) -> Outcome:
    """Train, measure and keep one trial, or go on with it where it was broken off.

    A student that learned from other samples or another teacher's file is trained anew.

    Args:
        tell: called with (stage, done, total) after every epoch.

    Raises:
        Snn2chipError: the recipe cannot be trained or measured; the samples changed meanwhile.
    """
    from snn2chip.distill import recipe_from_dict
    from snn2chip.frontends.ensemble import FILE
    from snn2chip.pipeline.opening import CHECKPOINT

    began = time.perf_counter()
    place = work.folder.trial(work.trial.key)
    recipe = recipe_from_dict(moved(work.trial.tables, work.base, place), str(place))
    place.mkdir(parents=True, exist_ok=True)  # paths of the recipe lead through it
    lesson = lesson_of(recipe, place)
    anew = differs(_known(work, place), lesson)
    if anew or not _is_trained(place):
        _train(work, recipe, place, lesson, anew, tell)
    if tell is not None:
        tell("measure", 0, 1)
    made = place / (FILE if recipe.method.several else CHECKPOINT)
    measured = measure(made, recipe, place, work.targets)
    if measured.samples != lesson[SAMPLES]:
        raise InputFileError(
            f"data {work.trial.tables['data']['name']}: changed while the student was trained",
            needs="the same samples from the beginning to the end of a trial",
            remedy="the same command trains it anew",
        )
    spent = read_notes(place / TRAINING)
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
        files=str(spent.get(FILES, "")),
        digests=measured.digests,
    )
    work.folder.write(outcome, measured.seen)
    return outcome


def moved(tables: Mapping[str, Any], base: Path, place: Path) -> dict[str, Any]:
    """The recipe as it reads in another folder: relative paths lead to the same files."""
    changes = {}
    for key in PATHS:
        value = found(tables, key)
        if is_path(value) and not os.path.isabs(value):
            file = base / value
            # the system follows links before it goes up: a path through one is not what it seems
            real = os.path.join(os.path.realpath(file.parent), file.name)
            changes[key] = os.path.relpath(real, os.path.realpath(place))
    return changed(tables, changes)


def _known(work: Work, place: Path) -> dict[str, Any]:
    """What the training that is there learned from, as far as it is known.

    Earlier versions noted nothing where it began, but the samples where its student was measured.
    """
    notes = read_notes(place / TRAINING)
    if SAMPLES not in notes:
        earlier = work.folder.outcome(work.trial.key, ())
        notes[SAMPLES] = "" if earlier is None else earlier.samples
    return notes


def _train(
    work: Work,
    recipe: Recipe,
    place: Path,
    lesson: Mapping[str, str],
    anew: bool,
    tell: Tell | None,
) -> None:
    """Train the student, or go on with its training.

    Args:
        anew: what is there comes of another lesson.
    """
    from snn2chip.distill import distill
    from snn2chip.distill.folder import RESUME
    from snn2chip.distill.run import RECIPE_NAME

    tables = moved(work.trial.tables, work.base, place)
    file = write_text(place / RECIPE_NAME, toml_text(tables))
    noted, shared = [place / TRAINING], None
    if digits := shared_training(recipe):
        shared = work.folder.training(digits)
        noted.append(shared.with_suffix(".json"))
        anew = differs(read_notes(noted[-1]), lesson) if noted[-1].exists() else anew
    if anew:  # before the new lesson is noted: whoever finds both takes them for one another's
        (shared or place / RESUME).unlink(missing_ok=True)
    for notes in noted:
        write_bytes(notes, json.dumps(dict(lesson)).encode())

    def epoch(done: Progress) -> None:
        if tell is not None:
            tell(done.stage, done.epoch, done.epochs)

    made = distill(
        file,
        place,
        progress=epoch,
        restart=anew,
        teachers=work.folder.teachers,
        shared=shared,
    )
    spent = {"seconds": made.seconds, "epochs": len(made.history), "epoch": made.epoch}
    write_bytes(place / TRAINING, json.dumps({**lesson, **spent}).encode())


def shared_training(recipe: Recipe) -> str:
    """Digits of a training that other trials may have too; "" of one that is a trial's own.

    Trials share it that differ only in how their students answer.
    """
    from snn2chip.distill.training.state import fingerprint

    return fingerprint(recipe)[:16] if recipe.method.answering else ""


def _is_trained(place: Path) -> bool:
    """What it ends in is there, and nothing of an unfinished training."""
    from snn2chip.distill.folder import RESUME
    from snn2chip.frontends.ensemble import FILE
    from snn2chip.pipeline.opening import CHECKPOINT

    made = any((place / name).exists() for name in (CHECKPOINT, FILE))
    notes = read_notes(place / TRAINING)
    ended = "seconds" in notes or not notes  # of earlier versions there are none until the end
    return made and ended and not (place / RESUME).exists()
