"""``simulate -o`` and ``report`` of what it wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from snn2chip.report.jsonfile import schema
from snn2chip.resources import targets_dir
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
    pinned = json.loads(cli("report", saved, "--mapping", "same.json", "--json", "-").out)
    first = json.loads(cli("report", saved, "--json", "-").out)
    assert (pinned["totals"], pinned["layers"]) == (first["totals"], first["layers"])
    assert "as mapping.json says" in str(pinned["fidelity"])
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


VERBS = [("report", "run"), ("compare", "run", "run")]


@pytest.mark.parametrize("verb", [*VERBS, ("report", "run/report.json")])
def test_a_report_that_was_changed_is_refused(
    cli: Cli, folder: Path, saved: str, verb: tuple[str, ...]
) -> None:
    (folder / "run" / "activity.safetensors").unlink()
    done = cli(*verb)
    assert done.code == 0
    assert "could be checked" not in done.err
    assert ("activity.safetensors is gone" in done.err) == (verb[1] == "run")
    path = folder / "run" / "report.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    done = cli(*verb)
    assert done.code == 3
    assert "sha256" in done.err
    assert is_four_part(done.err, parts=("needs", "has", "change"))


@pytest.mark.parametrize("verb", VERBS)
def test_a_report_alone_says_that_nothing_was_checked(
    cli: Cli, folder: Path, saved: str, verb: tuple[str, ...]
) -> None:
    (folder / "run" / "manifest.json").unlink()
    done = cli(*verb)
    assert done.code == 0
    assert "nothing of it could be checked" in done.err
    (folder / "run" / "activity.safetensors").unlink()
    (folder / "run" / "manifest.json").write_text('{"name": "a web app", "icons": []}')
    assert "nothing of it could be checked" in cli(*verb).err
    (folder / "run" / "manifest.json").write_text('{"schema": "snn2chip/mani')
    assert cli(*verb).code == 3


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "1" + "0" * 400])
def test_numbers_that_are_none_are_refused(
    cli: Cli, folder: Path, saved: str, verb: tuple[str, ...], number: str
) -> None:
    (folder / "run" / "manifest.json").unlink()
    document = json.loads((folder / "first.json").read_text())
    document["totals"]["latency_us"] = "HERE"
    (folder / "run" / "report.json").write_text(json.dumps(document).replace('"HERE"', number))
    done = cli(*verb)
    assert done.code == 3
    assert is_four_part(done.err)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "name", ["manifest.json", "activity.safetensors", "report.json", "graph.txt", "report.html"]
)
@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "device"])
def test_entries_that_are_no_files_are_refused(
    cli: Cli, folder: Path, saved: str, verb: tuple[str, ...], name: str, kind: str
) -> None:
    path = folder / "run" / name
    path.unlink()
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(name)
        case "device":
            path.symlink_to("/dev/zero")
    done = cli(*verb)
    assert done.code == 3
    assert str(Path("run") / name) in done.err
    assert is_four_part(done.err)


def test_a_target_that_is_gone(cli: Cli, folder: Path, network: Path, data: Path) -> None:
    text = (targets_dir() / "loihi1.toml").read_text().replace('name = "loihi1"', 'name = "mine"')
    (folder / "mine.toml").write_text(text)
    given = ("simulate", network, "--data", data, "-t", "mine.toml", "-o", "run")
    assert cli(*given, "--json", "first.json").code == 0
    (folder / "mine.toml").write_text(text + "\n# another price list\n")
    done = cli("compare", "run", "run")
    assert done.code == 0
    assert "target mine has changed since the run" in done.err
    (folder / "mine.toml").unlink()
    for verb in (("compare", "run", "run"), ("report", "run", "--json", "again.json")):
        done = cli(*verb)
        assert done.code == 0, done.err
        assert "target mine is gone since the run" in done.err
    assert (folder / "again.json").read_text() == (folder / "first.json").read_text()
    for flags in (("--costs", "davies2018"), ("--html", "x.html"), ("--max-cores", "99")):
        done = cli("report", "run", *flags)
        assert done.code == 2
        assert "mine.toml: there is no such file" in done.err


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


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize(
    ("flag", "path"),
    [
        ("--json", "run/manifest.json"),
        ("--csv", "run/activity.safetensors"),
        ("--cores-csv", "link/mapping.json"),
        ("--curve-csv", "x/../run/graph.txt"),
        ("--trace", "run/program.safetensors"),
        ("--html", "run/report.html"),
        ("--junit", "run/network.nir/x.xml"),
        ("--html", "run"),
    ],
)
def test_no_other_output_lies_in_the_folder(
    cli: Cli, folder: Path, network: Path, data: Path, flag: str, path: str, exists: bool
) -> None:
    (folder / "link").symlink_to("run")
    (folder / "x").mkdir()
    given = ("simulate", network, "--data", data, "-o", "run")
    if exists:
        assert cli(*given).code == 0
    before = listing(folder)
    done = cli(*given, flag, path)
    assert done.code == 2
    assert is_four_part(done.err)
    assert f"{flag} {path}" in done.err
    assert listing(folder) == before
    if exists:
        assert cli("report", "run").code == 0


def test_a_saved_run_runs_again(cli: Cli, folder: Path, saved: str, data: Path) -> None:
    done = cli("simulate", saved, "--data", data, "--costs", "davies2018", "--json", "-")
    assert done.code == 0, done.err
    again, first = json.loads(done.out), json.loads((folder / "first.json").read_text())
    assert again["layers"] == first["layers"]
