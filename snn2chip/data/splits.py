"""Data sets to train on: training and test samples under one name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.data.datasets import NAMES
from snn2chip.data.digits import Split, load_digits_split
from snn2chip.data.few import CALIBRATION_SAMPLES, few_first
from snn2chip.data.hub import BYTE_SCALE, CATALOG, NamedSet, kept_file, read_part
from snn2chip.data.npz import NpzFile, open_npz
from snn2chip.data.parts import as_labels, check_finite, scaled_bytes
from snn2chip.errors import ConfigError, InputFileError, did_you_mean

PARTS = ("x_train", "y_train", "x_test", "y_test")

MAX_CLASSES = 1 << 16
"""Most classes of a data set: a network has an output neuron for each."""


def load_split(name: str, seed: int, test_size: float, folder: Path | None = None) -> Split:
    """Training and test samples of a data set.

    Args:
        name: ``digits``, a data set of the hub (or ``<name>.npz`` in the folder that SNN2CHIP_DATA
            names), or the path of an ``.npz`` file with x_train, y_train, x_test and y_test. Bytes
            (uint8) become values in [0, 1], and images [sample, row, column] get a channel axis. A
            validation part (x_val with y_val in a file) is joined to the training samples: a
            recipe's validation share is drawn from all of them.
        seed, test_size: of the split of the digits; other data have a test part of their own.
        folder: that a relative path is seen from.

    Returns:
        x float32 [sample, *shape] (float64 for the digits), y int64 [sample].

    Raises:
        ConfigError: no such data set, or one that cannot be had.
        InputFileError: the file is damaged, or lacks a part.
    """
    if name == "digits":
        return load_digits_split(seed, test_size)
    kept = kept_file(name)
    if name in CATALOG and kept is None:
        return _named(CATALOG[name])
    path = kept or (Path(name) if folder is None else folder / name)
    if path.suffix != ".npz":
        known = [known for known in NAMES if known != "random"]
        raise ConfigError(
            f"unknown data {name!r} to train on",
            has=f"the data sets {', '.join(known)}, or the path of an .npz file",
            remedy=did_you_mean(name, known),
        )
    with open_npz(path) as file:
        return _stored(path, file)


def _named(named: NamedSet) -> Split:
    """A data set of the hub; its validation part follows the training samples."""
    parts = {part: read_part(named, part) for part in named.parts}
    x, y = {}, {}
    for part, (bytes_, labels) in parts.items():
        x[part] = scaled_bytes(bytes_, BYTE_SCALE)
        y[part] = labels
    return _joined(x, y, BYTE_SCALE)


def _stored(path: Path, file: NpzFile) -> Split:
    """The split that a file holds."""
    missing = [key for key in PARTS if key not in file]
    if missing:
        raise InputFileError(
            f"{path}: no {', '.join(missing)}",
            needs=", ".join(PARTS),
            has=", ".join(file.keys) or "nothing",
        )
    own = _has_validation(path, file)
    keys = {"train": "train", **({"validation": "val"} if own else {}), "test": "test"}
    read = {part: _values(path, f"x_{key}", file) for part, key in keys.items()}
    if len({(x.shape[1:], scale) for x, scale in read.values()}) > 1:
        raise InputFileError(
            f"{path}: samples of two kinds",
            needs="parts of one shape, and bytes (uint8) in all of them or in none",
            has=", ".join(f"x_{keys[part]} {list(x.shape)}" for part, (x, _) in read.items()),
        )
    x = {part: values for part, (values, _) in read.items()}
    _check_bytes(path, *read["train"])
    y: dict[str, NDArray[np.int64]] = {}
    for part, key in keys.items():
        classes = int(y["train"].max()) + 1 if part != "train" else None
        labels = file.read(f"y_{key}")
        y[part] = as_labels(str(path), f"y_{key}", labels, len(x[part]), classes)
    _check_classes(path, int(y["train"].max()) + 1)
    return _joined(x, y, read["train"][1])


def _has_validation(path: Path, file: NpzFile) -> bool:
    """Whether there is a validation part; half of one is a mistake."""
    there = [key for key in ("x_val", "y_val") if key in file]
    if len(there) == 1:
        (absent,) = {"x_val", "y_val"} - set(there)
        raise InputFileError(
            f"{path}: {there[0]!r} without {absent!r}",
            needs="both of a validation part, or neither",
            remedy=f"store {absent!r}, or rename {there[0]!r}",
        )
    return bool(there)


def _check_bytes(path: Path, x: NDArray[Any], scale: float) -> None:
    """Refuse bytes of 0 and 1: they would be next to nothing once they are divided."""
    if scale != 1.0 and float(x.max()) * scale <= 1.5:
        raise InputFileError(
            f"{path}: 'x_train' has bytes (uint8) of 0 and 1 only",
            needs=f"bytes up to {scale:g}, which stands for 1: a recipe divides them by it",
            remedy="x.astype('float32'), whose values stay as they are",
        )


def _check_classes(path: Path, classes: int) -> None:
    """Refuse labels that nobody can be trained on."""
    if not 2 <= classes <= MAX_CLASSES:
        raise InputFileError(
            f"{path}: 'y_train' of {classes:,} classes, the largest label and 1 more",
            needs=f"2 to {MAX_CLASSES:,} classes",
            remedy="number the classes from 0",
        )


def _joined(x: dict[str, NDArray[Any]], y: dict[str, NDArray[np.int64]], scale: float) -> Split:
    """A split of parts; a validation part of the data's own becomes the last training samples."""
    order = few_first(CALIBRATION_SAMPLES, y["train"])  # for whoever takes the first ones
    x_train, y_train = x["train"][order], y["train"][order]
    if "validation" in x:
        x_train = np.concatenate([x_train, x["validation"]])
        y_train = np.concatenate([y_train, y["validation"]])
    return Split(x_train, y_train, x["test"], y["test"], scale)


def _values(path: Path, key: str, file: NpzFile) -> tuple[NDArray[Any], float]:
    """Samples as float32 [sample, *shape], and what bytes among them were divided by."""
    x = file.read(key)
    if x.ndim < 2 or not x.size:
        raise InputFileError(
            f"{path}: {key!r} of shape {list(x.shape)}", needs="[sample, *shape], not empty"
        )
    check_finite(str(path), key, x)
    scale = BYTE_SCALE if x.dtype == np.uint8 else 1.0
    with np.errstate(over="ignore"):
        values = scaled_bytes(x, scale).astype(np.float32, copy=False)
    check_finite(f"{path}, in float32", key, values)
    return (values[:, np.newaxis] if x.ndim == 3 else values), scale
