"""Limits of ``simulate``: flags, files, JUnit XML and how the command ends."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from snn2chip.frontends.nir import write_graph
from tests.cli.conftest import Cli, is_four_part
from tests.networks import chain

KEPT = ("--max-cores", "99", "--max-energy-nj", "1e9", "--max-latency-us", "1e9")
MISSED = ("--max-cores", "0", "--max-energy-nj", "0", "--max-latency-us", "0")


def test_limits_that_are_kept(cli: Cli, network: Path, data: Path) -> None:
    done = cli("simulate", network, "--data", data, *KEPT, "--max-drift", "1")
    assert done.code == 0, done.err


def test_all_misses_at_once_after_the_report(
    cli: Cli, folder: Path, network: Path, data: Path
) -> None:
    done = cli(
        *("simulate", network, "--data", data, *MISSED, "--min-accuracy", "1"),
        *("--json", "r.json", "--junit", "j.xml"),
    )
    assert done.code == 7
    assert is_four_part(done.err, parts=("needs", "has", "change"))
    for flag in ("--max-cores", "--max-energy-nj", "--max-latency-us", "--min-accuracy"):
        assert f"({flag})" in done.err
    assert "4 of your limits missed" in done.err
    report = json.loads((folder / "r.json").read_text())
    energy = report["totals"]["energy_per_inference_nj"]
    assert f"{energy:.6g} nJ" in done.err
    assert "energy" in done.out
    suite = ElementTree.parse(folder / "j.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("5", "4")


def test_an_energy_without_a_price_is_missed(cli: Cli, network: Path, data: Path) -> None:
    given = ("simulate", network, "--data", data, "--target", "reference")
    done = cli(*given, "--max-energy-nj", "1e30")
    assert done.code == 7
    assert "unknown" in done.err
    assert cli(*given, "--max-drift", "0").code == 0


def test_drift_ends_with_its_own_code(cli: Cli, network: Path, data: Path, folder: Path) -> None:
    given = ("simulate", network, "--data", data, "--weight-bits", "1", "--calibration", "max")
    done = cli(*given, "--json", "r.json", "--max-drift", "0")
    drift = json.loads((folder / "r.json").read_text())["drift"][0]
    assert drift["predictions_differing"] > 0
    assert done.code == 6
    assert f"{drift['predictions_differing']} of 8 samples" in done.err
    assert cli(*given, "--max-drift", str(drift["predictions_differing"] / 8)).code == 0
    assert cli(*given, "--max-drift", "0", "--max-cores", "0").code == 7


def test_what_does_not_fit_ends_with_5_and_says_the_rest_too(cli: Cli, folder: Path) -> None:
    wide = chain(np.random.default_rng(0), sizes=(100_000, 2, 3))
    write_graph(wide, folder / "wide.nir")
    given = ("simulate", "wide.nir", "--data", "random", "--samples", "2", "--steps", "4")
    done = cli(*given, "--max-cores", "0", "--junit", "j.xml")
    assert done.code == 5, done.err
    assert "(--max-cores)" in done.err
    assert "breaks" in done.err
    suite = ElementTree.parse(folder / "j.xml").getroot()[0]
    groups = [case.get("classname") for case in suite if case.find("failure") is not None]
    assert set(groups) == {"snn2chip.limits", "snn2chip.thresholds"}


def test_limits_of_a_file(cli: Cli, folder: Path, network: Path, data: Path) -> None:
    (folder / "limits.toml").write_text("[thresholds]\nmax_cores = 0\nmax_energy_nj = 1e9\n")
    given = ("simulate", network, "--data", data, "--thresholds", "limits.toml")
    done = cli(*given)
    assert done.code == 7
    assert "max-cores" in done.err
    assert "max-energy" not in done.err
    assert cli(*given, "--max-cores", "9").code == 0


def test_nothing_runs_with_a_wrong_file(cli: Cli, folder: Path, network: Path, data: Path) -> None:
    (folder / "limits.toml").write_text("[thresholds]\nmax_cors = 0\n")
    done = cli(
        *("simulate", network, "--data", data, "--thresholds", "limits.toml", "--json", "r.json")
    )
    assert done.code == 2
    assert "line 2" in done.err
    assert "did you mean 'max_cores'" in done.err
    assert not (folder / "r.json").exists()
    done = cli("simulate", network, "--data", data, "--thresholds", "none.toml")
    assert done.code == 3


@pytest.mark.parametrize("junit", ["-", ".", "limits.toml"])
def test_places_for_junit(cli: Cli, folder: Path, network: Path, junit: str) -> None:
    (folder / "limits.toml").write_text("[thresholds]\nmax_cores = 9\n")
    given = ("simulate", network, "--data", "random", "--thresholds", "limits.toml")
    done = cli(*given, "--junit", junit)
    assert done.code == 2
    assert is_four_part(done.err)
