"""Reports that are read back as they were written, and what can be said of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from snn2chip.cli import console

if TYPE_CHECKING:
    from snn2chip.report import Report

REPORT = "report.json"


def place_of(given: str) -> Path:
    """The report of a folder, or the file itself.

    Raises:
        InputFileError: a folder whose manifest is damaged, or that holds what is no regular file.
    """
    from snn2chip.compiled import ACTIVITY, read_manifest, require_file

    path = Path(given)
    if not path.is_dir():
        return path
    require_file(path / ACTIVITY)
    manifest = read_manifest(path)
    if manifest is not None and ACTIVITY in manifest["files"] and not (path / ACTIVITY).exists():
        console.note(f"{path}: {ACTIVITY} is gone, so that only {REPORT} is left of the run")
    return path / REPORT


def report_of(path: Path) -> Report:
    """The report, after a word on standard error where its figures are of unknown origin.

    Raises:
        InputFileError: no report, or not the one that was written with its folder.
    """
    from snn2chip import pipeline
    from snn2chip.report import saved

    found, checked = saved.read_checked(path)
    since = pipeline.target_since(path.parent) if checked else None
    if not checked:
        console.note(f"{path}: nothing of it could be checked: no manifest.json lists it")
    elif since is not None:
        verb = "is" if since == "gone" else "has"
        console.note(
            f"{path}: the file of target {found.target.name} {verb} {since} since the run; figures "
            "stand as they were written"
        )
    return found
