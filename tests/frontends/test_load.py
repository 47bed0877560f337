from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from snn2chip.errors import InputFileError
from snn2chip.frontends import load
from snn2chip.frontends.nir import write_graph
from snn2chip.graph import differences
from snn2chip.graph.oracle import run_graph

from ..graph.networks import tiny
from .files import DT, simple


def test_a_nir_file_by_its_content(tmp_path: Path) -> None:
    write_graph(tiny(), tmp_path / "net.nir")
    (tmp_path / "net.bin").write_bytes((tmp_path / "net.nir").read_bytes())
    assert differences(load(tmp_path / "net.bin"), tiny()) == []
    assert load(str(tmp_path / "net.nir")).name == "net"


def test_flags_are_handed_on(tmp_path: Path) -> None:
    graph = load(simple(tmp_path / "net.nir"), "norse", DT, {"reset": "subtract"})
    assert (graph.discretization.dt, graph.discretization.reset) == (DT, "subtract")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("net.nir", b"", "the file is empty"),
        ("net.nir", b"text", "no network in a format that is known"),
        ("net.pt", b"PK\x03\x04" + bytes(40), "could run any code"),
        ("net.pth", b"\x80\x02}q\x00.", "could run any code"),
        ("net.tflite", b"\x08\x07", "(.tflite)"),
    ],
)
def test_other_files_are_refused_with_what_is_accepted(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputFileError) as caught:
        load(path)
    assert message in str(caught.value)
    assert ".nir" in caught.value.needs
    assert caught.value.remedy


def test_absent_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.nir", tmp_path):
        with pytest.raises(InputFileError, match="no such file"):
            load(path)


def test_a_lava_network_is_told_apart(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "network.net", "w") as file:
        file.create_group("layer")
    with pytest.raises(InputFileError, match="lava-dl"):
        load(tmp_path / "network.net")


def test_a_checkpoint(repository: Path) -> None:
    """A bundled student, walked in memory; the same network as its NIR file beside it."""
    pytest.importorskip("torch", reason="checkpoints are opened with PyTorch")
    pytest.importorskip("norse.torch", reason="students are made of Norse cells")
    folder = repository / "models" / "digits-mlp"
    if not (folder / "student.safetensors").is_file():
        pytest.skip("no bundled student")
    graph = load(folder / "student.safetensors")
    assert graph.name == "student"
    assert len(graph.classes) == 10
    assert graph.data == "digits"
    assert load(folder / "student.nir") is not None
    assert differences(graph, load(folder / "student.nir")) == []
    slower = load(folder / "student.safetensors", dt=graph.discretization.dt * 2)
    assert slower.discretization.dt == graph.discretization.dt * 2


def test_a_checkpoint_exports_proven(tmp_path: Path, repository: Path) -> None:
    pytest.importorskip("torch", reason="checkpoints are opened with PyTorch")
    pytest.importorskip("norse.torch", reason="students are made of Norse cells")
    path = repository / "models" / "digits-conv" / "student.safetensors"
    if not path.is_file():
        pytest.skip("no bundled student")
    from snn2chip.frontends.checkpoint import open_checkpoint
    from snn2chip.frontends.torch.prove import export_module

    student, metadata, shape = open_checkpoint(path)
    x = np.random.default_rng(0).integers(0, 2, (12, 3, *shape)).astype(float)
    report = export_module(student, metadata, x, tmp_path / "net.nir")
    graph = load(tmp_path / "net.nir")
    assert report.spikes > 0
    assert set(report.populations) == {p.name for p in graph.populations if not p.is_input}
    found = run_graph(graph, x)[graph.outputs[0]]
    assert found.shape[:2] == (12, 3)


def test_a_damaged_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="checkpoints are opened with PyTorch")
    pytest.importorskip("norse.torch", reason="students are made of Norse cells")
    path = tmp_path / "student.safetensors"
    for content in (b"", b"\x02\x00\x00\x00\x00\x00\x00\x00{}", b"\xff" * 64):
        path.write_bytes(content)
        with pytest.raises(InputFileError):
            load(path)
