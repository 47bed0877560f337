"""Recipes and samples small enough to train in a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TINY = {
    "mlp": {"student": {"kind": "mlp", "widths": [12]}},
    "conv": {"student": {"kind": "conv", "widths": [3, 4], "tau": [0.002, 0.004]}},
}


@pytest.fixture
def tiny_tables() -> Callable[..., dict[str, Any]]:
    """Maker of a recipe's tables: kind, then changes ``table__key=value`` or ``table=value``."""

    def make(kind: str = "mlp", **changes: Any) -> dict[str, Any]:
        tables: dict[str, Any] = {
            "encoding": {"steps": 6},
            "student": dict(TINY[kind]["student"]),
            "training": {
                "epochs": 2,
                "batch": 32,
                "threads": 1,
                "logit_scale": 0.5,
                "drive_weight": 1.0,
            },
        }
        for dotted, value in changes.items():
            table, _, key = dotted.partition("__")
            if key:
                tables.setdefault(table, {})[key] = value
            else:
                tables[table] = value
        return tables

    return make


@pytest.fixture
def tiny_recipe(tiny_tables):
    """Maker of a recipe, with the arguments of ``tiny_tables``."""
    from snn2chip.distill.recipe import recipe_from_dict

    return lambda kind="mlp", **changes: recipe_from_dict(tiny_tables(kind, **changes))


@pytest.fixture(scope="session")
def few_digits():
    """96 real digits: x float64 [96, 1, 8, 8], y int64 [96]."""
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    from snn2chip.data.digits import load_digits_split

    split = load_digits_split(0)
    return split.x_train[:96], split.y_train[:96]


@pytest.fixture
def write_toml(tmp_path) -> Callable[[str], Path]:
    """Writes a text to recipe.toml and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "recipe.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def student_and_metadata(tiny_recipe):
    """Maker of an untrained student with BatchNorm statistics of its own, and its metadata."""
    torch = pytest.importorskip("torch", reason="students are torch modules")
    pytest.importorskip("norse", reason="students have Norse cells")
    from snn2chip.data.digits import Split
    from snn2chip.distill.run import describe
    from snn2chip.distill.students import build_student

    def make(kind: str = "mlp", **changes):
        recipe = tiny_recipe(kind, **changes)
        y = np.arange(10)
        x = np.zeros((10, 1, 8, 8))
        metadata = describe(recipe, Split(x, y, x, y))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            student = build_student(metadata.architecture, metadata.discretization.dt)
            for module in student.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.running_mean.uniform_(-0.2, 0.2)
                    module.running_var.uniform_(0.05, 0.3)
        return student.eval(), metadata

    return make


@pytest.fixture(scope="session")
def energy_digits():
    """600 digits: x float64 [600, 1, 8, 8], y int64 [600]."""
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    from snn2chip.data.digits import load_digits_split

    split = load_digits_split(0)
    return split.x_train[:600], split.y_train[:600]


@pytest.fixture(scope="session")
def energy_recipe():
    """Maker of a recipe with an energy penalty, from changes of its training and its options."""
    from snn2chip.distill.recipe import recipe_from_dict

    def make(training=(), **penalty):
        own = {"epochs": 3, "batch": 16, "threads": 1, "drive_weight": 1.0}
        tables = {
            "data": {"validation": 0.25},
            "encoding": {"steps": 6},
            "student": {"kind": "mlp", "widths": [24, 12], "dropout": 0.0},
            "training": {**own, **dict(training)},
        }
        if penalty:
            tables["penalty"] = [{"kind": "energy", **penalty}]
        return recipe_from_dict(tables)

    return make
