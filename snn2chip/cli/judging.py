"""Limits that a user sets: read from flags and files, written as JUnit XML, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from snn2chip.cli import console
from snn2chip.errors import DriftError, ThresholdError

if TYPE_CHECKING:
    from snn2chip.cli.groups import ThresholdFlags
    from snn2chip.core import Violation
    from snn2chip.pipeline import Judgement, Thresholds


def thresholds_of(flags: ThresholdFlags) -> Thresholds:
    """The limits of the flags, and under them those of the file.

    Raises:
        ConfigError, InputFileError: a limit that is none, or a file that cannot be read.
    """
    from snn2chip.pipeline import Thresholds, read_thresholds

    said = Thresholds(**{f.name: getattr(flags, f.name) for f in fields(Thresholds)})
    if flags.thresholds is None:
        return said
    return said.over(read_thresholds(flags.thresholds))


def write_junit(path: Path | None, judgement: Judgement, violations: Sequence[Violation]) -> None:
    """Writes what was judged, where the user wants it."""
    from snn2chip.report import junit

    if path is not None:
        junit.write(judgement, violations, path)


def refuse(judgement: Judgement, violations: Sequence[Violation]) -> None:
    """Says every missed limit and every broken one, and ends the command.

    Raises:
        DoesNotFitError: a limit of the chip is broken.
        ThresholdError: a limit of the user is missed.
        DriftError: that of the drift is, and no other.
    """
    errors = judgement.errors
    for error in errors:
        console.complain(error)
    console.refuse(violations)
    if errors:
        count = len(errors)
        only_drift = all(isinstance(error, DriftError) for error in errors)
        kind = DriftError if only_drift else ThresholdError
        raise kind(f"{count} of your limits missed" if count > 1 else "a limit of yours is missed")
