"""Dotted keys, and documents of TOML that read as they were."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.errors import ConfigError
from snn2chip.study.settings import (
    changed,
    fingerprint,
    found,
    leaves,
    product_of,
    settings_text,
    value_text,
)
from snn2chip.study.trials.toml import toml_text

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
PLAIN = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), TEXT)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(PLAIN, max_size=3),
        st.dictionaries(TEXT, inner, max_size=3),
        st.lists(st.dictionaries(TEXT, inner, max_size=2), max_size=2),
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_toml_reads_as_the_tables_that_were_written(tables: dict[str, Any]) -> None:
    read = tomllib.loads(toml_text(tables))
    assert read == tables
    assert repr(read) == repr(tables) or set(read) == set(tables)


def test_toml_keeps_the_kind_of_numbers() -> None:
    read = tomllib.loads(toml_text({"a": 1, "b": 1.0, "c": 1e30, "d": True, "e": float("inf")}))
    assert [type(value) for value in read.values()] == [int, float, float, bool, float]


@pytest.mark.parametrize("value", [None, b"x", {1, 2}, "\ud800"])
def test_what_toml_has_not_is_refused(value: object) -> None:
    with pytest.raises(ConfigError):
        toml_text({"key": value})


def test_keys_lead_through_tables_and_arrays() -> None:
    base = {"penalty": [{"kind": "rate", "weight": 1.0}], "training": {"lr": 0.1}}
    made = changed(base, {"penalty.0.weight": 0.5, "training.seed": 3, "method.name": "kd"})
    assert made == {
        "penalty": [{"kind": "rate", "weight": 0.5}],
        "training": {"lr": 0.1, "seed": 3},
        "method": {"name": "kd"},
    }
    assert base == {"penalty": [{"kind": "rate", "weight": 1.0}], "training": {"lr": 0.1}}
    assert found(made, "penalty.0.weight") == 0.5
    assert found(made, "penalty.1.weight") is None
    assert found(made, "training.seed.deeper") is None


def test_a_table_replaces_the_whole_table_and_longer_keys_come_later() -> None:
    made = changed({"method": {"name": "ce", "x": 1}}, {"method.y": 2, "method": {"name": "kd"}})
    assert made == {"method": {"name": "kd", "y": 2}}


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("penalty.1.weight", "nowhere"),
        ("penalty.x.weight", "nowhere"),
        ("training.lr.deep", "plain value"),
        ("", "names with dots"),
        ("a..b", "names with dots"),
        (".".join("abcdefghi"), "names with dots"),
    ],
)
def test_keys_that_lead_nowhere_are_refused(key: str, words: str) -> None:
    base = {"penalty": [{"kind": "rate"}], "training": {"lr": 0.1}}
    with pytest.raises(ConfigError) as caught:
        changed(base, {key: 1})
    assert words in str(caught.value)


def test_leaves_open_tables_and_keep_plain_arrays() -> None:
    opened = leaves({"method": {"name": "kd"}, "penalty": [{"kind": "rate"}], "widths": [1, 2]})
    assert opened == {"method.name": "kd", "penalty.0.kind": "rate", "widths": [1, 2]}
    assert leaves({}) == {}
    assert leaves({"penalty": []}) == {"penalty": []}


def test_a_product_varies_the_last_key_first() -> None:
    assert list(product_of({"a": [1, 2], "b": ["x", "y"]})) == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]
    assert list(product_of({})) == [{}]


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(TEXT, PLAIN, min_size=2, max_size=5))
def test_a_fingerprint_knows_no_order(tables: dict[str, Any]) -> None:
    finite = {k: v for k, v in tables.items() if v not in (float("inf"), float("-inf"))}
    turned = dict(reversed(list(finite.items())))
    assert fingerprint(turned) == fingerprint(finite)
    assert fingerprint({**finite, "another": 1}) != fingerprint(finite)


def test_values_in_words() -> None:
    assert value_text(0.1) == "0.1"
    assert value_text([128, 64]) == "128+64"
    assert value_text([]) == "none"
    assert value_text({"kind": "rate", "weight": 2.0}) == "kind rate weight 2"
    assert settings_text({"method": {"name": "kd"}, "a": 1.5}) == "method.name = kd, a = 1.5"
    assert settings_text({}) == "the recipe"
