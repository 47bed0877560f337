"""TOML tables into dataclasses, on dataclasses made for the purpose."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.distill.recipe import recipe_from_dict
from snn2chip.distill.tables import (
    LEAST,
    MOST,
    at_least,
    between,
    from_table,
    positive,
    read_toml,
)
from snn2chip.errors import ConfigError
from snn2chip.study.config import StudyConfig
from snn2chip.study.trials.grid import base_tables


@dataclass(frozen=True)
class Inner:
    share: float = 0.5

    def __post_init__(self) -> None:
        between("share", self.share, 0.0, 1.0, closed=True)


@dataclass(frozen=True)
class Outer:
    count: int
    mode: Literal["fast", "slow"] = "fast"
    values: tuple[float, ...] = ()
    inner: Inner = field(default_factory=Inner)


def read(table) -> Outer:
    outer = from_table(Outer, table, "file.toml", "")
    assert isinstance(outer, Outer)
    return outer


def test_a_byte_order_mark_is_no_part_of_a_recipe(tmp_path: Path) -> None:
    """Editors of Windows write one; a study reads the same file once more."""
    path = tmp_path / "recipe.toml"
    path.write_text('[student]\nkind = "mlp"\n', encoding="utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    tables = {"student": {"kind": "mlp"}}
    assert read_toml(path, "recipe") == tables
    assert base_tables(StudyConfig(str(path), grids=({},))) == tables


def test_values_and_defaults() -> None:
    assert read({"count": 3}) == Outer(3)
    assert read({"count": 3, "values": [1, 2.5], "inner": {"share": 0}}) == Outer(
        3, values=(1.0, 2.5), inner=Inner(0.0)
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "'count' is missing"),
        ({"count": 3.0}, "count = 3.0"),
        ({"count": True}, "a whole number"),
        ({"count": 3, "mode": "fats"}, "did you mean 'fast'"),
        ({"count": 3, "mode": 3}, "one of: fast, slow"),
        ({"count": 3, "mode": ["fast"]}, "mode"),
        ({"count": 3, "values": ["1"]}, "a number"),
        ({"count": 3, "inner": 0.5}, "a table, [inner]"),
        ({"count": 3, "inner": {"shares": 1}}, "unknown key 'inner.shares'"),
        ({"count": 3, "inner": {"share": 1}}, "[inner]: share = 1.0"),
        ({"count": 3, "cuont": 4}, "did you mean 'count'"),
    ],
)
def test_messages_name_file_and_key(table, message) -> None:
    with pytest.raises(ConfigError) as caught:
        read(table)
    assert str(caught.value).startswith("file.toml: ")
    assert message in str(caught.value)


@given(value=st.floats())
def test_checks_agree_with_their_names(value) -> None:
    def passes(check, *bounds, **options) -> bool:
        try:
            check("x", value, *bounds, **options)
        except ConfigError as error:
            return "x = " not in str(error)
        return True

    assert passes(positive) == (LEAST <= value <= MOST)
    assert passes(at_least, -2) == (-2 <= value <= MOST)
    assert passes(between, 0.0, 1.0) == (0.0 < value < 1.0)
    assert passes(between, 0.0, 1.0, closed=True) == (0.0 <= value < 1.0)


@given(
    widths=st.lists(st.integers(1, 500), min_size=1, max_size=4),
    steps=st.integers(1, 100),
    tau=st.floats(1e-3, 1.0),
    lr=st.floats(1e-6, 1.0),
    share=st.floats(0.0, 0.99),
)
def test_any_recipe_survives_its_own_tables(widths, steps, tau, lr, share) -> None:
    tables = {
        "student": {"kind": "conv", "widths": widths, "tau": tau},
        "encoding": {"steps": steps},
        "training": {"lr": lr, "augmentation": {"share": share}},
    }
    recipe = recipe_from_dict(tables)
    assert recipe.student.taus() == (tau,) * len(widths)
    assert recipe_from_dict(recipe.to_dict()) == recipe
