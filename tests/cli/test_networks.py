"""``info``, ``check`` and ``compile``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from snn2chip.compiled import read_folder
from snn2chip.frontends.nir import write_graph
from snn2chip.graph import Encoding
from snn2chip.graph.text import to_text
from snn2chip.resources import targets_dir
from tests.cli.conftest import Cli, is_four_part, listing
from tests.networks import chain, conv_net

COMPILED = {
    *("manifest.json", "program.safetensors", "mapping.json", "network.nir", "graph.txt"),
    "network.net",
}
READERS = ("info", "check", "simulate")


def test_info_lists_populations_projections_and_parameters(cli: Cli, network: Path) -> None:
    done = cli("info", network)
    assert done.code == 0
    assert "net: 8 neurons, 45 synapses" in done.out
    assert "preset norse, dt 0.001" in done.out
    lines = done.out.splitlines()
    hidden = next(line for line in lines if line.startswith("hidden0 "))
    assert "tau 0.005" in hidden
    assert "v_threshold 1" in hidden
    assert any(line.split()[:4] == ["input->hidden0", "dense", "30", "30"] for line in lines)


def test_info_of_a_convolution_counts_synapses_and_weights_apart(cli: Cli, folder: Path) -> None:
    write_graph(conv_net(np.random.default_rng(0)), folder / "conv.nir")
    done = cli("info", "conv.nir")
    conv = next(line for line in done.out.splitlines() if line.startswith("input->conv"))
    assert conv.split()[1:4] == ["conv", str(2 * 4 * 4 * 9), "18"]


def test_info_as_text_is_the_graphs_text_form(cli: Cli, network: Path) -> None:
    graph = replace(chain(np.random.default_rng(0)), name="net")
    assert cli("info", network, "--text").out == to_text(graph)


def test_overrides_of_the_discretization_are_shown(cli: Cli, network: Path) -> None:
    done = cli("info", network, "--dt", "0.002", "--preset-set", "integrator=exact")
    assert "dt 0.002, integrator exact" in done.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--preset", "nors"),
        ("--preset-set", "integrator"),
        ("--preset-set", "=exact"),
        ("--preset-set", "dt=5"),
        ("--preset-set", "preset=norse"),
        ("--preset-set", "reset=zero", "--preset-set", "reset=zero"),
        ("--preset-set", "integratr=exact"),
        ("--preset-set", "integrator=exacto"),
        ("--reset", "none"),
        ("--dt", "0"),
        ("--dt", "nan"),
    ],
)
def test_senseless_discretizations_end_with_2(
    cli: Cli, network: Path, arguments: tuple[str, ...]
) -> None:
    done = cli("info", network, *arguments)
    assert done.code == 2
    assert is_four_part(done.err)
    assert done.out == ""


def test_check_says_what_fits(cli: Cli, network: Path) -> None:
    done = cli("check", network, "--target", "loihi1")
    assert done.code == 0
    assert "net fits loihi1: 3 cores" in done.out


def test_check_names_every_broken_limit(cli: Cli, folder: Path) -> None:
    write_graph(chain(np.random.default_rng(0), sizes=(100_000, 2, 3)), folder / "wide.nir")
    done = cli("check", "wide.nir", "--target", "loihi2")
    assert done.code == 5
    assert is_four_part(done.err, parts=("needs", "has", "change"))
    assert "hidden0" in done.err
    assert "breaks loihi2." in done.err
    assert "broken limit" in done.err.splitlines()[-1]


def test_check_against_a_chip_of_ones_own(cli: Cli, folder: Path, network: Path) -> None:
    text = (targets_dir() / "loihi2.toml").read_text()
    small = text.replace("neurons_per_core = { value = 8192", "neurons_per_core = { value = 2")
    assert small != text
    (folder / "small.toml").write_text(small)
    done = cli("check", network, "--target", "small.toml")
    assert done.code == 0
    hidden = next(line for line in done.out.splitlines() if line.startswith("hidden0"))
    assert hidden.split()[-1] == "3"


def test_what_the_chip_cannot_do_ends_with_4(cli: Cli, folder: Path, network: Path) -> None:
    before = listing(folder)
    for command in (
        ("check", network, "--reset", "subtract"),
        ("compile", network, "-o", "out", "--reset", "subtract"),
        ("simulate", network, "--data", "random", "--reset", "subtract", "--json", "r.json"),
    ):
        done = cli(*command)
        assert done.code == 4, done.err
        assert is_four_part(done.err)
    assert listing(folder) == before


def test_compile_writes_a_whole_folder(cli: Cli, folder: Path, network: Path, data: Path) -> None:
    done = cli("compile", network, "-o", "deep/out", "--target", "loihi1", "--data", data)
    assert done.code == 0
    out = folder / "deep" / "out"
    assert {p.name for p in out.iterdir()} == COMPILED | {
        "report.json",
        "report.html",
        "activity.safetensors",
    }
    assert read_folder(out).target == "loihi1"
    assert all(f"wrote deep/out/{name}" in done.err for name in COMPILED)
    assert json.loads((out / "manifest.json").read_text())["options"]["data"] == str(data)


def test_compile_without_data_says_where_the_scales_come_from(
    cli: Cli, folder: Path, network: Path
) -> None:
    done = cli("compile", network, "-o", "out")
    assert done.code == 0
    assert "weights' maxima" in done.err
    assert {p.name for p in (folder / "out").iterdir()} == COMPILED


def test_everything_but_the_manifest_is_the_same_bytes(
    cli: Cli, folder: Path, network: Path, data: Path
) -> None:
    for out in ("a", "b"):
        assert cli("compile", network, "-o", out, "--data", data).code == 0
    for path in (folder / "a").iterdir():
        if path.name != "manifest.json":
            assert path.read_bytes() == (folder / "b" / path.name).read_bytes(), path.name


def test_a_compiled_folder_simulates_as_its_network_does(
    cli: Cli, folder: Path, network: Path, data: Path
) -> None:
    assert cli("compile", network, "-o", "out", "-t", "loihi1", "--data", data).code == 0
    from_folder = cli("simulate", "out", "--data", data, "--json", "-")
    assert from_folder.code == 0, from_folder.err
    direct = cli("simulate", network, "-t", "loihi1", "--data", data, "--json", "-")
    ours, theirs = json.loads(from_folder.out), json.loads(direct.out)
    assert ours["target"]["name"] == "loihi1"
    for key in ("layers", "totals", "drift", "violations"):
        assert ours[key] == theirs[key]


def test_a_compiled_folder_belongs_to_its_target(cli: Cli, network: Path) -> None:
    assert cli("compile", network, "-o", "out", "-t", "loihi1").code == 0
    done = cli("check", "out", "--target", "loihi2")
    assert done.code == 2
    assert is_four_part(done.err, parts=("needs", "has", "change"))


def test_compile_leaves_foreign_folders_alone(cli: Cli, folder: Path, network: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.txt").write_text("precious")
    before = listing(folder)
    for out in ("mine", "net.nir"):
        assert cli("compile", network, "-o", out).code == 2
    assert listing(folder) == before


def test_compile_of_what_does_not_fit_writes_nothing(cli: Cli, folder: Path) -> None:
    write_graph(chain(np.random.default_rng(0), sizes=(100_000, 2, 3)), folder / "wide.nir")
    before = listing(folder)
    done = cli("compile", "wide.nir", "-o", "out")
    assert done.code == 5
    assert listing(folder) == before


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-700])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("[network]\n")


def _foreign(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(3)


def _edit(path: Path, name: str, values: np.ndarray) -> None:
    """Replace a parameter in every node that has it."""
    changed = 0
    with h5py.File(path, "r+") as file:
        for node in file["node/nodes"].values():
            if name in node:
                del node[name]
                node[name] = values
                changed += 1
    assert changed


def _nan(path: Path) -> None:
    _edit(path, "weight", np.full((5, 6), np.nan))


def _misfit(path: Path) -> None:
    _edit(path, "weight", np.ones((5, 7)))


def _tau(path: Path) -> None:
    _edit(path, "tau", np.full(5, -1.0))


@pytest.mark.parametrize("damage", [_truncate, _empty, _text, _foreign, _nan, _misfit, _tau])
@pytest.mark.parametrize("command", [*READERS, "compile"])
def test_bad_network_files_end_with_3(
    cli: Cli, folder: Path, network: Path, damage: object, command: str
) -> None:
    assert callable(damage)
    damage(network)
    before = listing(folder)
    arguments = {
        "simulate": ("--data", "random", "--json", "r.json"),
        "compile": ("-o", "out"),
    }.get(command, ())
    done = cli(command, network, *arguments)
    assert done.code == 3, done.err
    assert is_four_part(done.err)
    assert "net.nir" in done.err or "node" in done.err
    assert done.out == ""
    assert listing(folder) == before


@pytest.mark.parametrize("command", READERS)
def test_a_network_that_is_not_there_ends_with_3(cli: Cli, command: str) -> None:
    done = cli(command, "digits-mpl")
    assert done.code == 3
    assert is_four_part(done.err, parts=("needs", "change"))
    assert "did you mean 'digits-mlp'?" in done.err


def test_a_folder_that_is_not_compiled(cli: Cli, folder: Path) -> None:
    (folder / "empty").mkdir()
    done = cli("check", "empty")
    assert done.code == 3
    assert "manifest.json" in done.err


def test_a_damaged_compiled_folder(cli: Cli, folder: Path, network: Path) -> None:
    assert cli("compile", network, "-o", "out").code == 0
    (folder / "out" / "program.safetensors").write_bytes(b"\x00" * 50)
    assert cli("check", "out").code == 3
    (folder / "out" / "program.safetensors").unlink()
    done = cli("check", "out")
    assert done.code == 3
    assert "program.safetensors" in done.err


def test_a_network_without_discretization_needs_a_preset(cli: Cli, shared_fixtures: Path) -> None:
    path = shared_fixtures / "nir" / "lif_norse.nir"
    done = cli("info", path)
    assert done.code == 2
    assert "norse" in done.err
    assert cli("info", path, "--preset", "norse", "--dt", "1e-4").code == 0


def test_files_of_other_projects_open(cli: Cli, shared_fixtures: Path) -> None:
    path = shared_fixtures / "nir" / "cnn_sinabs.nir"
    done = cli("info", path, "--preset", "norse", "--dt", "1")
    assert done.code == 0, done.err
    assert "8,970 neurons" in done.out


@pytest.mark.parametrize("name", ["lif_rockpool.nir", "braille_noDelay_bias_zero_subgraph.nir"])
def test_malformed_files_seen_in_the_wild_are_refused(
    cli: Cli, shared_fixtures: Path, name: str
) -> None:
    done = cli("info", shared_fixtures / "malformed" / name, "--preset", "norse", "--dt", "1e-4")
    assert done.code == 3
    assert is_four_part(done.err)


def test_malformed_files_are_repaired_on_request(cli: Cli, shared_fixtures: Path) -> None:
    """Every command that reads a NIR file lists what it changed."""
    file = shared_fixtures / "malformed" / "lif_rockpool.nir"
    time = ("--preset", "norse", "--dt", "1e-4")
    refused = cli("check", file, *time)
    assert refused.code == 3
    assert "--repair" in refused.err
    run = ("--data", "random", "--steps", "3", "--samples", "1")
    for command in (("info",), ("check",), ("simulate", *run)):
        done = cli(command[0], file, *time, "--repair", *command[1:])
        assert done.code == 0, done.err
        assert done.err.count("repaired output: it states the shape [1, 1, 1]") == 1
    reported = cli("simulate", file, *time, "--repair", *run, "--json", "-")
    assert "repaired output" in reported.out


def test_timed_networks_need_no_encoding(cli: Cli, folder: Path) -> None:
    graph = replace(chain(np.random.default_rng(0)), encoding=Encoding("none"))
    write_graph(graph, folder / "timed.nir")
    spikes = np.random.default_rng(1).random((4, 12, 6)) < 0.4
    np.savez(folder / "timed.npz", x=spikes)
    assert cli("simulate", "timed.nir", "--data", "timed.npz").code == 0
    np.savez(folder / "static.npz", x=np.zeros((4, 6)))
    done = cli("simulate", "timed.nir", "--data", "static.npz")
    assert done.code == 2
    assert "--encoding if" in done.err
    assert cli("simulate", "timed.nir", "--data", "random").code == 2
    assert cli("simulate", "timed.nir", "--data", "random", "--steps", "9").code == 0


def test_compile_into_a_place_that_cannot_be_written(cli: Cli, folder: Path, network: Path) -> None:
    (folder / "file").write_text("")
    before = listing(folder)
    done = cli("compile", network, "-o", "file/out")
    assert done.code == 2, done.err
    assert is_four_part(done.err, parts=("has", "change"))
    assert listing(folder) == before
