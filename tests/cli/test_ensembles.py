"""Commands on ensembles: files, exit codes and what they say."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from snn2chip.frontends.ensemble import write_ensemble
from snn2chip.graph import Policy
from tests.pipeline.ensembles.ensembles import ensemble

from .conftest import Cli

SCHEMA = Path(__file__).parents[2] / "snn2chip" / "report" / "schema.json"


@pytest.fixture
def trio(folder: Path) -> Path:
    """An ensemble in a folder of its own, and samples beside it."""
    policy = Policy("confidence", threshold=0.6)
    write_ensemble(ensemble(3, policy, order=(1, 2, 0)), folder / "trio")
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 6)).astype(np.float32), rng.integers(0, 4, 40)
    np.savez(folder / "data.npz", x_train=x[:20], y_train=y[:20], x_test=x[20:], y_test=y[20:])
    return folder / "trio"


def test_simulate_reports_members_and_the_curve(cli: Cli, trio: Path, folder: Path) -> None:
    done = cli("simulate", "trio", "--data", "data.npz", "--json", "a.json", "--html", "a.html",
               "--csv", "a.csv", "--trace", "a.npz")  # fmt: skip
    assert done.code == 0, done.err
    report = json.loads((folder / "a.json").read_text())
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    told = report["ensemble"]
    assert [m["name"] for m in told["members"]] == ["m1", "m2", "m0"]
    assert [p["setting"] for p in told["curve"] if p["policy"] == "budget"] == [1, 2, 3]
    assert report["drift"][0]["decisions_differing"] is not None
    page = (folder / "a.html").read_text()
    assert 'id="ensemble"' in page
    for words in ("Members in their order", "confidence above 0.6", "answered by other members"):
        assert words in done.out
    layers = (folder / "a.csv").read_text().splitlines()
    assert len(layers) == 1 + len(report["layers"])
    totals = report["totals"]
    own = next(p for p in told["curve"] if p["own"])
    assert own["energy_nj"] == pytest.approx(totals["energy_per_inference_nj"])


def test_two_runs_give_the_same_bytes(cli: Cli, trio: Path, folder: Path) -> None:
    for name in ("a.json", "b.json"):
        assert cli("simulate", trio, "--data", "data.npz", "--json", name, "-q").code == 0
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()


def test_the_file_and_its_folder_are_one_network(cli: Cli, trio: Path) -> None:
    one, other = cli("info", "trio"), cli("info", "trio/ensemble.json")
    assert one.code == other.code == 0
    assert one.out == other.out
    assert "ensemble of 3 members: confidence above 0.6, idle clocked" in one.out
    assert "m1/out" in one.out
    assert cli("info", "trio", "--text").code == 0


def test_policy_and_idle_are_flags(cli: Cli, trio: Path, folder: Path) -> None:
    done = cli("simulate", "trio", "--data", "data.npz", "--policy", "budget=2", "--idle", "gated",
               "--json", "a.json")  # fmt: skip
    assert done.code == 0, done.err
    told = json.loads((folder / "a.json").read_text())["ensemble"]
    assert (told["policy"], told["setting"], told["idle"]) == ("budget", 2, "gated")
    assert told["active"] == [0.0, 1.0, 0.0]


def test_check_maps_all_members(cli: Cli, trio: Path) -> None:
    done = cli("check", "trio", "--target", "loihi2")
    assert done.code == 0, done.err
    assert "trio fits loihi2: " in done.out
    assert done.out.count("m2/") == 3


def test_compare_prices_an_ensemble_on_several_targets(cli: Cli, trio: Path, folder: Path) -> None:
    done = cli("compare", "trio", "--data", "data.npz", "--targets", "loihi2,truenorth",
               "--json", "a.json")  # fmt: skip
    assert done.code == 0, done.err
    assert len(json.loads((folder / "a.json").read_text())["targets"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("simulate", "trio", "--data", "data.npz", "--policy", "hope=1"), 2, "budget=N"),
        (("simulate", "trio", "--data", "data.npz", "--policy", "budget=4"), 2, "budget of 4"),
        (("simulate", "trio", "--data", "data.npz", "--idle", "asleep"), 2, "clocked, gated"),
        (("simulate", "trio/m0.nir", "--data", "data.npz", "--policy", "all"), 2, "one network"),
        (("simulate", "--policy", "all"), 2, "one network"),
        (("simulate", "trio"), 2, "no samples"),
        (("simulate", "trio", "--data", "data.npz", "-o", "run"), 4, "no folder of a run"),
        (("simulate", "trio", "--data", "data.npz", "--steps-curve"), 4, "steps-curve"),
        (("compile", "trio", "-o", "out"), 4, "compile of an ensemble"),
        (("verify", "trio", "--engine", "onnx", "--data", "data.npz"), 4, "verify of an ensemble"),
        (("quantize", "trio", "--data", "data.npz"), 4, "quantize of an ensemble"),
    ],
)
def test_what_cannot_be_done_is_said(
    cli: Cli, trio: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = cli(*arguments)
    assert done.code == code, done.err
    assert said in done.err


@pytest.mark.parametrize("damage", ["", "{}", '{"schema": "snn2chip/ensemble/1"}'])
def test_a_damaged_file_ends_with_3(cli: Cli, trio: Path, damage: str) -> None:
    (trio / "ensemble.json").write_text(damage)
    for command in ("info", "check", "simulate"):
        done = cli(command, "trio")
        assert done.code == 3, done.err
        assert "ensemble.json" in done.err


def test_a_member_that_is_gone_ends_with_3(cli: Cli, trio: Path) -> None:
    (trio / "m2.nir").unlink()
    done = cli("simulate", "trio", "--data", "data.npz")
    assert done.code == 3
    assert "m2.nir" in done.err
