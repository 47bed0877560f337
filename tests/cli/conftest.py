"""A command line to call, in a folder of its own, with a small network and its samples."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from snn2chip.cli import main
from snn2chip.frontends.nir import write_graph
from tests.networks import chain


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture
def cli(folder: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command in this process, in ``folder``."""

    def call(*arguments: str | Path) -> Done:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return call


@pytest.fixture
def process(folder: Path) -> Cli:
    """Runs a command in a process of its own, in ``folder``."""

    def call(*arguments: str | Path, prefix: tuple[str, ...] = ("-m", "snn2chip")) -> Done:
        done = subprocess.run(
            [sys.executable, *prefix, *map(str, arguments)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def network(folder: Path) -> Path:
    """net.nir: 6 inputs, 5 LIF, 3 LIF, encoding ``if``, 16 steps, no data set named."""
    write_graph(chain(np.random.default_rng(0)), folder / "net.nir")
    return folder / "net.nir"


@pytest.fixture
def data(folder: Path) -> Path:
    """data.npz: 8 labelled samples to score, 20 others to calibrate on."""
    rng = np.random.default_rng(1)
    np.savez(
        folder / "data.npz",
        x_train=rng.random((20, 6)),
        x_test=rng.random((8, 6)),
        y_test=rng.integers(0, 3, 8),
    )
    return folder / "data.npz"


def listing(folder: Path) -> set[str]:
    """Every file under ``folder``."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def is_four_part(message: str, *, parts: tuple[str, ...] = ()) -> bool:
    """Whether an error is said in our name, has these parts, and no traceback."""
    return (
        "\nsnn2chip: " in f"\n{message}"
        and all(f"\n  {part}:" in message for part in parts)
        and "Traceback" not in message
    )
