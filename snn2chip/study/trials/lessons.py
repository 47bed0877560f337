"""What a student learned from, in digits: its samples, and the file that its teacher is.

They are written where a training begins, so that a later run can tell whether the student that is
there, or the half of it, is still the one that the recipe means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snn2chip.distill import Recipe

SAMPLES, TEACHER = "samples", "teacher"


def lesson_of(recipe: Recipe, place: Path) -> dict[str, str]:
    """Digits of the recipe's samples and of its teacher's file.

    Args:
        place: folder that the recipe's paths are seen from.

    Raises:
        ConfigError, InputFileError: the samples cannot be read.
    """
    from snn2chip.distill.run import load_samples
    from snn2chip.distill.training.samples import split_digest

    samples = split_digest(load_samples(recipe, place))
    return {SAMPLES: samples, TEACHER: teacher_digits(recipe, place)}


def teacher_digits(recipe: Recipe, place: Path) -> str:
    """Of the teacher's file; "" where the recipe has none, asks it nothing, or it is not there.

    Whoever trains says that the file is missing; a student that is trained needs it no more.
    """
    if recipe.teacher is None or recipe.teacher.file is None or not recipe.uses_teacher:
        return ""
    found = sha256()
    try:
        with (place / recipe.teacher.file).open("rb") as file:
            while part := file.read(1 << 20):
                found.update(part)
    except OSError:
        return ""
    return found.hexdigest()[:16]


def differs(known: Mapping[str, Any], lesson: Mapping[str, str]) -> bool:
    """Whether something that both know has changed; earlier versions did not write everything."""
    pairs = ((known.get(name), lesson.get(name)) for name in (SAMPLES, TEACHER))
    return any(before and now and before != now for before, now in pairs)


def read_notes(path: Path) -> dict[str, Any]:
    """What was noted of a training; nothing where there is no such file, or none of ours."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
