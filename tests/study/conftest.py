"""A study of students small enough to train in a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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
