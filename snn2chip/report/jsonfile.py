"""The report as a JSON file: fixed key order, finite numbers, written at once or not at all."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from snn2chip.files import write_text
from snn2chip.report.types import Report


def text(report: Report) -> str:
    """The JSON report; lone surrogates of foreign names become JSON escapes."""
    document = json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    return document.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"


def write(report: Report, path: str | Path) -> None:
    """Write the JSON report to ``path``."""
    write_text(path, text(report))


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that every JSON report meets."""
    document = files("snn2chip.report").joinpath("schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(document)
    return loaded
