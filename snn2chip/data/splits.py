"""Data sets to train on: training and test samples under one name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.data.datasets import NAMES
from snn2chip.data.digits import Split, load_digits_split
from snn2chip.data.few import CALIBRATION_SAMPLES, few_first
from snn2chip.data.npz import NpzFile, open_npz
from snn2chip.data.parts import as_labels, check_finite, scaled_bytes
from snn2chip.errors import ConfigError, InputFileError, did_you_mean

PARTS = ("x_train", "y_train", "x_test", "y_test")

BYTE_SCALE = 255.0
"""The byte that stands for 1 in images and spectrograms."""


def load_split(name: str, seed: int, test_size: float, folder: Path | None = None) -> Split:
    """Training and test samples of a data set.

    Args:
        name: ``digits``, or the path of an ``.npz`` file with x_train, y_train, x_test and y_test;
            whole numbers of 8 bits become values in [0, 1], and images [sample, row, column] get a
            channel axis.
        seed, test_size: of the split of the digits; other data have a test part of their own.
        folder: that a relative path is seen from.

    Returns:
        x float32 [sample, *shape] (float64 for the digits), y int64 [sample].

    Raises:
        ConfigError: no such data set.
        InputFileError: the file is damaged, or lacks a part.
    """
    if name == "digits":
        return load_digits_split(seed, test_size)
    path = Path(name) if folder is None else folder / name
    if path.suffix != ".npz":
        known = [known for known in NAMES if known != "random"]
        raise ConfigError(
            f"unknown data {name!r} to train on",
            has=f"the data sets {', '.join(known)}, or the path of an .npz file",
            remedy=did_you_mean(name, known),
        )
    with open_npz(path) as file:
        missing = [key for key in PARTS if key not in file]
        if missing:
            raise InputFileError(
                f"{path}: no {', '.join(missing)}",
                needs=", ".join(PARTS),
                has=", ".join(file.keys) or "nothing",
            )
        (x_train, scale), (x_test, other) = (
            _values(path, key, file) for key in ("x_train", "x_test")
        )
        if x_train.shape[1:] != x_test.shape[1:] or scale != other:
            raise InputFileError(
                f"{path}: samples of two kinds",
                needs="x_train and x_test of one shape, and bytes (uint8) both or neither",
                has=f"x_train {list(x_train.shape)}, x_test {list(x_test.shape)}",
            )
        y_train = as_labels(str(path), "y_train", file.read("y_train"), len(x_train))
        classes = int(y_train.max()) + 1
        y_test = as_labels(str(path), "y_test", file.read("y_test"), len(x_test), classes)
    order = few_first(CALIBRATION_SAMPLES, y_train)  # for whoever takes the first ones
    return Split(x_train[order], y_train[order], x_test, y_test, scale)


def _values(path: Path, key: str, file: NpzFile) -> tuple[NDArray[Any], float]:
    """Samples as float32 [sample, *shape], and what bytes among them were divided by."""
    x = file.read(key)
    if x.ndim < 2 or not x.size:
        raise InputFileError(
            f"{path}: {key!r} of shape {list(x.shape)}", needs="[sample, *shape], not empty"
        )
    check_finite(str(path), key, x)
    scale = BYTE_SCALE if x.dtype == np.uint8 else 1.0
    values = scaled_bytes(x, scale).astype(np.float32, copy=False)
    return (values[:, np.newaxis] if x.ndim == 3 else values), scale
