"""A student that was trained on images of bytes gets the same spikes from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

import snn2chip
from snn2chip.data import load_split
from snn2chip.distill import distill

RECIPE = """
[data]
name = "images.npz"
[encoding]
kind = "{kind}"
steps = 9
[student]
kind = "mlp"
widths = [8]
[training]
epochs = 1
batch = 16
threads = 1
[training.augmentation]
share = 0.0
"""


def images(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 40), ("test", 30)):
        y = np.arange(count) % 3
        x = rng.integers(0, 120, (count, 6, 6), np.uint8)
        x[np.arange(count), y * 2] = 255
        x[:, 5] = [51, 85, 102, 170, 204, 1]  # whole shares of 255, where rounding decides
        arrays |= {f"x_{part}": x, f"y_{part}": y}
    np.savez(folder / "images.npz", **arrays)
    return folder / "images.npz"


@pytest.mark.parametrize("kind", ["if", "rate", "latency"])
def test_card_and_run_agree(tmp_path: Path, kind: str) -> None:
    data = images(tmp_path)
    (tmp_path / "recipe.toml").write_text(RECIPE.format(kind=kind))
    made = distill(tmp_path / "recipe.toml", tmp_path / "out")
    run = snn2chip.simulate(made.checkpoint, "reference", data=data)
    layers = {row.name: row for row in run.report.layers}
    assert layers["input"].spikes == pytest.approx(30 * made.evaluation.spikes["input"], abs=1e-6)
    # hidden spikes are those of a student in float32, which may round at the threshold
    assert layers["hidden1"].spikes == pytest.approx(
        30 * made.evaluation.spikes["hidden1"], abs=2.5
    )
    assert run.accuracy == pytest.approx(made.evaluation.accuracy, abs=1 / 30)


def test_a_split_knows_that_it_was_bytes(tmp_path: Path) -> None:
    split = load_split(str(images(tmp_path)), 0, 0.4)
    assert split.byte_scale == 255.0
    assert split.x_test.shape == (30, 1, 6, 6)
    assert split.x_test.dtype == np.float32
    assert split.x_test[0, 0, 5, 1] == np.float32(85) / np.float32(255)
    assert load_split("digits", 0, 0.4).byte_scale == 1.0


def test_a_named_data_set_is_found_again_by_what_the_network_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained and simulated by name alone, from the .npz in the folder of data sets."""
    rng = np.random.default_rng(0)
    parts = {"train": 40, "test": 20}
    arrays = {f"y_{part}": np.arange(count) % 10 for part, count in parts.items()}
    arrays |= {
        f"x_{part}": rng.integers(0, 256, (count, 28, 28), np.uint8)
        for part, count in parts.items()
    }
    np.savez(tmp_path / "mnist.npz", **arrays)
    monkeypatch.setenv("SNN2CHIP_DATA", str(tmp_path))
    text = RECIPE.format(kind="if").replace("images.npz", "mnist")
    (tmp_path / "recipe.toml").write_text(text)
    made = distill(tmp_path / "recipe.toml", tmp_path / "out")
    run = snn2chip.simulate(made.checkpoint, "reference")
    assert run.report.run.samples == 20
    assert run.report.layers[0].spikes == pytest.approx(20 * made.evaluation.spikes["input"])
