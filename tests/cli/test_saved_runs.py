"""``simulate -o`` and ``report`` of what it wrote."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from snn2chip.report.jsonfile import schema
from tests.cli.conftest import Cli, is_four_part, listing

FILES = {
    "activity.safetensors",
    "graph.txt",
    "manifest.json",
    "mapping.json",
    "network.nir",
    "program.safetensors",
    "report.html",
    "report.json",
}


@pytest.fixture
def saved(cli: Cli, network: Path, data: Path) -> str:
    """The folder of a run on loihi1."""
    done = cli(
        *("simulate", network, "--data", data, "-t", "loihi1", "--costs", "davies2018"),
        *("--steps-curve", "-o", "run", "--json", "first.json", "--csv", "first.csv"),
    )
    assert done.code == 0, done.err
    assert "wrote run\n" in done.err
    return "run"


def test_the_folder_of_a_run(cli: Cli, folder: Path, saved: str) -> None:
    assert listing(folder / saved) >= FILES
    assert (folder / "run" / "report.json").read_text() == (folder / "first.json").read_text()


def test_every_form_again(cli: Cli, folder: Path, saved: str) -> None:
    done = cli(
        *("report", saved, "--json", "again.json", "--csv", "again.csv", "--html", "again.html"),
        *("--curve-csv", "curve.csv"),
    )
    assert done.code == 0, done.err
    for form in ("json", "csv"):
        assert (folder / f"again.{form}").read_text() == (folder / f"first.{form}").read_text()
    written = (folder / "again.html").read_text()
    assert written == (folder / "run" / "report.html").read_text()
    assert (folder / "curve.csv").read_text().startswith("steps,accuracy")
    assert done.out == cli("report", saved).out != ""


def test_other_prices_without_simulating(cli: Cli, folder: Path, saved: str) -> None:
    done = cli("report", saved, "--costs", "sanafe_nahuku", "--json", "-")
    assert done.code == 0, done.err
    priced = json.loads(done.out)
    jsonschema.validate(priced, schema())
    first = json.loads((folder / "first.json").read_text())
    assert priced["target"]["cost_table"] == "sanafe_nahuku"
    assert priced["totals"]["spikes"] == first["totals"]["spikes"]
    assert priced["totals"]["total_pj"] != first["totals"]["total_pj"]
    other = json.loads(cli("report", saved, "-t", "loihi2", "--json", "-").out)
    assert other["target"]["name"] == "loihi2"
    assert any("simulated for loihi1" in line for line in other["assumptions"])


def test_another_mapping(cli: Cli, folder: Path, saved: str) -> None:
    mapping = json.loads((folder / "run" / "mapping.json").read_text())
    (folder / "same.json").write_text(json.dumps(mapping))
    own, given = (
        " ".join(cli("report", saved, *more).out.split())
        for more in ((), ("--mapping", "same.json"))
    )
    assert "filled in order" in own
    assert given == own.replace("filled in order", "as mapping.json says")
    done = cli("report", saved, "--mapping", "none.json")
    assert done.code == 3
    assert is_four_part(done.err)


def test_limits_of_a_saved_run(cli: Cli, saved: str) -> None:
    assert cli("report", saved, "--max-cores", "99").code == 0
    done = cli("report", saved, "--max-cores", "0", "--junit", "j.xml")
    assert done.code == 7
    assert "(--max-cores)" in done.err


def test_unknown_prices_and_chips(cli: Cli, saved: str) -> None:
    for flags in (("--costs", "davies"), ("-t", "loihi3")):
        done = cli("report", saved, *flags)
        assert done.code == 2
        assert "did you mean" in done.err


def test_a_report_alone_has_no_run(cli: Cli, folder: Path, saved: str) -> None:
    for flags in (
        ("--html", "x.html"),
        ("-t", "loihi2"),
        ("--costs", "davies2018"),
        ("--curve-csv", "x.csv"),
        ("--max-cores", "3"),
    ):
        done = cli("report", "first.json", *flags)
        assert done.code == 3, flags
        assert is_four_part(done.err, parts=("needs", "has", "change"))
    again = cli("report", "first.json", "--json", "-")
    assert json.loads(again.out) == json.loads((folder / "first.json").read_text())


def test_a_curve_that_was_not_kept(cli: Cli, network: Path, data: Path) -> None:
    assert cli("simulate", network, "--data", data, "-o", "run").code == 0
    done = cli("report", "run", "--steps-curve")
    assert done.code == 3
    assert "--steps-curve -o DIR" in done.err


def test_a_folder_of_something_else_is_not_replaced(
    cli: Cli, folder: Path, network: Path, data: Path
) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.txt").write_text("years of work")
    done = cli("simulate", network, "--data", data, "-o", "mine")
    assert done.code == 2
    assert (folder / "mine" / "thesis.txt").exists()
    done = cli("simulate", network, "--data", data, "-o", ".")
    assert done.code == 2


def test_a_saved_run_runs_again(cli: Cli, folder: Path, saved: str, data: Path) -> None:
    done = cli("simulate", saved, "--data", data, "--costs", "davies2018", "--json", "-")
    assert done.code == 0, done.err
    again, first = json.loads(done.out), json.loads((folder / "first.json").read_text())
    assert again["layers"] == first["layers"]
