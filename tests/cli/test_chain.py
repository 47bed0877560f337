"""Commands one after another, each on what the one before it wrote."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn2chip.resources import models_dir, targets_dir
from tests.cli.conftest import Cli, is_four_part, listing
from tests.whole_networks import BUILDERS, SAMPLES, STEPS, write_network, write_spikes

SAME = ("layers", "totals", "drift", "violations", "bottleneck", "target", "discretization")


def chip(folder: Path, **limits: int) -> Path:
    """mine.toml: loihi1 with other limits."""
    text = (targets_dir() / "loihi1.toml").read_text().replace('name = "loihi1"', 'name = "mine"')
    for name, value in limits.items():
        before, found, after = text.partition(f"\n{name} = {{ value = ")
        assert found
        text = before + found + str(value) + after[after.index(",") :]
    (folder / "mine.toml").write_text(text)
    return folder / "mine.toml"


@pytest.fixture
def branching(folder: Path) -> Path:
    """branching.nir and its timed samples in net.npz."""
    write_spikes(folder, BUILDERS["branching"](np.random.default_rng(0)))
    return write_network(folder, "branching")


def saved(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def test_from_a_checkpoint_to_a_report(cli: Cli, folder: Path) -> None:
    pytest.importorskip("norse.torch")
    bundled = models_dir() / "digits-mlp"
    (folder / "mine.safetensors").write_bytes((bundled / "student.safetensors").read_bytes())
    exported = cli("export", "mine.safetensors", "-o", "mine.nir", "--samples", "32")
    assert exported.code == 0, exported.err
    assert "are equal to PyTorch's" in exported.out
    checked = cli("check", "mine.nir", "-t", "loihi1")
    assert checked.code == 0, checked.err
    assert "mine fits loihi1" in checked.out
    compiled = cli("compile", "mine.nir", "-t", "loihi1", "-o", "out")
    assert compiled.code == 0, compiled.err
    assert "256 samples of digits" in compiled.err
    simulated = cli("simulate", "out", "--json", "r.json", "--csv", "r.csv")
    assert simulated.code == 0, simulated.err
    first, again = saved(folder / "out" / "report.json"), saved(folder / "r.json")
    assert {key: first[key] for key in SAME} == {key: again[key] for key in SAME}
    assert again["run"]["accuracy"] >= 0.965
    assert again["run"]["samples"] == 719
    printed = cli("report", "out", "--csv", "again.csv")
    assert printed.code == 0, printed.err
    assert (folder / "again.csv").read_bytes() == (folder / "r.csv").read_bytes()
    direct = cli("simulate", "digits-mlp", "-t", "loihi1", "--json", "direct.json")
    assert direct.code == 0, direct.err
    for key in set(SAME) - {"target"}:
        assert saved(folder / "direct.json")[key] == again[key]


@pytest.mark.parametrize("name", ["two_inputs", "current_readout", "recurrent", "images"])
def test_from_a_file_to_a_report(cli: Cli, folder: Path, name: str) -> None:
    write_network(folder, name)
    write_spikes(folder, BUILDERS[name](np.random.default_rng(0)))
    assert cli("check", f"{name}.nir", "-t", "loihi1").code == 0
    done = cli("compile", f"{name}.nir", "-t", "loihi1", "-o", "out", "--data", "net.npz")
    assert done.code == 0, done.err
    done = cli("simulate", "out", "--data", "net.npz", "--json", "r.json", "--csv", "r.csv")
    assert done.code == 0, done.err
    first, again = saved(folder / "out" / "report.json"), saved(folder / "r.json")
    assert {key: first[key] for key in SAME} == {key: again[key] for key in SAME}
    assert first["run"]["calibrated_on"] == "12 samples of net.npz that are not scored"
    assert again["run"]["calibrated_on"] == "the compiled folder"
    for place in ("out", "r.json"):
        printed = cli("report", place, "--csv", "again.csv")
        assert printed.code == 0, printed.err
        assert (folder / "again.csv").read_bytes() == (folder / "r.csv").read_bytes()
        assert printed.out.splitlines()[:2] == done.out.splitlines()[:2]


def test_a_part_of_the_samples_and_steps_of_a_folder(
    cli: Cli, folder: Path, branching: Path
) -> None:
    assert cli("compile", branching, "-o", "out", "--data", "net.npz").code == 0
    whole = cli("simulate", "out", "--data", "net.npz", "--trace", "whole.npz")
    arguments = ("--samples", "2", "--steps", "5", "--trace", "part.npz", "--json", "r.json")
    part = cli("simulate", "out", "--data", "net.npz", *arguments)
    assert (whole.code, part.code) == (0, 0), part.err
    run = saved(folder / "r.json")["run"]
    assert (run["samples"], run["steps"]) == (2, 5)
    latency = run["chip_steps"] - 5
    with np.load(folder / "whole.npz") as one, np.load(folder / "part.npz") as other:
        assert set(one.files) == set(other.files) == {"in", "a", "b", "c", "out"}
        for name in other.files:
            assert one[name].shape == (SAMPLES, STEPS + latency, *other[name].shape[2:])
            np.testing.assert_array_equal(one[name][:2, :5], other[name][:, :5])


def test_a_chip_of_ones_own_is_remembered_by_the_folder(
    cli: Cli, folder: Path, branching: Path
) -> None:
    mine = chip(folder, neurons_per_core=2)
    assert cli("compile", branching, "-t", mine.name, "-o", "out").code == 0
    checked = cli("check", "out")
    assert checked.code == 0, checked.err
    assert "branching fits mine: 12 cores" in checked.out
    done = cli("simulate", "out", "--data", "net.npz", "--json", "r.json")
    assert done.code == 0, done.err
    assert saved(folder / "r.json")["target"]["name"] == "mine"
    assert cli("simulate", "out", "-t", "loihi1", "--data", "net.npz").code == 2
    mine.unlink()
    done = cli("check", "out")
    assert done.code == 2
    assert "mine.toml: there is no such file" in done.err


@pytest.mark.parametrize(
    "option",
    [
        ("--dt", "0.002"),
        ("--reset", "subtract"),
        ("--preset", "norse"),
        ("--preset-set", "fires=>="),
    ],
)
def test_a_compiled_program_keeps_its_numbers(
    cli: Cli, folder: Path, branching: Path, option: tuple[str, str]
) -> None:
    assert cli("compile", branching, "-o", "out").code == 0
    before = listing(folder)
    for command in (
        ("check", "out"),
        ("simulate", "out", "--data", "net.npz", "--json", "r.json"),
        ("compile", "out", "-o", "other"),
    ):
        done = cli(*command, *option)
        assert done.code == 2, done.err
        assert is_four_part(done.err, parts=("has", "change"))
        assert option[0] in done.err
    assert listing(folder) == before


def test_one_layer_that_is_too_large(cli: Cli, folder: Path, branching: Path) -> None:
    """Only that layer is named; the run is written whole, says so, and can be printed again."""
    mine = chip(folder, synaptic_words_per_core=11)
    before = listing(folder)
    checked = cli("check", branching, "-t", mine)
    assert checked.code == 5
    assert checked.out == ""
    assert cli("compile", branching, "-t", mine, "-o", "out", "--data", "net.npz").code == 5
    assert listing(folder) == before
    done = cli(
        *("simulate", branching, "-t", mine, "--data", "net.npz", "--json", "r.json"),
        *("--csv", "r.csv", "--html", "r.html", "--trace", "t.npz"),
    )
    assert done.code == 5
    assert listing(folder) - before == {"r.json", "r.csv", "r.html", "t.npz"}
    found = saved(folder / "r.json")["violations"]
    assert {v["object"] for v in found} == {"population 'out'"}
    assert {v["rule"] for v in found} == {"mine.single-neuron", "mine.synaptic-words-per-core"}
    for said in (checked, done):
        assert said.err.splitlines()[-1] == "snn2chip: 2 broken limits: it does not fit"
        assert "'out'" in said.err
        assert not any(f"population {name!r}" in said.err for name in "abc")
    rows = list(csv.DictReader((folder / "r.csv").open()))
    assert sum(int(row["spikes"]) for row in rows) > 0
    page = (folder / "r.html").read_text()
    assert all(v["rule"] in page and v["needs"] in page for v in found)
    printed = cli("report", "r.json")
    assert printed.code == 0
    assert "DOES NOT FIT" in printed.out.upper()


def test_more_cores_than_the_chip_has(cli: Cli, folder: Path, branching: Path) -> None:
    """Chips are counted, and each has its static power."""
    roomy, tight = chip(folder, neurons_per_core=2), folder / "tight.toml"
    text = roomy.read_text().replace('name = "mine"', 'name = "tight"')
    text = text.replace("\ncores = { value = 128", "\ncores = { value = 8")
    text = text.replace("columns = { value = 8", "columns = { value = 1")
    text = text.replace("rows = { value = 4", "rows = { value = 2")
    tight.write_text(text)
    reports = []
    for target, code in ((roomy, 0), (tight, 5)):
        done = cli(
            *("simulate", branching, "-t", target, "--data", "net.npz"),
            *("--json", "r.json", "--html", "r.html"),
        )
        assert done.code == code, done.err
        reports.append(saved(folder / "r.json"))
    one, two = reports
    assert [v["rule"] for v in two["violations"]] == ["tight.cores"]
    assert (two["violations"][0]["needs"], two["violations"][0]["has"]) == ("12 cores", "8 cores")
    assert two["totals"]["static_pj"] == pytest.approx(2 * one["totals"]["static_pj"])
    assert two["totals"]["energy_pj"]["synapse"] == one["totals"]["energy_pj"]["synapse"]


def test_a_mapping_that_was_edited_by_hand(cli: Cli, folder: Path, branching: Path) -> None:
    assert cli("compile", branching, "-t", "loihi1", "-o", "out").code == 0
    mapping = saved(folder / "out" / "mapping.json")
    cores = mapping["cores"]
    given = ("-t", "loihi1", "--data", "net.npz", "--json", "r.json")

    def simulate(**changes: Any) -> Any:
        (folder / "own.json").write_text(json.dumps({**mapping, "places": {}, **changes}))
        return cli("simulate", branching, *given, "--mapping", "own.json")

    assert simulate(cores={**cores, "b": [[0, 2, 40], [3, 5, 41]]}).code == 0
    rows = {row["name"]: row for row in saved(folder / "r.json")["layers"]}
    assert rows["b"]["cores"] == 2
    assert rows["b"]["hops"] > 0
    for wrong, words in (
        ({"cores": {**cores, "b": [[0, 2, 40], [4, 5, 41]]}}, "neuron 3 is not mapped"),
        ({"cores": {**cores, "b": [[0, 3, 40], [3, 5, 41]]}}, "neuron 3 is twice mapped"),
        ({"cores": {**cores, "outt": [[0, 2, 9]]}}, "did you mean 'out'?"),
        ({"target": "loihi2"}, "loihi2"),
    ):
        done = simulate(**wrong)
        assert done.code == 3, done.err
        assert words in done.err
        assert is_four_part(done.err, parts=("needs", "change"))
    done = simulate(cores={**cores, "b": [[0, 5, 128]]})
    assert done.code == 5
    assert "breaks loihi1.cores" in done.err


def test_a_folder_is_the_same_bytes_wherever_it_was_made(
    cli: Cli, folder: Path, branching: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the current folder nor how a path is written shows in anything but the manifest."""
    assert cli("compile", branching, "-o", "one", "--data", folder / "net.npz").code == 0
    (folder / "deep").mkdir()
    monkeypatch.chdir(folder / "deep")
    done = cli("compile", "../branching.nir", "-o", "../two", "--data", "../net.npz")
    assert done.code == 0, done.err
    names = {path.name for path in (folder / "one").iterdir()}
    assert names == {path.name for path in (folder / "two").iterdir()}
    for name in names - {"manifest.json"}:
        one, two = (folder / "one" / name).read_bytes(), (folder / "two" / name).read_bytes()
        assert one == two, name
        assert str(folder).encode() not in one, name


@pytest.mark.parametrize(
    ("command", "code", "suggestion"),
    [
        (("check", "branching.nir", "-t", "lohi2"), 2, "did you mean 'loihi2'?"),
        (("check", "digits-cnv"), 3, "did you mean 'digits-conv'?"),
        (("info", "branching.nir", "--preset-set", "fire=>"), 2, "did you mean 'fires'?"),
        (("compile", "branching.nir", "-o", "o", "--data", "digit"), 2, "did you mean 'digits'?"),
        (("simulate", "branching.nir", "--calibrate", "randm"), 2, "did you mean 'random'?"),
        (("simulate", "branching.nir", "--reset", "subtrct"), 2, "did you mean 'subtract'?"),
        (("simulate", "branching.nir", "-t", "loihi1", "--costs", "davies2017"), 2, "davies2018'?"),
    ],
)
def test_unknown_names_suggest(
    cli: Cli, folder: Path, branching: Path, command: tuple[str, ...], code: int, suggestion: str
) -> None:
    before = listing(folder)
    data = ("--data", "net.npz") if command[0] == "simulate" else ()
    done = cli(*command, *data)
    assert done.code == code, done.err
    assert suggestion in done.err
    assert is_four_part(done.err, parts=("change",))
    assert (done.out, listing(folder)) == ("", before)


def test_json_and_exit_code_go_together_in_a_process(
    process: Cli, folder: Path, branching: Path
) -> None:
    """What a script sees: JSON alone on standard output, also where the network does not fit."""
    mine = chip(folder, synaptic_words_per_core=11)
    for target, code in (("loihi1", 0), (mine, 5)):
        done = process("simulate", branching, "-t", target, "--data", "net.npz", "--json", "-")
        assert done.code == code, done.err
        report = json.loads(done.out)
        assert bool(report["violations"]) == (code == 5)
        assert "Traceback" not in done.err
