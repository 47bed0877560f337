"""What a student learned from, in digits: its samples, and the files of its teacher and its chips.

They are written where a training begins, so that a later run can tell whether the student that is
there, or the half of it, is still the one that the recipe means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snn2chip.study.settings import leaves
from snn2chip.study.trials.grid import is_target_file

if TYPE_CHECKING:
    from snn2chip.distill import Recipe

SAMPLES, FILES = "samples", "files"


def lesson_of(recipe: Recipe, place: Path) -> dict[str, str]:
    """Digits of the recipe's samples and of the files that teach it.

    Args:
        place: folder that the recipe's paths are seen from.

    Raises:
        ConfigError, InputFileError: the samples cannot be read.
    """
    from snn2chip.distill.run import load_samples
    from snn2chip.distill.training.samples import split_digest

    samples = split_digest(load_samples(recipe, place))
    return {SAMPLES: samples, FILES: file_digits(recipe, place)}


def file_digits(recipe: Recipe, place: Path) -> str:
    """Of the teacher's file that it asks, and of target files whose prices or formats it learns.

    "" where it names none, or one is not there: whoever trains says so, and a student that is
    trained needs them no more. ``targets`` decide nothing of a student.
    """
    files = []
    if recipe.teacher is not None and recipe.teacher.file is not None and recipe.uses_teacher:
        files.append(place / recipe.teacher.file)
    learned = {key: value for key, value in recipe.to_dict().items() if key != "targets"}
    files += [Path(value) for value in leaves(learned).values() if is_target_file(value)]
    try:
        parts = [_digest(file) for file in files]
    except OSError:
        return ""
    return sha256("".join(parts).encode()).hexdigest()[:16] if parts else ""


def _digest(path: Path) -> str:
    found = sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def differs(known: Mapping[str, Any], lesson: Mapping[str, str]) -> bool:
    """Whether something that both know has changed; earlier versions did not write everything."""
    pairs = ((known.get(name), lesson.get(name)) for name in (SAMPLES, FILES))
    return any(before and now and before != now for before, now in pairs)


def read_notes(path: Path) -> dict[str, Any]:
    """What was noted of a training; nothing where there is no such file, or none of ours."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
