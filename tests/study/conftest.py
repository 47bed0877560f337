"""A study of students small enough to train in a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

BASE = """
[data]
validation = 0.2

[encoding]
steps = 4

[student]
kind = "mlp"
widths = [12]
dropout = 0.0

[teacher]
kind = "mlp"
widths = [16]
training = { epochs = 2 }

[training]
epochs = 2
batch = 256
threads = 1
"""

STUDY = """
recipe = "base.toml"
targets = ["loihi2"]
seeds = [0, 1]

[[grid]]
method = [{ name = "ce" }, { name = "kd", temperature_teacher = 2.0 }]
"""


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[..., Path]:
    """Writes a study and its base recipe, and returns the study's path."""

    def write(study: str = STUDY, base: str = BASE) -> Path:
        (tmp_path / "base.toml").write_text(base)
        path = tmp_path / "small.toml"
        path.write_text(study)
        return path

    return write


def write_samples(path: Path, turned: bool = False) -> None:
    """150 samples of 16 values in 3 classes; ``turned`` gives them other classes."""
    rng = np.random.default_rng(0)
    y = np.arange(150) % 3
    x = 0.3 * rng.random((150, 1, 4, 4)) + 0.6 * (
        np.arange(16).reshape(4, 4) % 3 == y[:, None, None, None]
    )
    y = (y + 1) % 3 if turned else y
    np.savez(path, x_train=x[:100], y_train=y[:100], x_test=x[100:], y_test=y[100:])


def small_study(
    folder: Path, epochs: int = 1, method: str = "", teacher: str = "", student: str = ""
) -> Path:
    """A study of one student of own.npz, which is written too."""
    write_samples(folder / "own.npz")
    parts = [
        f'[data]\nname = "own.npz"\nvalidation = 0.2\n[encoding]\nsteps = 4\n[student]\n'
        f'kind = "mlp"\nwidths = [6]\n{student}\n',
        f"[training]\nepochs = {epochs}\nbatch = 32\nthreads = 1\nlr = 0.05\n",
        f"[method]\n{method}\n" if method else "",
        f"[teacher]\n{teacher}\n" if teacher else "",
    ]
    (folder / "small-base.toml").write_text("\n".join(parts))
    path = folder / "small.toml"
    path.write_text('recipe = "small-base.toml"\nseeds = [0]\n')
    return path
