"""JSON and CSV: validity, determinism, safety."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn2chip.errors import ConfigError
from snn2chip.report import csvfile, jsonfile
from snn2chip.report.build import build
from snn2chip.report.types import TERMS, Report
from tests.report.synthetic_results import PRICES, VIOLATION, result

VALIDATOR = jsonschema.Draft202012Validator(jsonfile.schema())
NAMES = st.text(st.characters(), min_size=1, max_size=20)


def rows(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(csvfile.text(report))))


def test_the_schema_is_itself_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(jsonfile.schema())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"violations": (VIOLATION,)},
        {"prices": dict.fromkeys(TERMS), "static_mw": None},
        {"latency": False, "static_mw": None, "labels": False},
        {"drift": False, "baseline": False, "data": ""},
    ],
)
def test_reports_meet_the_schema(changes: dict[str, Any]) -> None:
    VALIDATOR.validate(json.loads(jsonfile.text(build(result(**changes)))))


def objects(schema: Any) -> Any:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for item in schema.values():
            yield from objects(item)


def test_the_schema_is_strict_everywhere() -> None:
    found = list(objects(jsonfile.schema()))
    assert len(found) > 15
    for item in found:
        if "properties" in item:
            assert item["additionalProperties"] is False
            assert set(item["required"]) == set(item["properties"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("extra",), 1),
        (("schema",), "snn2chip/report/2"),
        (("layers", 0, "spikes"), 1.5),
        (("layers", 0, "energy_pj", "hop"), "unknown"),
        (("totals", "latency_us"), -1.0),
        (("run", "accuracy"), 96.4),
        (("drift", 0, "first"), {"sample": 1}),
    ],
)
def test_the_schema_refuses(report: Report, path: tuple[Any, ...], value: Any) -> None:
    document = report.to_dict()
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert not VALIDATOR.is_valid(document)


def test_json_is_byte_equal_for_equal_runs() -> None:
    assert jsonfile.text(build(result())) == jsonfile.text(build(result()))


def test_json_is_written_at_once_and_leaves_nothing_else(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    jsonfile.write(report, path)
    assert json.loads(path.read_text()) == report.to_dict()
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    def fail(source: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ConfigError, match="cannot be written"):
        jsonfile.write(report, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_csv_has_one_row_per_layer_with_units_in_the_heads(report: Report) -> None:
    found = rows(report)
    assert [row["layer"] for row in found] == ["input", "conv", "hidden", "output"]
    assert found[1]["shape"] == "4x4x4"
    for row, layer in zip(found, report.layers, strict=True):
        assert int(row["synaptic_events"]) == layer.synaptic_events
        assert float(row["energy_total_pj"]) == layer.energy_pj.total
    quantities = [name for name in csvfile.COLUMNS if "energy" in name or "time" in name]
    assert all(name.endswith(("_pj", "_ns")) for name in quantities)


def test_csv_leaves_unpriced_cells_empty() -> None:
    found = rows(build(result(prices={**PRICES, "hop": None})))
    assert {row["energy_hop_pj"] for row in found} == {""}
    assert all(row["energy_synapse_pj"] for row in found)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd", "'+cmd"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("\t=1", "\\t=1"),
        ("fc1", "fc1"),
        ("a=b", "a=b"),
    ],
)
def test_csv_disarms_formulas(name: str, written: str) -> None:
    assert csvfile.safe(name) == written


def test_csv_quotes_separators() -> None:
    names = ('a,b"c', "x\ny", "ok", "=HYPERLINK(1)")
    found = rows(build(result(names=names)))
    assert [row["layer"] for row in found] == ['a,b"c', "x\\ny", "ok", "'=HYPERLINK(1)"]


def test_csv_is_written(report: Report, tmp_path: Path) -> None:
    csvfile.write(report, tmp_path / "layers.csv")
    assert (tmp_path / "layers.csv").read_text() == csvfile.text(report)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    names=st.lists(NAMES, min_size=4, max_size=4, unique=True),
    network=NAMES,
    prices=st.fixed_dictionaries({term: st.none() | st.floats(0, 1e4) for term in TERMS}),
    static=st.none() | st.floats(0, 1e4),
)
def test_any_names_and_prices_give_valid_files(
    names: list[str], network: str, prices: dict[str, float | None], static: float | None
) -> None:
    report = build(result(names=tuple(names), network=network, prices=prices, static_mw=static))
    content = jsonfile.text(report)
    document = json.loads(content.encode("utf-8"))
    VALIDATOR.validate(document)
    assert [row["name"] for row in document["layers"]] == names
    for term in TERMS:
        assert (document["totals"]["energy_pj"][term] is None) == (prices[term] is None)
    found = rows(report)
    assert len(found) == 4
    assert not any(row["layer"].startswith(("=", "+", "-", "@", "\t", "\r")) for row in found)


def test_a_changed_price_changes_the_json(report: Report) -> None:
    dearer = build(result(prices={**PRICES, "hop": 4.0}))
    assert jsonfile.text(dearer) != jsonfile.text(report)
    same = replace(dearer, layers=report.layers, totals=report.totals)
    assert jsonfile.text(same) == jsonfile.text(report)


# ---------------------------------------------------------------- cores


def test_cores_have_a_row_each(report: Report) -> None:
    rows = list(csv.DictReader(StringIO(csvfile.cores_text(report))))
    assert [int(row["core"]) for row in rows] == [core.core for core in report.cores]
    assert [row["layers"] for row in rows[2:4]] == ["input: 16", "conv: 24"]
    assert [int(row["used_neurons_per_core"]) for row in rows[2:4]] == [16, 24]
    total = sum(float(row["energy_pj"]) for row in rows)
    assert total == pytest.approx(sum(core.energy_pj or 0.0 for core in report.cores))
    assert sum(int(row["packets_in"]) for row in rows) == sum(int(r["packets_out"]) for r in rows)


def test_names_of_layers_on_cores_are_disarmed() -> None:
    evil = build(result(names=("=1+1", "b", "c", "d")))
    rows = list(csv.DictReader(StringIO(csvfile.cores_text(evil))))
    assert rows[0]["layers"] == "'=1+1: 24"
