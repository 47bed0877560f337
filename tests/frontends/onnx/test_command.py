"""``snn2chip export --format onnx`` and the commands that read what it wrote; missing libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from snn2chip import simulate
from snn2chip.cli import main
from snn2chip.frontends import load
from snn2chip.frontends.nir import write_graph
from snn2chip.frontends.onnx import write_onnx
from snn2chip.graph import differences

from ...networks import chain
from .networks import onnx, two_inputs
from .test_classifier import classifier


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and both streams of a command."""
    capsys.readouterr()
    code = main(list(arguments))
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out + said.err


def test_a_bundled_student_goes_out_and_comes_in(folder: Path, capsys) -> None:
    code, said = run(capsys, "export", "digits-mlp", "--format", "onnx", "-o", "step.onnx")
    assert code == 0
    assert "proven on 719 samples x 16 steps" in said
    assert "(114,835 spikes) are equal" in said
    assert "wrote step.onnx" in said
    assert run(capsys, "info", "step.onnx")[0] == 0
    assert run(capsys, "check", "step.onnx", "--target", "loihi2")[0] == 0
    assert run(capsys, "simulate", "step.onnx", "--samples", "30")[0] == 0
    assert run(capsys, "compile", "step.onnx", "-o", "out")[0] == 0
    ours = simulate("step.onnx", samples=30)
    theirs = simulate("digits-mlp", samples=30)
    assert np.array_equal(ours.predictions, theirs.predictions)
    assert np.array_equal(ours.spikes("out"), theirs.spikes("out"))


def test_a_nir_file_with_samples_of_ones_own(folder: Path, capsys) -> None:
    net = chain(np.random.default_rng(0))
    write_graph(net, folder / "net.nir")
    np.savez(folder / "x.npz", x=np.random.default_rng(1).random((9, 6)))
    code, said = run(capsys, "export", "net.nir", "--format", "onnx", "--data", "x.npz")
    assert (code, "proven on 9 samples x 16 steps" in said) == (0, True)
    assert differences(load("net.onnx"), net) == []
    code, said = run(
        capsys,
        "export", "net.nir", "--format", "onnx", "--data", "x.npz",
        "--samples", "4", "--steps", "7", "--preset", "nengo",
    )  # fmt: skip
    assert (code, "proven on 4 samples x 7 steps" in said) == (0, True)
    assert load("net.onnx").discretization.preset == "nengo"


def test_silence_is_said(folder: Path, capsys) -> None:
    write_graph(chain(np.random.default_rng(0)), folder / "net.nir")
    np.savez(folder / "x.npz", x=np.zeros((2, 6)))
    code, said = run(capsys, "export", "net.nir", "--format", "onnx", "--data", "x.npz")
    assert (code, "the proof says little" in said) == (0, True)


def test_a_checkpoint(folder: Path, repository: Path, capsys) -> None:
    pytest.importorskip("norse.torch", reason="students are made of Norse cells")
    path = repository / "models" / "digits-mlp" / "student.safetensors"
    code, said = run(
        capsys, "export", str(path), "--format", "onnx", "-o", "c.onnx", "--samples", "20"
    )
    assert (code, "proven on 20 samples" in said) == (0, True)
    assert differences(load("c.onnx"), load(path)) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("net.nir",), 2, "no samples to run"),
        (("net.nir", "--data", "random", "--readout", "v_max"), 2, "--readout without --model"),
        (("net.nir", "--data", "random", "--preset", "brian"), 2, "unknown preset"),
        (("net.nir", "--data", "random", "-o", "net.nir"), 2, "are one file"),
        (("absent.nir", "--data", "random"), 3, "no such file"),
        (("broken.onnx", "--data", "random", "-o", "x.onnx"), 3, "damaged"),
        (("teacher.onnx", "--data", "random", "-o", "x.onnx"), 4, "without a spiking neuron"),
    ],
    ids=range(7),
)
def test_how_an_export_fails(folder: Path, capsys, arguments, code: int, said: str) -> None:
    write_graph(chain(np.random.default_rng(0)), folder / "net.nir")
    classifier(folder / "teacher.onnx")
    (folder / "broken.onnx").write_bytes(b"\x08\x08\x3a\x7f")
    before = sorted(path.name for path in folder.iterdir())
    found = run(capsys, "export", *arguments, "--format", "onnx")
    assert (found[0], said in found[1]) == (code, True), found[1]
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("command", ["info", "check", "simulate", "compile -o out"])
def test_commands_on_files_that_are_no_network(folder: Path, capsys, command: str) -> None:
    classifier(folder / "teacher.onnx")
    (folder / "broken.onnx").write_bytes(b"\x08\x08\x3a\x7f")
    write_onnx(two_inputs(), folder / "net.onnx")
    model = onnx.load(folder / "net.onnx")
    model.graph.node.pop()
    (folder / "changed.onnx").write_bytes(model.SerializeToString())
    name, *options = command.split()
    for file, code in (("teacher.onnx", 4), ("broken.onnx", 3), ("changed.onnx", 3)):
        found, said = run(capsys, name, file, *options)
        assert found == code
        assert "change:" in said


BLOCKED = """
import sys
for name in sys.argv[1].split(","):
    sys.modules[name] = None
from snn2chip.cli import main
sys.exit(main(sys.argv[2:]))
"""


EXPORT = (
    "export",
    "net.nir",
    "--format",
    "onnx",
    "-o",
    "x.onnx",
    "--data",
    "random",
    "--steps",
    "9",
)


@pytest.mark.parametrize(
    ("blocked", "arguments", "code"),
    [
        ("onnx", ("info", "net.onnx"), 2),
        ("onnx", EXPORT, 2),
        ("onnxruntime", EXPORT, 2),
        ("onnxruntime", ("info", "net.onnx"), 0),
        ("onnx,onnxruntime", ("info", "digits-mlp"), 0),
        ("onnx,onnxruntime", ("info", "teacher.onnx"), 4),
    ],
    ids=range(6),
)
def test_missing_libraries(folder: Path, repository: Path, blocked, arguments, code) -> None:
    write_onnx(two_inputs(), folder / "net.onnx")
    write_graph(two_inputs(), folder / "net.nir")
    classifier(folder / "teacher.onnx")
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, blocked, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(repository), "PATH": ""},
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if code == 2:
        assert f"{blocked} is not installed" in done.stderr
        assert "pip install 'snn2chip[onnx]'" in done.stderr
        assert not (folder / "x.onnx").exists()
