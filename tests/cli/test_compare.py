"""``compare``: targets side by side, and two runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import jsonschema
import pytest

from snn2chip.report.comparison import forms
from tests.cli.conftest import Cli, is_four_part


@pytest.fixture
def runs(cli: Cli, network: Path, data: Path) -> tuple[str, str]:
    """Folders of two runs, the second with fewer steps."""
    for folder, steps in (("a", "16"), ("b", "5")):
        done = cli("simulate", network, "--data", data, "--steps", steps, "-o", folder)
        assert done.code == 0, done.err
    return "a", "b"


def test_targets_in_all_forms(cli: Cli, folder: Path, network: Path, data: Path) -> None:
    given = ("compare", network, "--data", data, "--targets", "loihi1,loihi2,truenorth")
    done = cli(*given, "--json", "c.json", "--csv", "c.csv", "--html", "c.html")
    assert done.code == 0, done.err
    for words in ("loihi1", "loihi2", "truenorth", "its own arithmetic was not simulated"):
        assert words in done.out
    document = json.loads((folder / "c.json").read_text())
    jsonschema.validate(document, forms.schema())
    assert [row["target"] for row in document["targets"]] == ["loihi1", "loihi2", "truenorth"]
    lines = list(csv.DictReader((folder / "c.csv").open()))
    assert [float(x["energy_nj"]) for x in lines] == [r["energy_nj"] for r in document["targets"]]
    assert (folder / "c.html").read_text().lower().startswith("<!doctype html>")
    assert json.loads(cli(*given, "--json", "-").out) == document


def test_a_row_is_what_simulate_says(cli: Cli, network: Path, data: Path) -> None:
    given = (network, "--data", data, "--json", "-")
    alone = json.loads(cli("simulate", *given, "-t", "loihi1", "--costs", "sanafe_nahuku").out)
    rows = json.loads(cli("compare", *given, "--targets", "loihi2,loihi1:sanafe_nahuku").out)
    row = rows["targets"][1]
    assert row["energy_nj"] == alone["totals"]["energy_per_inference_nj"]
    assert row["latency_us"] == alone["totals"]["latency_us"]
    assert row["accuracy"] == alone["run"]["accuracy"]


def test_what_changed(cli: Cli, folder: Path, runs: tuple[str, str]) -> None:
    done = cli("compare", *runs, "--json", "d.json", "--csv", "d.csv", "--html", "d.html")
    assert done.code == 0, done.err
    assert "steps: 16 -> 5" in done.out
    document = json.loads((folder / "d.json").read_text())
    jsonschema.validate(document, forms.schema())
    sides = [json.loads((folder / run / "report.json").read_text()) for run in runs]
    energy = next(c for c in document["totals"] if c["name"] == "energy_nj")
    assert [energy["before"], energy["after"]] == [
        side["totals"]["energy_per_inference_nj"] for side in sides
    ]
    assert energy["percent"] < 0
    assert [c["layer"] for c in document["layers"]] == [x["name"] for x in sides[0]["layers"]]


def test_regressions_end_with_7(cli: Cli, runs: tuple[str, str]) -> None:
    before, after = runs
    assert cli("compare", before, before, "--max-regression", "0").code == 0
    done = cli("compare", after, before, "--max-regression", "10")
    assert done.code == 7
    assert "energy_nj" in done.err
    assert is_four_part(done.err, parts=("needs", "change"))
    assert "WORSE" in done.out
    assert cli("compare", after, before).code == 0


def test_report_files_do_as_well(cli: Cli, folder: Path, runs: tuple[str, str]) -> None:
    one = cli("compare", "a/report.json", "b/report.json")
    assert one.code == 0
    assert one.out.splitlines()[5:] == cli("compare", *runs).out.splitlines()[5:]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("net.nir",), 2, "with what?"),
        (("net.nir", "--targets", "loihi3", "--data", "data.npz"), 2, "did you mean"),
        (("net.nir", "--targets", ""), 2, "names no target"),
        (("net.nir", "--targets", "loihi1", "--max-regression", "1"), 2, "two runs"),
        (("net.nir", "--targets", "loihi1"), 2, "no samples"),
        (("nothing.nir", "--targets", "loihi1"), 3, "no such file"),
        (("nothing", "else"), 3, "no such report"),
        (("nothing", "else", "--targets", "loihi1"), 2, "two folders"),
        (("nothing", "else", "--steps", "3"), 2, "two folders"),
    ],
)
def test_what_cannot_be_compared(
    cli: Cli, network: Path, data: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = cli("compare", *arguments)
    assert done.code == code, done.err
    assert words in done.err
    assert is_four_part(done.err)


def test_an_input_is_not_overwritten(
    cli: Cli, network: Path, data: Path, runs: tuple[str, str]
) -> None:
    done = cli("compare", network, "--targets", "loihi1", "--data", data, "--csv", data)
    assert done.code == 2
    assert cli("compare", *runs, "--json", "a/report.json").code == 2
