"""The folder of a study: a folder for each trial, with a result that is whole or not there.

::

    trials/<key>/recipe.toml, student.safetensors, card.md    of its training
    trials/<key>/training.json      what it learns from, in digits, and at its end how long it took
    trials/<key>/samples.npz        of each test sample: whether it is right, and its spikes
    trials/<key>/result.json        written last: the trial is done where it is there
    trials.json                     which trials there are (`snn2chip.study.kept`)
    teachers/                       shared by all trials
    trainings/<digits>.resume       of trials that differ only in how their students answer
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from math import inf
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import InputFileError
from snn2chip.files import alone_in, write_bytes
from snn2chip.study.types import SPLITS, Figures, Outcome

SCHEMA = "snn2chip/trial/1"
RESULT, SAMPLES = "result.json", "samples.npz"
MAX_BYTES = 1 << 24

Seen = tuple[NDArray[np.bool_], NDArray[np.int64]]
"""Of each test sample: whether it is right, and the spikes of its hidden and output neurons."""


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """Where a study's trials lie."""

    path: Path

    @property
    def teachers(self) -> Path:
        """Folder of the teachers that trials share."""
        return self.path / "teachers"

    def training(self, digits: str) -> Path:
        """State of a training that trials share."""
        return self.path / "trainings" / f"{digits}.resume"

    def trial(self, key: str) -> Path:
        """Folder of one trial."""
        return self.path / "trials" / key

    def outcome(self, key: str, places: Sequence[str]) -> Outcome | None:
        """What a trial measured, None where it is not done, or not in all of these places.

        Raises:
            InputFileError: a result that is none.
        """
        path = self.trial(key) / RESULT
        if not path.exists() or not (self.trial(key) / SAMPLES).exists():
            return None
        outcome = _read(path)
        measured = {*outcome.figures, *outcome.refused}
        return outcome if measured.issuperset(places) else None

    def write(self, outcome: Outcome, seen: Mapping[str, Seen]) -> None:
        """Keep what a trial measured; the result comes last."""
        arrays: dict[str, Any] = {}
        for index, place in enumerate(outcome.figures):
            correct, spikes = seen[place]
            arrays[f"correct_{index}"] = np.packbits(correct)
            arrays[f"spikes_{index}"] = spikes.astype(np.int64)
        buffer = BytesIO()
        np.savez_compressed(buffer, **arrays)
        folder = self.trial(outcome.key)
        (folder / RESULT).unlink(missing_ok=True)  # an earlier one has other samples beside it
        write_bytes(folder / SAMPLES, buffer.getvalue())
        document = {"schema": SCHEMA, **asdict(outcome)}
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        write_bytes(folder / RESULT, text.encode("utf-8", "backslashreplace"))

    def per_sample(self, key: str, place: str) -> Seen:
        """What became of each test sample in a place.

        Raises:
            InputFileError: the files of the trial do not belong together.
        """
        path = self.trial(key) / SAMPLES
        outcome = _read(self.trial(key) / RESULT)
        try:
            index = list(outcome.figures).index(place)
            count = outcome.figures[place]["test"].samples
            with np.load(path, allow_pickle=False) as file:
                correct = np.unpackbits(file[f"correct_{index}"], count=count).astype(np.bool_)
                spikes = file[f"spikes_{index}"].astype(np.int64)
            if spikes.shape != (count,):
                raise ValueError(f"{spikes.shape} spikes of {count} samples")
        except (OSError, ValueError, LookupError, BadZipFile, EOFError) as error:
            raise _damaged(path, error) from error
        return correct, spikes

    def locked(self) -> AbstractContextManager[None]:
        """Keeps a second run out of the folder, as far as the system can.

        Raises:
            ConfigError: another run is at work here.
        """
        return alone_in(self.path, "another run of a study")


def _read(path: Path) -> Outcome:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        document = json.loads(path.read_text("utf-8"), parse_constant=_no_number)
        if document.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        figures = {
            place: {split: _figures(splits[split]) for split in SPLITS}
            for place, splits in document.pop("figures").items()
        }
        broken = {t: tuple(v) for t, v in document.pop("violations").items()}
        return _checked(Outcome(figures=figures, violations=broken, **document))
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise _damaged(path, error) from error


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _figures(table: Mapping[str, Any]) -> Figures:
    found = Figures(**table)
    for item in fields(Figures):
        value, least = getattr(found, item.name), 1 if item.name == "samples" else 0
        if value is None and item.default is None:
            continue
        if type(value) not in (int, float) or not least <= value < inf:
            raise ValueError(f"{item.name} = {str(value)[:40]!r} is no figure")
    if found.accuracy > 1 or type(found.samples) is not int:
        raise ValueError("an accuracy above 1, or a part of a sample")
    return found


def _checked(outcome: Outcome) -> Outcome:
    """Every field of the type that it has where it was written."""
    for name in ("parameters", "epoch", "training_s", "total_s"):
        if type(getattr(outcome, name)) not in (int, float):
            raise TypeError(f"{name} is no number")
    for name in ("key", "tool", "samples", "files"):
        if type(getattr(outcome, name)) is not str:
            raise TypeError(f"{name} is no text")
    for name in ("cost_tables", "refused", "digests"):
        if any(type(word) is not str for word in getattr(outcome, name).values()):
            raise TypeError(f"{name} are no texts")
    return outcome


def _damaged(path: Path, error: Exception) -> InputFileError:
    return InputFileError(
        f"{path}: no result of a trial: {type(error).__name__}: {error}",
        remedy="remove the file: the trial is measured again",
    )
