"""Runs that were saved: read back, they are the runs; priced again, they are other runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

import snn2chip
from snn2chip import pipeline, report
from snn2chip.compiled import ACTIVITY
from snn2chip.errors import ConfigError, InputFileError, UnsupportedError
from snn2chip.pipeline import Options, open_network, open_run, reprice, run
from snn2chip.report.folder import write_compiled, write_run
from snn2chip.resources import targets_dir
from snn2chip.targets import load_target
from tests.whole_networks import BUILDERS, write_network, write_spikes


def saved(folder: Path, name: str, **options: object) -> tuple[Path, dict[str, object]]:
    """A saved run, and the JSON report of the run itself."""
    path = write_network(folder, name)
    network = open_network(path, Options())
    chosen = Options(data=str(write_spikes(folder, network.graph)), **options)  # type: ignore[arg-type]
    result = run(network, chosen)
    write_run(folder / "run", network, result, chosen)
    return folder / "run", report.build(result).to_dict()


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_a_saved_run_is_the_run(name: str, tmp_path: Path) -> None:
    folder, before = saved(tmp_path, name, target="loihi1", costs="sanafe_nahuku")
    assert report.build(open_run(folder)).to_dict() == before
    assert json.loads((folder / "report.json").read_text()) == before


@pytest.mark.parametrize("target", ["loihi2", "reference"])
def test_readouts_of_every_step_are_kept_with_a_curve(target: str, tmp_path: Path) -> None:
    folder, before = saved(tmp_path, "leaky_readout", target=target, steps_curve=True)
    again = open_run(folder)
    assert again.curve
    assert report.build(again).to_dict() == before


def test_a_compiled_network_with_data_is_a_run(tmp_path: Path) -> None:
    network = open_network("digits-mlp", Options())
    chosen = Options(target="loihi2", samples=10)
    made = pipeline.compile_network(network, chosen)
    assert made.result is not None
    write_compiled(tmp_path / "out", network, made, chosen)
    before = report.build(made.result).to_dict()
    assert report.build(open_run(tmp_path / "out")).to_dict() == before
    again = run(open_network(tmp_path / "out", Options()), replace(chosen, target="loihi2"))
    assert again.accuracy == made.result.accuracy


def test_prices_of_a_saved_run_are_those_of_a_run(tmp_path: Path) -> None:
    folder, _ = saved(tmp_path, "images", target="loihi1", costs="sanafe_nahuku")
    priced = report.build(reprice(open_run(folder), "davies2018")).to_dict()
    (tmp_path / "again").mkdir()
    _, before = saved(tmp_path / "again", "images", target="loihi1", costs="davies2018")
    assert priced == before


def test_another_chip_says_that_it_was_not_simulated(tmp_path: Path) -> None:
    folder, before = saved(tmp_path, "images", target="loihi1")
    other = report.build(reprice(open_run(folder), None, load_target("loihi2")))
    assert other.target.name == "loihi2"
    assert "simulated for loihi1" in other.assumptions[-1]
    assert [row.spikes for row in other.layers] == [r["spikes"] for r in before["layers"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize("chip", ["truenorth", "asic45", "reference"])
def test_a_chip_that_was_not_simulated_is_priced_as_in_a_comparison(
    chip: str, tmp_path: Path
) -> None:
    """The float network's spikes, its steps, and nothing of the simulated chip."""
    path = write_network(tmp_path, "images")
    network = open_network(path, Options())
    chosen = Options(data=str(write_spikes(tmp_path, network.graph)), steps_curve=True)
    result = run(network, chosen)
    write_run(tmp_path / "run", network, result, chosen)
    (row,) = pipeline.compare_targets(network, [chip], chosen)
    assert row.result is not None
    again, alone = reprice(open_run(tmp_path / "run"), None, load_target(chip)), row.result
    said = again.energy.assumptions
    assert said[:-1] == alone.energy.assumptions
    assert said[-1] == "the float network's spikes, which the run for loihi2 kept beside its own"
    one, other = (report.build(made).to_dict() for made in (again, alone))
    assert {**one, "assumptions": ()} == {**other, "assumptions": ()}
    assert again.simulated == alone.simulated == (chip == "reference")


def test_latency_of_another_chip_is_not_charged(tmp_path: Path) -> None:
    """A run without its float network: the spikes are the chip's, the ticks are not."""
    folder, before = saved(tmp_path, "images", target="loihi2")
    alone = replace(open_run(folder), reference=None, drift=())
    again = reprice(alone, None, load_target("truenorth"))
    assert alone.program.max_latency > 0
    assert again.energy.latency_us == 1000.0 * alone.activity.steps
    assert again.fidelity.modelled[0] == "spikes of loihi-chip, not this chip's arithmetic"
    assert "not charged" in again.energy.assumptions[-1]
    spikes = [row["spikes"] for row in before["layers"]]  # type: ignore[attr-defined]
    assert [layer.counts.spikes for layer in again.energy.layers] == spikes


def test_where_the_detailed_time_cannot_be_had_the_simple_one_is_taken(tmp_path: Path) -> None:
    folder, _ = saved(tmp_path, "images", target="loihi1", costs="sanafe_nahuku", timing="detailed")
    alone = open_run(folder)
    again = reprice(alone, None, load_target("odin"))
    assert (alone.energy.timing, again.energy.timing) == ("detailed", "simple")
    assert any("in place of the run's detailed" in line for line in again.energy.assumptions)
    with pytest.raises(ConfigError, match="no mesh"):
        reprice(alone, None, load_target("odin"), timing="detailed")


def test_the_same_run_is_the_same_file(tmp_path: Path) -> None:
    files = []
    for part in ("a", "b"):
        (tmp_path / part).mkdir()
        folder, _ = saved(tmp_path / part, "recurrent", target="loihi2")
        files.append((folder / ACTIVITY).read_bytes())
    assert files[0] == files[1]


def test_a_target_that_has_changed_is_said(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    text = (targets_dir() / "loihi1.toml").read_text().replace('name = "loihi1"', 'name = "mine"')
    mine.write_text(text)
    folder, _ = saved(tmp_path, "images", target=str(mine))
    assert not any("has changed" in note for note in open_run(folder).notes)
    mine.write_text(text + "\n# another price list\n")
    assert any("has changed since the run" in note for note in open_run(folder).notes)
    mine.unlink()
    with pytest.raises(ConfigError, match="no such file"):
        open_run(folder)


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no saved run"):
        open_run(tmp_path)
    folder, _ = saved(tmp_path, "images")
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"][ACTIVITY]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputFileError, match="not a file that was written with the folder"):
        open_run(folder)


def test_a_run_that_was_changed_is_refused(tmp_path: Path) -> None:
    folder, _ = saved(tmp_path, "images")
    data = bytearray((folder / ACTIVITY).read_bytes())
    data[-1] ^= 1
    (folder / ACTIVITY).write_bytes(bytes(data))
    with pytest.raises(InputFileError, match="sha256"):
        open_run(folder)


def rehash(folder: Path) -> None:
    """The manifest with the sha256 of the files as they are, as an attacker would leave it."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in manifest["files"]:
        manifest["files"][name] = sha256((folder / name).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("verb", [open_run, lambda folder: open_network(folder, Options())])
def test_the_network_of_another_program_is_refused(
    tmp_path: Path, verb: Callable[[Path], object]
) -> None:
    folder, _ = saved(tmp_path, "images")
    (tmp_path / "other").mkdir()
    other, _ = saved(tmp_path / "other", "recurrent")
    shutil.copy(other / "network.nir", folder / "network.nir")
    rehash(folder)
    with pytest.raises(InputFileError, match="of different networks") as caught:
        verb(folder)
    assert caught.value.needs
    assert caught.value.has


@pytest.mark.parametrize(
    "change",
    [
        {"weight_bits": "x"},
        {"weight_bits": True},
        {"weight_bits": 0},
        {"calibration": "<script>"},
        {"calibration": ["max"]},
        {"percentile": float("nan")},
        {"percentile": "9"},
        {"granularity": None},
        {"fine_biases": 1},
        {"surprise": 1},
    ],
    ids=repr,
)
def test_a_quantization_that_is_none_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    folder, _ = saved(tmp_path, "images", target="loihi1")
    data = (folder / ACTIVITY).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    inner = json.loads(header["__metadata__"]["snn2chip"])
    inner["about"]["quantization"] |= change
    header["__metadata__"]["snn2chip"] = json.dumps(inner)
    text = json.dumps(header).encode()
    (folder / ACTIVITY).write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])
    rehash(folder)
    with pytest.raises(InputFileError, match="no such quantization"):
        open_run(folder)


def test_from_python(tmp_path: Path) -> None:
    made = snn2chip.simulate("digits-mlp", samples=8)
    files = made.save(tmp_path / "run")
    assert tmp_path / "run" / ACTIVITY in files
    again = snn2chip.open_run(tmp_path / "run")
    assert again.report.to_dict() == made.report.to_dict()
    np.testing.assert_array_equal(again.spikes("out"), made.spikes("out"))
    assert again.price(target="loihi1").report.target.name == "loihi1"
    with pytest.raises(ConfigError, match="saved already"):
        again.save(tmp_path / "other")


def test_files_of_integers_have_no_folder(tmp_path: Path) -> None:
    network = open_network("digits-mlp", Options())
    result = run(network, Options(samples=2))
    foreign = replace(network, family="loihi", origin="some.net")
    with pytest.raises(UnsupportedError, match=r"some\.net"):
        write_run(tmp_path / "run", foreign, result, Options())
    assert not (tmp_path / "run").exists()
