"""The public verbs, from a file to a report, and what they say to wrong arguments."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import snn2chip
from snn2chip import Network, Options, Run, Snn2chipError
from snn2chip.errors import ConfigError, InputFileError, UnsupportedError
from snn2chip.graph import Encoding
from snn2chip.report import csvfile, html, jsonfile
from snn2chip.resources import targets_dir
from tests.whole_networks import (
    BUILDERS,
    SAMPLES,
    STEPS,
    write_network,
    write_spikes,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def network(folder: Path) -> Path:
    return write_network(folder, "branching")


@pytest.fixture(scope="module")
def data(folder: Path) -> str:
    return str(write_spikes(folder, BUILDERS["branching"](np.random.default_rng(0))))


@pytest.fixture(scope="module")
def run(network: Path, data: str) -> Run:
    return snn2chip.simulate(network, "loihi1", data)


@pytest.fixture(scope="module")
def own_chip(folder: Path) -> Path:
    """A chip with four neurons per core."""
    text = (targets_dir() / "loihi1.toml").read_text().replace('name = "loihi1"', 'name = "mine"')
    changed = text.replace("neurons_per_core = { value = 1024", "neurons_per_core = { value = 4")
    assert changed != text
    (folder / "mine.toml").write_text(changed)
    return folder / "mine.toml"


def test_load_takes_a_name_a_path_a_text_or_nothing(network: Path) -> None:
    assert snn2chip.load().graph.name == snn2chip.load("digits-mlp").graph.name == "digits-mlp"
    one, other = snn2chip.load(network), snn2chip.load(str(network))
    assert isinstance(one, Network)
    assert [p.name for p in one.graph.populations] == [p.name for p in other.graph.populations]
    assert repr(one) == "<Network branching: in, b, c, a, out>"


def test_load_overrides_the_discretization(network: Path) -> None:
    options = {"dt": 0.5e-3, "preset_set": {"fires": ">="}, "reset": "subtract"}
    found = snn2chip.load(network, **options).graph.discretization
    assert (found.dt, found.fires, found.reset) == (0.5e-3, ">=", "subtract")


def test_an_opened_network_keeps_what_it_was_opened_with(network: Path, data: str) -> None:
    opened = snn2chip.load(network, preset_set={"integrator": "exact"})
    run = snn2chip.simulate(opened, data=data)
    assert run.report.discretization.integrator == "exact"
    plain = snn2chip.simulate(network, data=data)
    assert plain.report.discretization.integrator == "euler"
    assert run.result.program is not plain.result.program


def test_check_and_simulate_agree_on_what_fits(network: Path, data: str, own_chip: Path) -> None:
    for target in ("loihi1", "loihi2", str(own_chip), own_chip):
        found = snn2chip.check(network, target)
        run = snn2chip.simulate(network, target, data)
        assert found.mapping.cores == run.result.mapping.cores
        assert found.violations == run.violations == ()
    assert len(found.mapping.cores["b"]) == 2


def test_a_run_says_what_happened(run: Run, data: str) -> None:
    with np.load(data) as arrays:
        x, y = arrays["x_test"], arrays["y_test"]
    assert run.accuracy == np.mean(run.predictions == y)
    np.testing.assert_array_equal(np.moveaxis(run.spikes("in"), 1, 0), x)
    assert run.spikes("b").shape == (STEPS, SAMPLES, 6)
    counts = {layer.counts.name: layer.counts.spikes for layer in run.layers}
    assert counts == {name: int(run.spikes(name).sum()) for name in counts}
    np.testing.assert_array_equal(run.predictions, run.spikes("out").sum(0).argmax(1))
    assert run.energy.samples == run.drift[0].samples == SAMPLES
    assert f"branching on loihi1: {SAMPLES} samples, accuracy {run.accuracy:.2%}" in repr(run)


def test_without_labels_there_is_no_accuracy(network: Path) -> None:
    run = snn2chip.simulate(network, data="random", steps=5, samples=2)
    assert run.accuracy is None
    assert "accuracy" not in repr(run)
    assert run.report.run.accuracy is None


def test_files_are_the_report(run: Run, tmp_path: Path) -> None:
    run.to_json(tmp_path / "r.json")
    run.to_csv(str(tmp_path / "r.csv"))
    run.to_html(tmp_path / "r.html")
    document = json.loads((tmp_path / "r.json").read_text())
    jsonschema.validate(document, jsonfile.schema())
    assert document == run.report.to_dict()
    assert (tmp_path / "r.csv").read_text() == csvfile.text(run.report)
    assert (tmp_path / "r.html").read_text() == html.text(run.report)
    rows = list(csv.DictReader((tmp_path / "r.csv").open()))
    assert [row["layer"] for row in rows] == [layer.counts.name for layer in run.layers]


def test_a_notebook_shows_the_verdict_and_every_layer(run: Run) -> None:
    shown = run._repr_html_()
    assert "FITS" in shown.upper()
    for layer in run.layers:
        assert f">{layer.counts.name}</td>" in shown
    assert "<script" not in shown


def test_the_same_price_is_the_same_report(run: Run) -> None:
    assert run.price("davies2018").report.to_dict() == run.report.to_dict()
    assert run.price("davies2018", "loihi1").report.to_dict() == run.report.to_dict()


def test_the_report_says_what_its_mapping_rests_on(run: Run, network: Path, data: str) -> None:
    other = snn2chip.simulate(network, "loihi2", data)
    for shown in (run, run.price("sanafe_nahuku"), other):
        assert any(line.startswith("synaptic memory:") for line in shown.report.assumptions)
    unknown = "axons_in_per_core: no public number is known, not checked"
    assert unknown in other.report.assumptions
    assert unknown not in run.report.assumptions


def test_another_price_is_that_of_another_run(run: Run, network: Path, data: str) -> None:
    again = snn2chip.simulate(network, "loihi1", data, costs="sanafe_nahuku")
    priced = run.price("sanafe_nahuku")
    assert priced.report.to_dict() == again.report.to_dict()
    assert run.report.target.cost_table == "davies2018"
    assert priced.energy != run.energy


def test_the_prices_of_another_chip_bring_its_limits(
    run: Run, network: Path, own_chip: Path
) -> None:
    other = run.price("loihi2_from_loihi1", "loihi2")
    assert other.report.target.name == "loihi2"
    assert other.result.mapping.target == "loihi2"
    assert [r.counts for r in other.layers] == [r.counts for r in run.layers]
    assert other.violations == ()
    assert "simulated for loihi1" in other.report.assumptions[-1]
    small = run.price("davies2018", own_chip)
    assert small.result.mapping.target == "mine"
    assert small.report.totals.cores_used > run.report.totals.cores_used
    assert small.violations == ()


def test_another_file_of_the_same_chip_keeps_the_mapping(
    run: Run, own_chip: Path, tmp_path: Path
) -> None:
    same = tmp_path / "loihi1.toml"
    same.write_text(own_chip.read_text().replace('name = "mine"', 'name = "loihi1"'))
    small = run.price("davies2018", same)
    assert small.result.mapping.places == run.result.mapping.places
    assert {found.rule for found in small.violations} == {"loihi1.neurons-per-core"}
    assert small.energy.dynamic_pj == run.energy.dynamic_pj


def test_compile_and_simulate_the_folder(
    network: Path, data: str, run: Run, tmp_path: Path
) -> None:
    files = snn2chip.compile(network, tmp_path / "out", "loihi1", data=data)
    assert files == tuple(sorted((tmp_path / "out").iterdir()))
    assert {f.name for f in files} >= {"manifest.json", "program.safetensors", "mapping.json"}
    again = snn2chip.simulate(tmp_path / "out", "loihi1", data)
    np.testing.assert_array_equal(again.spikes("out"), run.spikes("out"))
    assert again.energy == run.energy
    assert again.drift == run.drift


def test_a_folder_names_its_own_target(network: Path, own_chip: Path, tmp_path: Path) -> None:
    """Without ``target`` a folder runs on the chip that it was compiled for, as in a shell."""
    for target in ("loihi1", own_chip):
        snn2chip.compile(network, tmp_path / "out", target)
        run = snn2chip.simulate(tmp_path / "out", data="random", steps=4, samples=2)
        assert run.result.target.name == Path(target).stem
        assert snn2chip.check(tmp_path / "out").target.name == Path(target).stem
        with pytest.raises(ConfigError, match="compiled for"):
            snn2chip.simulate(tmp_path / "out", "loihi2", "random", steps=4)


def test_a_folders_program_cannot_be_given_other_numbers(network: Path, tmp_path: Path) -> None:
    """The program is fixed, so another graph beside it would be a false reference."""
    snn2chip.compile(network, tmp_path / "out")
    for options in (
        {"dt": 2e-3},
        {"reset": "subtract"},
        {"preset": "norse"},
        {"preset_set": {"fires": ">="}},
    ):
        with pytest.raises(ConfigError, match="compile the network again"):
            snn2chip.simulate(tmp_path / "out", data="random", steps=4, **options)
        with pytest.raises(ConfigError, match="compile the network again"):
            snn2chip.load(tmp_path / "out", **options)


def test_progress_tells_every_stage_to_its_end(network: Path, data: str) -> None:
    told: list[tuple[str, int, int]] = []
    snn2chip.simulate(network, data=data, progress=lambda *what: told.append(what))
    last = {stage: (done, total) for stage, done, total in told}
    assert list(last) == [
        "read samples",
        "quantize",
        "simulate",
        "float reference",
        "map and price",
    ]
    assert all(done == total for done, total in last.values())


@pytest.mark.parametrize("name", ["steps", "samples", "batch", "block_steps"])
@pytest.mark.parametrize("value", [0, -3, 2.5])
def test_numbers_must_be_whole_and_positive(
    network: Path, data: str, name: str, value: int
) -> None:
    with pytest.raises(ConfigError, match=name):
        snn2chip.simulate(network, data=data, **{name: value})


@pytest.mark.parametrize(
    ("options", "words", "kind"),
    [
        ({"target": "loihi22"}, "did you mean 'loihi2'", ConfigError),
        ({"target": "asic46"}, "did you mean 'asic45'", ConfigError),
        ({"target": "nothing.toml"}, "no such file", ConfigError),
        ({"costs": "loihi2_from_loihi"}, "loihi2_from_loihi1", ConfigError),
        ({"data": "digts"}, "did you mean 'digits'", ConfigError),
        ({"data": "nothing.npz"}, "no such file", InputFileError),
        ({"preset": "nors"}, "norse", ConfigError),
        ({"preset_set": {"fire": ">"}}, "did you mean 'fires'", ConfigError),
        ({"preset_set": {"dt": "1"}}, "--dt", ConfigError),
        ({"encoding": "fi"}, "one of: direct, if,", ConfigError),
        ({"reset": "zerro"}, "did you mean 'zero'", ConfigError),
        ({"reset": "subtract"}, "subtract", UnsupportedError),
        ({"seed": -1, "data": "random"}, "seed -1", ConfigError),
        ({"steps": STEPS + 1}, f"have {STEPS} steps", ConfigError),
        ({"samples": SAMPLES + 1}, "samples", ConfigError),
        ({"mapping": "nothing.json"}, "nothing.json", InputFileError),
    ],
)
def test_wrong_values_are_named(
    network: Path, data: str, options: dict[str, object], words: str, kind: type[Snn2chipError]
) -> None:
    with pytest.raises(kind) as caught:
        snn2chip.simulate(network, **{"data": data, **options})
    assert words in str(caught.value)


def test_wrong_names_are_named(run: Run, network: Path, data: str) -> None:
    with pytest.raises(ConfigError, match="did you mean 'samples'"):
        snn2chip.simulate(network, data=data, sample=3)
    with pytest.raises(ConfigError, match="did you mean 'out'"):
        run.spikes("ou")
    with pytest.raises(ConfigError, match="sanafe_nahuku"):
        run.price("sanafe")
    with pytest.raises(InputFileError, match="did you mean 'digits-conv'"):
        snn2chip.load("digits-con")
    with pytest.raises(AttributeError, match="simulat"):
        _ = snn2chip.simulat


def test_a_mapping_is_a_path_or_its_text(
    network: Path, data: str, run: Run, tmp_path: Path
) -> None:
    snn2chip.compile(network, tmp_path / "out", "loihi1")
    for path in (tmp_path / "out" / "mapping.json", str(tmp_path / "out" / "mapping.json")):
        again = snn2chip.simulate(network, "loihi1", data, mapping=path)
        assert again.energy == run.energy
        assert snn2chip.check(network, "loihi1", mapping=path).violations == ()


def test_options_stay_as_they_were_given() -> None:
    assert Options().target == "loihi2"
    assert replace(Options(), mapping=Path("m.json")).mapping == Path("m.json")


@pytest.fixture
def module():
    """A Norse network of 5-6-3 neurons that fires."""
    torch = pytest.importorskip("torch", reason="export needs torch")
    norse = pytest.importorskip("norse.torch", reason="export needs Norse")
    torch.manual_seed(0)
    made = norse.SequentialState(
        torch.nn.Linear(5, 6), norse.LIFBoxCell(), torch.nn.Linear(6, 3), norse.LIFBoxCell()
    )
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(8.0)
    return made


def test_export_then_simulate(module, tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((4, 5))
    encoding = Encoding("if", steps=12)
    path = tmp_path / "mine.nir"
    proof = snn2chip.export(module, path, x, dt=1e-3, encoding=encoding, classes=("a", "b", "c"))
    assert (proof.samples, proof.steps) == (4, 12)
    assert proof.spikes > 0
    np.savez(tmp_path / "x.npz", x=x)
    run = snn2chip.simulate(path, data=str(tmp_path / "x.npz"))
    assert run.report.network.classes == ("a", "b", "c")
    assert run.result.activity.steps == 12
    assert run.drift[0].samples == 4


def test_export_takes_spikes_without_an_encoding(module, tmp_path: Path) -> None:
    """[sample, step, neuron], the order of data files."""
    spikes = np.random.default_rng(0).random((3, 7, 5)) < 0.5
    proof = snn2chip.export(module, tmp_path / "timed.nir", spikes, dt=1e-3)
    assert (proof.samples, proof.steps) == (3, 7)
    assert snn2chip.load(tmp_path / "timed.nir").graph.encoding.kind == "none"


def test_export_refuses_and_leaves_nothing(module, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="export needs torch")
    x = np.zeros((2, 5))
    encoding = Encoding("if", steps=4)
    foreign = torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.ReLU())
    with pytest.raises(UnsupportedError, match="no spiking neurons"):
        snn2chip.export(foreign, tmp_path / "no.nir", x, dt=1e-3, encoding=encoding)
    with pytest.raises(ConfigError, match="spike_count"):
        snn2chip.export(
            module, tmp_path / "no.nir", x, dt=1e-3, encoding=encoding, readout="spikes"
        )
    assert list(tmp_path.iterdir()) == []
