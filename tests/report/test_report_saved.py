"""A saved report read back is the report that was saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from snn2chip.energy import EnergyRange, EnergyTotals, RealTime
from snn2chip.errors import InputFileError
from snn2chip.report import csvfile, jsonfile, saved, terminal
from snn2chip.report.build import build
from snn2chip.report.types import Report
from tests.report.synthetic_results import result


@pytest.fixture
def path(report: Report, tmp_path: Path) -> Path:
    """The report of the small run, saved."""
    jsonfile.write(report, tmp_path / "report.json")
    return tmp_path / "report.json"


def test_nothing_is_lost(report: Report, path: Path) -> None:
    again = saved.read(path)
    assert again.to_dict() == report.to_dict()
    assert jsonfile.text(again) == jsonfile.text(report)
    assert csvfile.text(again) == csvfile.text(report)


def test_ranges_and_ticks_are_kept_and_meet_the_schema(tmp_path: Path) -> None:
    ends = EnergyTotals(1e6, None, 1e6, 10.0), EnergyTotals(4e6, 8e6, 12e6, 40.0)
    for check in (RealTime(1e6, 2e6, 3, "hidden", 0.5), RealTime(1e6, None, None, None, None)):
        run = result()
        energy = replace(run.energy, range=EnergyRange(*ends), real_time=check, cycles=12.5)
        report = build(replace(run, energy=energy))
        jsonfile.write(report, tmp_path / "r.json")
        jsonschema.validate(json.loads((tmp_path / "r.json").read_text()), jsonfile.schema())
        again = saved.read(tmp_path / "r.json")
        assert again.totals == report.totals
        assert again.totals.real_time == check


def test_types_are_those_of_the_report(report: Report, path: Path) -> None:
    again = saved.read(path)
    assert type(again.layers[0]) is type(report.layers[0])
    assert again.layers == report.layers
    assert again.discretization == report.discretization
    assert again.drift == report.drift
    assert again.figures.rasters == ()
    for name in ("mesh", "utilization", "cores", "links", "latency", "prices"):
        assert getattr(again, name) == getattr(report, name)


def test_it_prints_as_before_but_for_the_cost_tables_grades(report: Report, path: Path) -> None:
    before = terminal.text(report).splitlines()
    after = terminal.text(saved.read(path)).splitlines()
    missing = [line for line in before if line not in after]
    assert all("evidence" in line or "unpriced" in line for line in missing)
    assert len(after) >= len(before) - 1


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key path of a document, the first item of each list only."""
    items = value.items() if isinstance(value, dict) else list(enumerate(value))[:1]
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from _places(item, (*path, key))


def _free(parents: list[Any]) -> bool:
    """Whether the keys at a path are names of layers or events, or numbers."""
    return bool({"warnings", "activation_sparsity_by_layer", "value"} & set(map(str, parents))) or (
        parents[:1] == ["cores"] and parents[-1] == "layers"
    )


def test_every_missing_or_wrong_field_is_noticed(path: Path) -> None:
    document = json.loads(path.read_text())
    checked = 0
    for *parents, key in list(_places(document)):
        table = document
        for parent in parents:
            table = table[parent]
        if isinstance(table, list) or _free(parents) or key == "byte_scale":
            continue
        kept = table.pop(key)
        path.write_text(json.dumps(document))
        with pytest.raises(InputFileError):
            saved.read(path)
        table[key] = kept
        checked += 1
    assert checked > 60


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("layers",), {}),
        (("layers", 0, "neurons"), "many"),
        (("layers", 0, "neurons"), None),
        (("layers", 0, "neurons"), True),
        (("layers", 0, "shape"), 3),
        (("run", "samples"), 1.5),
        (("run", "warnings"), []),
        (("totals",), None),
        (("discretization", "dt"), -1),
        (("discretization", "reset"), "sometimes"),
        (("network", "name"), 7),
        (("network", "surprise"), 7),
    ],
)
def test_wrong_values_are_refused(path: Path, place: tuple[Any, ...], value: Any) -> None:
    document = json.loads(path.read_text())
    table = document
    for part in place[:-1]:
        table = table[part]
    table[place[-1]] = value
    path.write_text(json.dumps(document))
    with pytest.raises(InputFileError) as error:
        saved.read(path)
    assert str(path) in error.value.what


def test_a_file_too_large_for_a_report(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MAX_BYTES", 10)
    with pytest.raises(InputFileError, match="too large"):
        saved.read(path)


def test_deeply_nested_json_is_no_crash(path: Path) -> None:
    path.write_text("[" * 200_000)
    with pytest.raises(InputFileError, match="no JSON"):
        saved.read(path)


def test_a_report_from_before_bytes_had_a_scale_is_read(report: Report, path: Path) -> None:
    document = json.loads(path.read_text())
    assert document["network"]["encoding"].pop("byte_scale") == 1.0
    path.write_text(json.dumps(document))
    assert saved.read(path).network.encoding == report.network.encoding
