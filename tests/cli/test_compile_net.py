"""``compile``: the ``.net`` file that lava-dl's netx loads, or why there is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Cli, is_four_part
from tests.whole_networks import BUILDERS, write_network, write_spikes

FOLDER = ("compile", "digits-mlp", "--target", "loihi2", "-o", "out")


def test_a_student_becomes_a_net_file_that_gives_its_scores(cli: Cli, folder: Path) -> None:
    assert cli(*FOLDER).code == 0
    net = json.loads((folder / "out" / "manifest.json").read_text())["artefacts"]["net"]
    assert net["layers"] == {"input": 0, "hidden1": 2, "out": 3}
    assert cli("simulate", "out", "--samples", "8", "--trace", "ours.npz").code == 0
    with np.load(folder / "ours.npz") as ours:
        np.savez(folder / "spikes.npz", x=ours["input"][:, : net["input"]["steps"]])
        expected = ours["out"]
    resets = ("--steps", str(net["input"]["steps"] + 2), "--reset-interval", "1000")
    offset = ("--reset-offset", str(net["reset_offset"]), "--trace", "net.npz")
    done = cli("simulate", "out/network.net", "--data", "spikes.npz", *resets, *offset)
    assert done.code == 0, done.err
    with np.load(folder / "net.npz") as found:
        assert expected[:, 2:].any()
        np.testing.assert_array_equal(found["layer3"][:, 2:], expected[:, 2:])


@pytest.mark.parametrize("name", ["branching", "two_inputs"])
def test_what_a_net_file_cannot_hold_is_left_out_by_name(cli: Cli, folder: Path, name: str) -> None:
    write_spikes(folder, BUILDERS[name](np.random.default_rng(0)))
    write_network(folder, name)
    done = cli("compile", f"{name}.nir", "-o", "out", "--data", "net.npz")
    assert done.code == 0, done.err
    assert "left out, .net: " in done.err
    assert "feeds" in done.err or "inputs" in done.err
    assert not (folder / "out" / "network.net").exists()
    assert json.loads((folder / "out" / "manifest.json").read_text())["artefacts"]["refused"]
    assert cli("simulate", "out", "--data", "net.npz").code == 0


def test_a_net_file_that_is_required_and_cannot_be_is_refused(cli: Cli, folder: Path) -> None:
    write_network(folder, "branching")
    done = cli("compile", "branching.nir", "-o", "out", "--require-net")
    assert done.code == 4
    assert is_four_part(done.err)
    assert ".net: population" in done.err
    assert not (folder / "out").exists()


def test_another_family_has_no_net_file(cli: Cli, folder: Path) -> None:
    done = cli("compile", "digits-mlp", "-t", "reference", "-o", "out", "--require-net")
    assert done.code == 2
    assert "network.net for reference" in done.err
    assert cli("compile", "digits-mlp", "-t", "reference", "-o", "out").code == 0
    assert not (folder / "out" / "network.net").exists()


def test_the_file_is_the_same_every_time(cli: Cli, folder: Path) -> None:
    assert cli(*FOLDER).code == 0
    first = (folder / "out" / "network.net").read_bytes()
    assert cli(*FOLDER).code == 0
    assert (folder / "out" / "network.net").read_bytes() == first
