"""``snn2chip convert``: what it refuses, and that it takes the place of nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="teachers are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.cli import main
from snn2chip.files import alone_in

RECIPE = """
[data]
name = "d.npz"
validation = 0.2
[student]
kind = "mlp"
widths = [16]
[teacher]
kind = "mlp"
widths = [16]
[teacher.training]
epochs = 1
threads = 1
"""


@pytest.fixture
def taught(tmp_path, monkeypatch, capsys):
    """A current folder with r.toml, its samples d.npz, and c with the teacher."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = {f"x_{part}": rng.random((60, 6)) for part in ("train", "test")}
    np.savez("d.npz", **x, y_train=np.arange(60) % 3, y_test=np.arange(60) % 3)
    Path("r.toml").write_text(RECIPE)
    assert main(["convert", "r.toml", "-o", "c", "--steps", "2"]) == 0
    capsys.readouterr()
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("out", "file"),
    [
        ("c", "c/teacher.safetensors"),
        ("c", "c/../c/teacher.safetensors"),
        ("new", "new/teacher.safetensors"),
        ("new", "new"),
        ("new/er", "new"),
        ("c", "d.npz"),
        ("c", "r.toml"),
    ],
)
def test_the_curves_take_the_place_of_nothing(taught, capsys, out, file) -> None:
    before = contents(taught)
    assert main(["convert", "r.toml", "-o", out, "--json", file]) == 2
    assert "change:" in capsys.readouterr().err
    assert contents(taught) == before
    assert main(["convert", "r.toml", "-o", out, "--steps", "2", "--json", "c/curves.json"]) == 0


def test_an_empty_folder_name_is_refused(taught, capsys) -> None:
    before = contents(taught)
    assert main(["convert", "r.toml", "-o", ""]) == 2
    assert "is empty" in capsys.readouterr().err
    assert contents(taught) == before


def test_convert_stays_out_of_a_folder_that_a_run_holds(taught, capsys) -> None:
    with alone_in(taught / "c", "another run"):
        assert main(["convert", "r.toml", "-o", "c", "--steps", "2"]) == 2
    assert "another run is at work" in capsys.readouterr().err
    assert main(["convert", "r.toml", "-o", "c", "--steps", "2"]) == 0


def test_more_samples_than_there_are_are_refused(taught, capsys) -> None:
    """Before any teacher is trained."""
    command = ["convert", "r.toml", "-o", "new", "--steps", "2", "--samples"]
    assert main([*command, "61"]) == 2
    assert "--samples 60 or fewer" in capsys.readouterr().err
    assert not (taught / "new").exists()
    assert main([*command, "60"]) == 0
