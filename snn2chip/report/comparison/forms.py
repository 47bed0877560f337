"""Comparisons as JSON, which meets ``schema.json``, and as CSV, safe in a spreadsheet."""

from __future__ import annotations

import csv
import json
from dataclasses import fields
from functools import cache
from importlib.resources import files
from io import StringIO
from typing import Any

from snn2chip.report.comparison.changes import Change, Changes
from snn2chip.report.comparison.targets import Comparison, TargetRow
from snn2chip.report.csvfile import safe


def json_text(compared: Comparison | Changes) -> str:
    """The JSON document."""
    text = json.dumps(compared.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that both kinds of comparison meet."""
    document = files("snn2chip.report.comparison").joinpath("schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(document)
    return loaded


def csv_text(compared: Comparison | Changes) -> str:
    """One line per target, or per figure and layer; unknown cells are empty."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if isinstance(compared, Comparison):
        writer.writerow([field.name for field in fields(TargetRow)])
        for row in compared.targets:
            writer.writerow([_cell(getattr(row, field.name)) for field in fields(TargetRow)])
    else:
        writer.writerow([field.name for field in fields(Change)])
        for change in (*compared.totals, *compared.layers):
            writer.writerow([_cell(getattr(change, field.name)) for field in fields(Change)])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, tuple):
        return safe("; ".join(value))
    if isinstance(value, dict):
        return safe("; ".join(f"{number} {grade}" for grade, number in value.items()))
    return value
