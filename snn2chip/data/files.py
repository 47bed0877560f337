"""Samples of an ``.npz`` file, by the keys that `snn2chip.data.datasets` describes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.data.npz import NpzFile, open_npz
from snn2chip.data.parts import (
    Part,
    as_labels,
    as_values,
    from_events,
    has_steps,
    with_channel,
)
from snn2chip.errors import InputFileError

Inputs = Mapping[str, tuple[int, ...]]


def read_file(
    path: Path, inputs: Inputs, samples: int | None = None, byte_scale: float = 1.0
) -> tuple[Part, Part | None]:
    """The scored part and, where the file has one, the training part.

    Args:
        samples: most samples of the scored part; the values of the others are not looked at.
        byte_scale: what static samples are divided by where they are stored as bytes (uint8).

    Raises:
        InputFileError: the file is damaged or does not fit the network's inputs.
    """
    with open_npz(path) as file:
        if _has(file, "x_test", inputs):
            test, train = _part(file, "x_test", "y_test", inputs, byte_scale, samples), None
            if _has(file, "x_train", inputs):
                train = _part(file, "x_train", "y_train", inputs, byte_scale)
                _check_layout(file.path.name, test, train)
            return test, train
        if _has(file, "x", inputs) or _has(file, "events", inputs):
            return _part(file, "x", "y", inputs, byte_scale, samples), None
        raise InputFileError(
            f"{path}: no samples in it",
            needs="'x' (with 'y'), or 'x_test' (with 'y_test', 'x_train', 'y_train'), or 'events' "
            "with 'steps'; for several inputs 'x.<input>'",
            has=", ".join(file.keys[:12]) or "no arrays",
            remedy="rename the arrays",
        )


def _has(file: NpzFile, stem: str, inputs: Inputs) -> bool:
    return stem in file or any(f"{stem}.{name}" in file for name in inputs)


def _part(
    file: NpzFile,
    stem: str,
    label_key: str,
    inputs: Inputs,
    byte_scale: float,
    most: int | None = None,
) -> Part:
    source = file.path.name
    y = file.read(label_key) if label_key in file else None
    x: dict[str, NDArray[Any]] = {}
    timed: dict[str, bool] = {}
    for name, shape in inputs.items():
        x[name], timed[name] = _input(
            file, stem, name, shape, inputs, None if y is None else y.size
        )
    _check_alike(source, {name: array.shape[: 1 + timed[name]] for name, array in x.items()})
    samples = len(next(iter(x.values())))
    labels = None if y is None else as_labels(source, label_key, y, samples)
    for name in x:
        key = _key(file, stem, name, inputs)
        if key is not None:
            x[name] = as_values(source, key, x[name][:most], timed[name], byte_scale)
    cut = {name: array[:most] for name, array in x.items()}
    return Part(cut, next(iter(timed.values())), None if labels is None else labels[:most])


def _input(
    file: NpzFile,
    stem: str,
    name: str,
    shape: tuple[int, ...],
    inputs: Inputs,
    samples: int | None,
) -> tuple[NDArray[Any], bool]:
    """Samples of one input, as stored or from events, and whether they are timed."""
    source = file.path.name
    key = _key(file, stem, name, inputs)
    events_key = _key(file, "events", name, inputs) if stem == "x" else None
    if key is not None and events_key is not None:
        raise InputFileError(
            f"{source}: samples for input {name!r} twice, as {key!r} and as {events_key!r}",
            needs="one of the two",
            remedy="leave one array out",
        )
    if key is not None:
        array = with_channel(file.read(key), shape)
        return array, has_steps(source, key, array, shape)
    if events_key is None:
        raise InputFileError(
            f"{source}: no samples for input {name!r}",
            needs=f"an array {stem}.{name}",
            has=", ".join(file.keys[:12]),
            remedy=f"one array per input: {', '.join(f'{stem}.{i}' for i in inputs)}",
        )
    events = file.read(events_key)
    return from_events(source, events_key, events, _steps(file), samples, shape), True


def _key(file: NpzFile, stem: str, name: str, inputs: Inputs) -> str | None:
    """Key of an input's array: ``<stem>.<name>``, or ``<stem>`` for the only input."""
    if f"{stem}.{name}" in file:
        return f"{stem}.{name}"
    return stem if stem in file and len(inputs) == 1 else None


def _steps(file: NpzFile) -> int:
    source = file.path.name
    if "steps" not in file:
        raise InputFileError(
            f"{source}: 'events' without 'steps'",
            needs="the length of a sample, one integer called 'steps'",
            remedy="numpy.savez(..., steps=100)",
        )
    steps = file.read("steps")
    if steps.size != 1 or steps.dtype.kind not in "iu" or int(steps.reshape(())) < 1:
        raise InputFileError(
            f"{source}: 'steps' is {np.array2string(steps, threshold=4)}",
            needs="one integer of at least 1",
        )
    return int(steps.reshape(()))


def _check_layout(source: str, test: Part, train: Part) -> None:
    """Both splits have a step axis, or neither has."""
    if test.timed != train.timed:
        layout = {False: "[sample, ...] without steps", True: "[sample, step, ...]"}
        raise InputFileError(
            f"{source}: 'x_train' and 'x_test' are laid out differently",
            needs="a step axis in both, or in neither",
            has=f"x_train {layout[train.timed]}, x_test {layout[test.timed]}",
            remedy="store both splits in one layout",
        )


def _check_alike(source: str, leading: Mapping[str, tuple[int, ...]]) -> None:
    """All inputs have the same number of samples, and all or none the same number of steps."""
    if len(set(leading.values())) > 1:
        raise InputFileError(
            f"{source}: the inputs do not go together",
            needs="the same number of samples and steps for every input",
            has=", ".join(f"{name} {list(axes)}" for name, axes in leading.items()),
        )
