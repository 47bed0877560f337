"""``simulate``, ``demo`` and ``report``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from snn2chip.frontends.nir import write_graph
from snn2chip.report.jsonfile import schema
from tests.cli.conftest import Cli, is_four_part, listing
from tests.networks import chain


@pytest.fixture
def wide(folder: Path) -> Path:
    """A network one layer of which fits on no core: 100,000 inputs per neuron."""
    write_graph(chain(np.random.default_rng(0), sizes=(100_000, 2, 3)), folder / "wide.nir")
    return folder / "wide.nir"


def test_everything_is_written_and_named(cli: Cli, folder: Path, network: Path, data: Path) -> None:
    before = listing(folder)
    done = cli(
        *("simulate", network, "--target", "loihi2", "--data", data),
        *("--json", "r.json", "--csv", "r.csv", "--html", "web/r.html"),
        *("--trace", "t.npz", "--trace-state"),
    )
    assert done.code == 0, done.err
    written = {"r.json", "r.csv", "web", "web/r.html", "t.npz"}
    assert listing(folder) - before == written
    assert all(f"wrote {name}\n" in done.err for name in written - {"web"})
    report = json.loads((folder / "r.json").read_text())
    jsonschema.validate(report, schema())
    assert report["run"]["samples"] == 8
    assert report["run"]["accuracy"] is not None
    rows = list(csv.DictReader((folder / "r.csv").open()))
    assert [row["layer"] for row in rows] == [layer["name"] for layer in report["layers"]]
    assert (folder / "web" / "r.html").read_text().lstrip().lower().startswith("<!doctype html>")
    with np.load(folder / "t.npz") as trace:
        assert trace["hidden0"].shape == (8, report["run"]["chip_steps"], 5)
        assert trace["hidden0"].dtype == np.uint8
        assert trace["hidden0.v"].dtype.kind == "i"


def test_synapses_of_weight_0_may_be_left_out(
    cli: Cli, folder: Path, network: Path, data: Path
) -> None:
    """Told under the lossy choices, and kept by a compiled folder."""
    few = ("--data", data, "--weight-bits", "2")
    for name, flags in (("whole", ()), ("listed", ("--drop-zeros",))):
        done = cli("simulate", network, *few, *flags, "--json", f"{name}.json")
        assert done.code == 0, done.err
        assert ("are not loaded" in done.out) is bool(flags)
    whole, listed = (
        json.loads((folder / f"{name}.json").read_text()) for name in ("whole", "listed")
    )
    assert listed["run"]["accuracy"] == whole["run"]["accuracy"]
    events = [sum(x["synaptic_events"] for x in r["layers"]) for r in (listed, whole)]
    assert 0 < events[0] < events[1]
    done = cli("compile", network, *few, "--drop-zeros", "-o", "made")
    assert done.code == 0, done.err
    assert (folder / "made" / "network.net").exists()
    again = cli("simulate", "made", "--data", data, "--json", "again.json")
    assert again.code == 0, again.err
    found = json.loads((folder / "again.json").read_text())
    assert sum(x["synaptic_events"] for x in found["layers"]) == events[0]
    assert cli("simulate", "made", "--data", data, "--drop-zeros").code == 2


def test_the_report_is_printed(cli: Cli, network: Path, data: Path) -> None:
    done = cli("simulate", network, "--data", data)
    assert done.code == 0
    for words in ("FITS", "accuracy", "loihi2_from_loihi1", "not a Loihi 2 measurement", "hidden0"):
        assert words in done.out


def test_json_on_standard_output_is_nothing_but_json(cli: Cli, network: Path, data: Path) -> None:
    done = cli("simulate", network, "--data", data, "--json", "-")
    assert done.code == 0
    jsonschema.validate(json.loads(done.out), schema())


def test_runs_are_repeatable_and_batches_change_nothing(
    cli: Cli, network: Path, data: Path
) -> None:
    runs = [
        cli("simulate", network, "--data", data, "--json", "-", *extra).out
        for extra in ((), (), ("--batch", "3"), ("--block-steps", "5"))
    ]
    assert len(set(runs)) == 1


def test_options_reach_the_run(cli: Cli, network: Path, data: Path) -> None:
    done = cli(
        *("simulate", network, "--data", data, "--json", "-", "--steps", "7"),
        *("--samples", "3", "--seed", "5", "--costs", "davies2018", "-t", "loihi1"),
        *("--preset-set", "integrator=exact"),
    )
    report = json.loads(done.out)
    run = report["run"]
    assert (run["samples"], run["steps"], run["seed"]) == (3, 7, 5)
    assert report["target"]["cost_table"] == "davies2018"
    assert report["discretization"]["integrator"] == "exact"


def test_the_detailed_timing_is_named(cli: Cli, network: Path, data: Path) -> None:
    chip = ("-t", "loihi1", "--costs", "sanafe_nahuku", "--data", data, "--json", "-")
    simple, detailed = (
        json.loads(cli("simulate", network, *chip, "--timing", timing).out)
        for timing in ("simple", "detailed")
    )
    assert simple["layers"] == detailed["layers"]
    assert simple["totals"]["latency_us"] != detailed["totals"]["latency_us"]
    assert any("wait for links" in line for line in detailed["assumptions"])


def test_a_saved_run_keeps_its_timing_until_another_is_named(
    cli: Cli, network: Path, data: Path
) -> None:
    chip = ("-t", "loihi1", "--costs", "sanafe_nahuku", "--data", data, "--timing", "detailed")
    assert cli("simulate", network, *chip, "-o", "run").code == 0

    def latency(*more: str) -> float:
        done = cli("report", "run", "--json", "-", *more)
        assert done.code == 0, done.err
        said: float = json.loads(done.out)["totals"]["latency_us"]
        return said

    assert latency() == latency("--timing", "detailed") != latency("--timing", "simple")
    refused = cli("report", "run", "--costs", "davies2018", "--timing", "detailed")
    assert refused.code == 2
    assert "link_buffer" in refused.err


def test_the_float_graph_is_a_target(cli: Cli, network: Path, data: Path) -> None:
    done = cli("simulate", network, "-t", "reference", "--data", data, "--json", "-")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["drift"] == []
    assert report["totals"]["total_pj"] is None


def test_a_mapping_of_ones_own(cli: Cli, folder: Path, network: Path) -> None:
    assert cli("compile", network, "-o", "out").code == 0
    done = cli("simulate", network, "--data", "random", "--mapping", "out/mapping.json")
    assert done.code == 0
    (folder / "bad.json").write_text('{"cores": {"hidden0": [[0, 2, 1]]}}')
    done = cli("simulate", network, "--data", "random", "--mapping", "bad.json")
    assert done.code == 3
    assert is_four_part(done.err)
    assert cli("simulate", network, "--data", "random", "--mapping", "no.json").code == 3


def test_what_does_not_fit_still_runs_and_writes_and_ends_with_5(
    cli: Cli, folder: Path, wide: Path
) -> None:
    done = cli(
        *("simulate", wide, "--data", "random", "--samples", "1", "--steps", "2"),
        *("--json", "r.json", "--html", "r.html"),
    )
    assert done.code == 5
    assert is_four_part(done.err, parts=("needs", "has", "change"))
    assert "hidden0" in done.err
    report = json.loads((folder / "r.json").read_text())
    assert report["violations"]
    assert (folder / "r.html").is_file()
    assert "broken limit" in done.out


def test_synthetic_data_are_called_meaningless(cli: Cli, network: Path) -> None:
    done = cli("simulate", network, "--data", "random", "--samples", "2")
    assert done.code == 0
    assert "the energy means nothing" in " ".join(done.out.split())


def test_without_data_the_remedies_are_named(cli: Cli, folder: Path, network: Path) -> None:
    before = listing(folder)
    done = cli("simulate", network, "--json", "r.json")
    assert done.code == 2
    assert is_four_part(done.err, parts=("needs", "change"))
    assert "--data random" in done.err
    assert listing(folder) == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--target", "lohi2"), 2),
        (("--target", "nothing.toml"), 2),
        (("--costs", "davis"), 2),
        (("--timing", "exact"), 2),
        (("--timing", "detailed"), 2),
        (("--encoding", "iff"), 2),
        (("--preset", "nors"), 2),
        (("--samples", "9"), 2),
        (("--data", "digts"), 2),
        (("--data", "digits"), 2),
        (("--data", "absent.npz"), 3),
        (("--data", "net.nir"), 2),
        (("--calibrate", "absent.npz"), 3),
        (("--trace-state",), 2),
        (("--json", "-", "--csv", "r.csv", "--html", "r.csv"), 2),
        (("--html", "."), 2),
        (("--html", "net.nir/r.html"), 2),
        (("--encoding", "direct"), 4),
        (("--device", "gpu"), 2),
        (("--device", ""), 2),
    ],
)
def test_senseless_options_end_before_anything_is_written(
    cli: Cli, folder: Path, network: Path, data: Path, arguments: tuple[str, ...], code: int
) -> None:
    before = listing(folder)
    done = cli("simulate", network, "--data", data, *arguments)
    assert done.code == code, done.err
    assert is_four_part(done.err)
    assert done.out == ""
    assert listing(folder) == before


def test_a_gpu_that_is_not_there_is_said_with_a_way_out(
    cli: Cli, folder: Path, network: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    before = listing(folder)
    done = cli("simulate", network, "--data", data, "--device", "cuda", "--json", "r.json")
    assert done.code == 2, done.err
    assert is_four_part(done.err, parts=("needs", "has", "change"))
    assert "--device cpu" in done.err
    assert listing(folder) == before


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": np.zeros((4, 7))},
        {"x": np.full((4, 6), np.nan)},
        {"x": np.zeros((4, 6)), "y": np.full(4, 3)},
        {"events": np.array([[0, 0, 6]]), "steps": np.array(4)},
        {"z": np.zeros(3)},
    ],
)
def test_wrong_samples_end_with_3(
    cli: Cli, folder: Path, network: Path, arrays: dict[str, np.ndarray]
) -> None:
    np.savez(folder / "wrong.npz", **arrays)
    before = listing(folder)
    done = cli("simulate", network, "--data", "wrong.npz", "--json", "r.json")
    assert done.code == 3
    assert is_four_part(done.err)
    assert "wrong.npz" in done.err
    assert listing(folder) == before


def test_an_output_folder_without_permission(cli: Cli, folder: Path, network: Path) -> None:
    blocked = folder / "blocked"
    blocked.write_text("a file")
    done = cli("simulate", network, "--data", "random", "--json", "blocked/r.json")
    assert done.code == 2
    assert blocked.read_text() == "a file"


def test_demo_runs_the_whole_chain(process: Cli, folder: Path) -> None:
    done = process("demo")
    assert done.code == 0, done.err
    assert "bundled student digits-mlp" in done.err
    report = json.loads((folder / "demo-out" / "report.json").read_text())
    jsonschema.validate(report, schema())
    assert report["run"]["samples"] == 719
    assert report["run"]["accuracy"] > 0.95
    assert listing(folder / "demo-out") == {"report.html", "report.json", "report.csv"}


def test_report_prints_a_saved_report_again(cli: Cli, folder: Path, network: Path) -> None:
    shown = cli("simulate", network, "--data", "random", "--json", "run/report.json")
    for place in ("run", "run/report.json"):
        again = cli("report", place, "--csv", "layers.csv")
        assert again.code == 0, again.err
        verdict = shown.out.splitlines()[:4]
        assert again.out.splitlines()[:4] == verdict
    assert (folder / "layers.csv").read_text().startswith("network,")


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"schema": "snn2chip/report/0"}', '{"schema": "snn2chip/report/1"}', "\xff"],
)
def test_report_of_a_damaged_file_ends_with_3(cli: Cli, folder: Path, content: str) -> None:
    (folder / "report.json").write_text(content, encoding="latin-1")
    done = cli("report", ".")
    assert done.code == 3
    assert is_four_part(done.err)


def test_report_of_nothing_ends_with_3(cli: Cli) -> None:
    assert cli("report", "absent").code == 3


def test_figures_by_the_number_of_steps(cli: Cli, folder: Path, network: Path, data: Path) -> None:
    given = ("simulate", network, "--data", data)
    done = cli(*given, "--steps-curve", "--json", "r.json")
    assert done.code == 0, done.err
    assert "by the number of steps" in done.out
    report = json.loads((folder / "r.json").read_text())
    jsonschema.validate(report, schema())
    assert [point["steps"] for point in report["curve"]] == list(range(1, 17))
    last = report["curve"][-1]
    assert last["energy_nj"] == report["totals"]["energy_per_inference_nj"]
    assert last["latency_us"] == report["totals"]["latency_us"]
    assert last["accuracy"] == report["run"]["accuracy"]
    rows = list(csv.DictReader(cli(*given, "--curve-csv", "-").out.splitlines()))
    assert [float(row["energy_nj"]) for row in rows] == [p["energy_nj"] for p in report["curve"]]
    shown = cli(*given)
    assert "by the number of steps" not in shown.out
    again = cli("report", "r.json")
    assert "by the number of steps" in again.out
