"""The answer of a study as JSON, which meets ``schema.json``, and its figures as CSV."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, fields
from functools import cache
from importlib.resources import files
from io import StringIO
from typing import Any

from snn2chip.report.csvfile import safe
from snn2chip.study.answer.statistics import Interval
from snn2chip.study.answer.types import Answer, Row
from snn2chip.study.types import SPLITS, Figures

SCHEMA = "snn2chip/pareto/1"
FIGURES = tuple(field.name for field in fields(Figures))


def to_dict(answer: Answer) -> dict[str, Any]:
    """The answer as plain tables, ready for JSON; shares are shares, energies nJ per inference."""
    return {
        "schema": SCHEMA,
        "tool": asdict(answer.tool),
        "study": answer.name,
        "place": answer.place,
        "cost_table": answer.cost_table or None,
        "level": answer.level,
        "trials": answer.trials,
        "done": answer.done,
        "samples": dict(answer.samples),
        "seconds": round(answer.seconds, 3),
        "settings": [_row(row) for row in answer.rows],
        "fronts": [asdict(front) for front in answer.fronts],
        "claims": [asdict(claim) for claim in answer.claims],
        "failures": list(answer.failures),
    }


def json_text(answer: Answer) -> str:
    """The JSON document."""
    text = json.dumps(to_dict(answer), indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that the document meets."""
    document = files("snn2chip.study.show").joinpath("schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(document)
    return loaded


def csv_text(answer: Answer) -> str:
    """One line for each setting, seed, place and split; unknown cells are empty."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["setting", "label", "series", "seed", "place", "split", *FIGURES])
    for row in answer.rows:
        head = [row.setting, safe(row.label), safe(row.series)]
        for place, splits in row.figures.items():
            for split in SPLITS:
                for seed, one in zip(row.seeds, splits[split], strict=True):
                    figures = [getattr(one, name) for name in FIGURES]
                    writer.writerow([*head, seed, safe(place), split, *figures])
    return out.getvalue()


def _row(row: Row) -> dict[str, Any]:
    names = (*(name for name in FIGURES if name != "samples"), "spikes")
    return {
        "setting": row.setting,
        "label": row.label,
        "series": row.series,
        "seeds": list(row.seeds),
        "parameters": row.parameters,
        "training_s": round(row.training_s, 3),
        "violations": list(row.violations),
        "fronts": list(row.fronts),
        "figures": {
            place: {
                split: {name: _interval(row.interval(split, name, place)) for name in names}
                for split in SPLITS
            }
            for place in row.figures
        },
    }


def _interval(found: Interval | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found)
