"""Samples for a network: a named data set, synthetic values, or an ``.npz`` file.

Keys of a file: ``x`` with ``y`` optional, or ``x_train``, ``y_train``, ``x_test``, ``y_test``; for
several inputs ``x.<input>``; sparse ``events`` [n, 3] = (sample, step, flat index) with ``steps``.
The part that is scored and the part that scales are calibrated on share no sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.data.files import read_file
from snn2chip.data.hub import BYTE_SCALE, CATALOG, NamedSet, kept_file, read_part
from snn2chip.data.parts import as_labels, check_count, scaled_bytes
from snn2chip.errors import ConfigError, did_you_mean

Shape: TypeAlias = tuple[int, ...]
Arrays: TypeAlias = Mapping[str, NDArray[Any]]

NAMES = ("digits", "random", *CATALOG)
"""Data sets that have a name."""

SEEDS = 2**32
"""Seeds are smaller than this, as scikit-learn's splits need them."""

CALIBRATED = 1024
"""Training samples of a data set of the hub that are read to pick scales."""

TEST_SIZE = 0.4
"""Share of the digits that is scored, where a network does not say otherwise."""

RANDOM_SAMPLES = 16
MAX_RANDOM_SAMPLES = 100_000
MAX_RANDOM_BYTES = 2**31
"""Limits of ``random``: a generator per sample, and two splits of that size."""

RANDOM_RATE = 0.1


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples for one network.

    Attributes:
        name: ``digits``, ``random``, or the file's name.
        x: input -> scored samples: float64 [sample, *shape] where static, else bool (0/1) or
            float64 [sample, step, *shape].
        timed: the samples have a step axis and need no encoding.
        y: int64 [sample], class indices, or None.
        calibration: input -> samples of the training split, laid out like ``x``; empty where
            the data have none.
        calibration_y: their labels, or None.
        synthetic: the values mean nothing, and neither does an energy made from them.
    """

    name: str
    x: Arrays
    timed: bool
    y: NDArray[np.int64] | None
    calibration: Arrays = field(default_factory=dict)
    synthetic: bool = False
    calibration_y: NDArray[np.int64] | None = None

    @property
    def samples(self) -> int:
        return len(next(iter(self.x.values())))

    @property
    def steps(self) -> int | None:
        """Length of a timed sample, None for static ones."""
        return next(iter(self.x.values())).shape[1] if self.timed else None


def load_data(
    ref: str,
    inputs: Mapping[str, Shape],
    *,
    seed: int,
    samples: int | None = None,
    classes: int | None = None,
    random_steps: int | None = None,
    byte_scale: float = 1.0,
    test_size: float = TEST_SIZE,
) -> Dataset:
    """The samples called ``ref`` for a network with these ``inputs``.

    Args:
        ref: ``digits``, ``random``, a data set of the hub, or the path of an ``.npz`` file.
        inputs: shapes of the network's inputs by name.
        seed: of the split of ``digits`` and of ``random``.
        samples: score the first so many only.
        classes: number of the network's classes, to check labels against.
        random_steps: makes ``random`` give spikes of that many steps instead of static values.
        byte_scale: what static samples of a file are divided by where they are bytes (uint8), as
            the network's encoding says.
        test_size: share of ``digits`` that is scored.

    Raises:
        ConfigError: no such data set, or fewer samples than asked for.
        InputFileError: the file is damaged, or does not fit the network.
    """
    if samples is not None and samples < 1:
        raise ConfigError(f"{samples} samples", needs="at least one sample")
    if not 0 <= seed < SEEDS:
        raise ConfigError(f"seed {seed}", needs=f"a whole number from 0 to {SEEDS - 1}")
    if ref == "random":
        return _random(inputs, seed, samples or RANDOM_SAMPLES, random_steps)
    if ref == "digits":
        data = _digits(inputs, seed, test_size)
    elif ref in CATALOG:
        kept = kept_file(ref)
        data = (
            _named(CATALOG[ref], inputs, samples)
            if kept is None
            else replace(_file(str(kept), inputs, samples, BYTE_SCALE), name=ref)
        )
    else:
        data = _file(ref, inputs, samples, byte_scale)
    if data.y is not None:
        as_labels(data.name, "y", data.y, data.samples, classes)
    return data if samples is None else _first(data, samples)


def load_calibration(
    ref: str,
    inputs: Mapping[str, Shape],
    *,
    seed: int,
    scored: str | None,
    byte_scale: float = 1.0,
) -> Dataset:
    """The samples of ``ref`` that scales may be picked from, as the result's ``x`` and ``y``.

    They are the training split where ``ref`` has one, else all of it.

    Args:
        scored: reference of the samples that will be scored; they are never used.
        byte_scale: as for ``load_data``.
    """
    data = load_data(ref, inputs, seed=seed, byte_scale=byte_scale)
    if data.calibration:
        return replace(
            data, x=data.calibration, y=data.calibration_y, calibration={}, calibration_y=None
        )
    if scored is not None and (ref == scored or _same_file(ref, scored)):
        raise ConfigError(
            f"calibration data {ref!r}: the same samples are scored",
            needs="samples that are not scored",
            has="no training split (x_train) in the file",
            remedy="store x_train and x_test in one file, or calibrate on another file",
        )
    return data


def _same_file(a: str, b: str) -> bool:
    first, second = Path(a), Path(b)
    return first.exists() and second.exists() and first.samefile(second)


def _fitting(data: str, inputs: Mapping[str, Shape], own: Shape) -> tuple[str, Shape]:
    """Name and shape of the only input, which takes samples of another shape and the same size.

    Raises:
        ConfigError: several inputs, or one of another size.
    """
    if len(inputs) == 1 and prod(next(iter(inputs.values()))) == prod(own):
        return next(iter(inputs.items()))
    raise ConfigError(
        f"data set {data!r} does not fit the network's inputs",
        needs=", ".join(f"{name} {list(shape)}" for name, shape in inputs.items()),
        has=f"images of {list(own)}, {prod(own)} values",
        remedy="--data FILE.npz with samples of the network's shape, or --data random",
    )


def _named(named: NamedSet, inputs: Mapping[str, Shape], samples: int | None) -> Dataset:
    """The test part of a data set of the hub, with as much of the training part as scales need."""
    name, shape = _fitting(named.name, inputs, named.shape)
    (x, y), (train, labels) = (
        read_part(named, "test", samples=samples),
        read_part(named, "train", samples=CALIBRATED),
    )
    scored, calibration = (
        scaled_bytes(part, BYTE_SCALE).astype(np.float64).reshape(-1, *shape) for part in (x, train)
    )
    return Dataset(
        named.name,
        {name: scored},
        timed=False,
        y=y,
        calibration={name: calibration},
        calibration_y=labels,
    )


def _digits(inputs: Mapping[str, Shape], seed: int, test_size: float) -> Dataset:
    from snn2chip.data.digits import SHAPE, load_digits_split

    (name, shape), split = _fitting("digits", inputs, SHAPE), load_digits_split(seed, test_size)
    return Dataset(
        "digits",
        {name: split.x_test.reshape(-1, *shape)},
        timed=False,
        y=split.y_test,
        calibration={name: split.x_train.reshape(-1, *shape)},
        calibration_y=split.y_train,
    )


def _random(inputs: Mapping[str, Shape], seed: int, samples: int, steps: int | None) -> Dataset:
    """Uniform values, or spikes; drawn per sample, so that a sample never depends on the others."""
    values = samples * (steps or 1) * sum(prod(shape) for shape in inputs.values())
    if samples > MAX_RANDOM_SAMPLES or values * 8 > MAX_RANDOM_BYTES:
        raise ConfigError(
            f"data 'random': {samples:,} samples, {values:,} values",
            has=f"at most {MAX_RANDOM_SAMPLES:,} samples, and {MAX_RANDOM_BYTES // 8:,} values",
            remedy="fewer --samples or --steps",
        )

    def draw(part: int, name_index: int, shape: Shape) -> NDArray[Any]:
        rows = []
        for sample in range(samples):
            values = np.random.default_rng((seed, part, sample, name_index)).random(
                shape if steps is None else (steps, *shape)
            )
            rows.append(values if steps is None else values < RANDOM_RATE)
        return np.stack(rows)

    scored, calibration = (
        {name: draw(part, index, inputs[name]) for index, name in enumerate(inputs)}
        for part in (0, 1)
    )
    timed = steps is not None
    return Dataset("random", scored, timed, None, calibration, synthetic=True)


def _file(ref: str, inputs: Mapping[str, Shape], samples: int | None, byte_scale: float) -> Dataset:
    path = Path(ref)
    if path.suffix != ".npz":
        raise ConfigError(
            f"unknown data {ref!r}",
            has=f"the data sets {', '.join(NAMES)}, or the path of an .npz file",
            remedy=did_you_mean(ref, NAMES),
        )
    scored, train = read_file(path, inputs, samples, byte_scale)
    calibration, labels = ({}, None) if train is None else (train.x, train.y)
    return Dataset(path.name, scored.x, scored.timed, scored.y, calibration, calibration_y=labels)


def _first(data: Dataset, samples: int) -> Dataset:
    check_count(f"data {data.name!r}", samples, data.samples)
    x = {name: array[:samples] for name, array in data.x.items()}
    return replace(data, x=x, y=None if data.y is None else data.y[:samples])
