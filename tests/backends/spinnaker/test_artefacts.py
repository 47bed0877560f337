"""The script for sPyNNaker: what it holds, and that sPyNNaker maps it on a virtual board."""

from __future__ import annotations

import io
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snn2chip.backends.spinnaker.emit import artefacts
from snn2chip.backends.spinnaker.emit.artefacts import NETWORK, SCRIPT
from snn2chip.backends.spinnaker.realise import realise
from snn2chip.backends.spinnaker.witness import found_engine
from snn2chip.core import Program
from snn2chip.pipeline import Options, open_network
from tests.networks import chain

VIRTUAL = "[Machine]\nversion = 5\nvirtual_board = True\n[Mode]\nmode = Info\n"


@pytest.fixture(scope="module")
def program() -> Program:
    return realise(open_network("digits-mlp", Options()).graph)


def test_the_network_is_all_there(program: Program, tmp_path: Path) -> None:
    made = artefacts.artefacts(program)
    assert set(made.files) == {SCRIPT, NETWORK}
    (tmp_path / NETWORK).write_bytes(made.files[NETWORK])
    with np.load(tmp_path / NETWORK, allow_pickle=False) as file:
        network = json.loads(str(file["network"]))
        count = sum(len(file[f"{p['index']}.weights"]) for p in network["projections"])
        assert (file["hidden1.tau_m"] > 0).all()
    assert (network["output"], network["latency"], network["window"]) == ("out", 2, 16)
    biases = [p["first"] for p in network["populations"] if p["name"].startswith("bias of ")]
    assert biases == [0, 1]
    words = sum(int(np.count_nonzero(p.operator.weight)) for p in program.projections)
    always = sum(
        int(np.count_nonzero(p.parameters["always_e"] - p.parameters["always_i"]))
        for p in program.populations
        if not p.is_input
    )
    assert count == words + always


def test_the_same_program_gives_the_same_bytes(program: Program) -> None:
    assert artefacts.artefacts(program).files == artefacts.artefacts(program).files


def test_too_many_synapses_are_not_unrolled(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artefacts, "MOST_SYNAPSES", 100)
    made = artefacts.artefacts(program)
    assert not made.files
    (reason,) = made.refused
    assert "9,472 synapses in run_spynnaker.py" in str(reason)


def test_spynnaker_maps_what_the_script_builds(tmp_path: Path) -> None:
    engine = found_engine()
    if engine is None:
        pytest.skip("no sPyNNaker: make spinnaker")
    net = chain(np.random.default_rng(1), sizes=(6, 5, 3), bias=True)
    for name, content in artefacts.artefacts(realise(net)).files.items():
        (tmp_path / name).write_bytes(content)
    for name in (".spynnaker.cfg", "spynnaker.cfg"):
        (tmp_path / name).write_text(VIRTUAL)
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(2).random((1, 9, 6)) < 0.5)
    done = subprocess.run(
        [engine.python, SCRIPT, "x.npz"],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "sample 0: [0, 0, 0], class 0" in done.stdout  # a virtual board sends nothing back
    (parts,) = tmp_path.glob("reports/*/run_1/partitioned_by_vertex.rpt")
    shown = [line.split("'")[1] for line in parts.read_text().splitlines() if "Vertex: '" in line]
    assert set(shown) == {"input", "hidden0", "out", "bias of hidden0", "bias of out"}


def test_without_steps_the_samples_say_how_many(program: Program) -> None:
    free = replace(program, encoding=replace(program.encoding, steps=None))
    content = io.BytesIO(artefacts.artefacts(free).files[NETWORK])
    with np.load(content, allow_pickle=False) as file:
        assert json.loads(str(file["network"]))["window"] is None
