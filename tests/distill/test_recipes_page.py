"""The page of all keys has them all, with the defaults that there are."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="recipes name methods, which are torch modules")

from snn2chip.distill.recipe import (
    AugmentationConfig,
    DataConfig,
    EncodingConfig,
    QuantizationConfig,
    StudentConfig,
    TeacherConfig,
    TrainingConfig,
)
from snn2chip.distill.recipe.teacher import TeacherTraining

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "recipes.md").read_text("utf-8")
TABLES = {
    "`[data]`": [DataConfig],
    "`[encoding]`": [EncodingConfig],
    "`[student]`": [StudentConfig],
    "`[teacher]`": [TeacherConfig],
    "`[training]`": [TrainingConfig, TeacherTraining],
    "`[training.augmentation]`": [AugmentationConfig],
    "`[quantization]`": [QuantizationConfig],
}


def section(head: str) -> dict[str, list[str]]:
    """Key -> further cells of the table below a heading."""
    text = next(p for p in re.split(r"^## ", PAGE, flags=re.MULTILINE) if p.startswith(head))
    rows = [
        [cell.strip() for cell in re.split(r" ?\| ?", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    return {row[0].strip("`"): row[1:] for row in rows}


def told(cell: str) -> Any:
    """The default in a cell; None where there is none."""
    if not cell:
        return None
    text = f'"{cell[1:-1]}"' if cell.startswith("`") else cell
    return tomllib.loads(f"x = {text}")["x"]


@pytest.mark.parametrize("head", TABLES)
def test_keys_and_defaults(head: str) -> None:
    shown = section(head)
    for column, kind in enumerate(TABLES[head]):
        wanted = {}
        for item in fields(kind):
            if item.default_factory is not MISSING and is_dataclass(item.default_factory):
                continue  # a table of its own
            default = None if item.default is MISSING else item.default
            wanted[item.name] = list(default) if isinstance(default, tuple) else default
        assert {name: told(cells[column]) for name, cells in shown.items()} == wanted
