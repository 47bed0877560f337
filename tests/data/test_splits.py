"""Files to train on that nobody can train on."""

from __future__ import annotations

import numpy as np
import pytest

from snn2chip.data import load_split
from snn2chip.errors import InputFileError


def file_with(path, **changes):
    """A path to 12 samples of 3 classes, some of whose arrays are others."""
    rng = np.random.default_rng(0)
    arrays = {"x_train": rng.random((12, 4)), "x_test": rng.random((6, 4))}
    arrays |= {"y_train": np.arange(12) % 3, "y_test": np.arange(6) % 3}
    np.savez(path, **{**arrays, **changes})
    return str(path)


def test_the_file_itself_is_read(tmp_path) -> None:
    split = load_split(file_with(tmp_path / "a.npz"), 0, 0.5)
    assert split.x_train.shape == (12, 4)


@pytest.mark.parametrize("label", [0, 1 << 16, 1 << 40, (1 << 62) + 1])
def test_one_class_and_too_many_are_refused(tmp_path, label) -> None:
    """Each class is a neuron: a single wrong label would fill the memory."""
    y = np.zeros(12, np.int64)
    y[5] = label
    path = file_with(tmp_path / "a.npz", y_train=y, y_test=np.zeros(6, np.int64))
    with pytest.raises(InputFileError, match="classes"):
        load_split(path, 0, 0.5)


@pytest.mark.parametrize("key", ["x_train", "x_test"])
def test_values_beyond_float32_are_refused(tmp_path, key) -> None:
    """They are finite in the file, and infinite for the network."""
    x = np.full((12 if key == "x_train" else 6, 4), 1e300)
    with pytest.raises(InputFileError, match="float32"):
        load_split(file_with(tmp_path / "a.npz", **{key: x}), 0, 0.5)


@pytest.mark.parametrize(("key", "other"), [("x_val", "y_val"), ("y_val", "x_val")])
def test_half_a_validation_part_is_refused(tmp_path, key, other) -> None:
    """It would be left out without a word."""
    half = {"x_val": np.zeros((3, 4)), "y_val": np.zeros(3, np.int64)}[key]
    with pytest.raises(InputFileError, match=f"'{key}' without '{other}'"):
        load_split(file_with(tmp_path / "a.npz", **{key: half}), 0, 0.5)


def test_bytes_of_0_and_1_are_refused_and_floats_of_them_are_not(tmp_path) -> None:
    """Bytes are divided by 255: no input would ever spike."""
    bits = {key: np.random.default_rng(0).integers(0, 2, (n, 4)) for key, n in SIZES.items()}
    path = file_with(tmp_path / "a.npz", **{k: x.astype(np.uint8) for k, x in bits.items()})
    with pytest.raises(InputFileError, match="0 and 1 only"):
        load_split(path, 0, 0.5)
    path = file_with(tmp_path / "b.npz", **{k: x.astype(np.float64) for k, x in bits.items()})
    assert load_split(path, 0, 0.5).x_train.max() == 1.0


SIZES = {"x_train": 12, "x_test": 6}
