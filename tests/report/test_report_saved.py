"""A saved report prints as the one that was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snn2chip.errors import InputFileError
from snn2chip.report import html, jsonfile, saved, terminal
from snn2chip.report.build import build
from snn2chip.report.types import TERMS, Report
from tests.report.synthetic_results import VIOLATION, result


@pytest.mark.parametrize("broken", [False, True])
def test_a_saved_report_reads_back_equal(tmp_path: Path, broken: bool) -> None:
    run = result()
    if broken:
        run = result(violations=(VIOLATION,), prices=dict.fromkeys(TERMS), labels=False)
    report = build(run)
    jsonfile.write(report, tmp_path / "report.json")
    found = saved.read(tmp_path / "report.json")
    assert found.to_dict() == report.to_dict()
    assert jsonfile.text(found) == jsonfile.text(report)


def test_a_saved_report_prints_without_its_pictures(report: Report, tmp_path: Path) -> None:
    jsonfile.write(report, tmp_path / "report.json")
    found = saved.read(tmp_path / "report.json")
    lines = terminal.text(report, 100).splitlines()
    kept = [line for line in lines if not line.startswith("evidence")]
    assert terminal.text(found, 100).splitlines() == kept
    page = html.text(found)
    assert "Where the energy goes" in page
    assert 'id="floorplan"' not in page
    assert 'id="prices"' not in page


@pytest.mark.parametrize("damage", ["schema", "missing", "type"])
def test_a_damaged_report_is_refused(report: Report, tmp_path: Path, damage: str) -> None:
    document = report.to_dict()
    if damage == "schema":
        document["schema"] = "snn2chip/report/0"
    elif damage == "missing":
        del document["totals"]
    else:
        document["layers"][0]["spikes"] = "many"
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputFileError):
        saved.read(path)
