"""Checks of samples and labels that came from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, InputFileError

MAX_DENSE_BYTES = 2**31
"""Largest array that sparse events are spread over."""


@dataclass(frozen=True, eq=False)
class Part:
    """One split of a file: see `snn2chip.data.Dataset` for the layout."""

    x: Mapping[str, NDArray[Any]]
    timed: bool
    y: NDArray[np.int64] | None


def with_channel(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Grey images [sample, height, width] of a network that takes [1, height, width].

    The axis of their one channel is added; any other array is given back as it is.
    """
    if shape[:1] == (1,) and len(shape) > 1 and array.shape[1:] == shape[1:]:
        return array.reshape(len(array), *shape)
    return array


def has_steps(source: str, key: str, array: NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Whether samples have a step axis, from their shape alone.

    Raises:
        InputFileError: the shape is not the input's, or there is no sample.
    """
    timed = array.ndim == len(shape) + 2
    trailing = array.shape[2:] if timed else array.shape[1:]
    if array.ndim == 0 or trailing != shape:
        raise InputFileError(
            f"{source}: {key!r} does not fit the network's input",
            needs=f"[sample, {_axes(shape)}] or [sample, step, {_axes(shape)}]",
            has=f"an array of shape {list(array.shape)}",
            remedy=_another_shape(array.shape, shape),
        )
    if array.size == 0:
        raise InputFileError(
            f"{source}: {key!r} is empty", needs="at least one sample and one step"
        )
    return timed


def _another_shape(found: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """How an array becomes one of samples; a reversed image is Lava's (W, H, C)."""
    lead, reversed_ = len(found) - len(shape), shape[::-1]
    if lead in (1, 2) and len(shape) > 1 and found[lead:] == reversed_ != shape:
        axes = (*range(lead), *range(len(found) - 1, lead - 1, -1))
        return f"Lava's images are (W, H, C): x.transpose({', '.join(map(str, axes))})"
    return f"reshape it, for example x.reshape(-1, {', '.join(map(str, shape))})"


def as_values(
    source: str, key: str, array: NDArray[Any], timed: bool, byte_scale: float = 1.0
) -> NDArray[Any]:
    """A copy of samples: float64, or bool where timed ones are all 0 or 1.

    Args:
        byte_scale: what static samples are divided by where they are stored as bytes (uint8).

    Raises:
        InputFileError: a value is no number.
    """
    check_finite(source, key, array)
    if not timed:
        return scaled_bytes(array, byte_scale).astype(np.float64)
    is_spikes = array.dtype == np.bool_ or bool(((array == 0) | (array == 1)).all())
    return array.astype(np.bool_ if is_spikes else np.float64)


def scaled_bytes(array: NDArray[Any], byte_scale: float) -> NDArray[Any]:
    """Bytes (uint8) divided by ``byte_scale`` in float32, as image pipelines of PyTorch do.

    Students are trained on such values, so that a chip must be given them too: a third rounded to
    float32 passes a threshold of 1 in its third step, and the nearest float64 does not. Arrays of
    another type, and any scale of 1, are given back as they are.
    """
    if array.dtype != np.uint8 or byte_scale == 1.0:
        return array
    return array.astype(np.float32) / np.float32(byte_scale)


def check_count(what: str, samples: int | None, there: int) -> None:
    """Refuse to take more samples than there are.

    Args:
        what: they would be taken from, for the message.
        samples: as many as are asked for, or None for all.

    Raises:
        ConfigError: fewer than asked for.
    """
    if samples is not None and samples > there:
        raise ConfigError(
            f"{what}: too few samples",
            needs=f"{samples} samples",
            has=f"{there} samples to score",
            remedy=f"--samples {there} or fewer",
        )


def check_finite(source: str, key: str, array: NDArray[Any]) -> None:
    """Refuse NaN and infinity, naming the first."""
    if array.dtype.kind != "f" or bool(np.isfinite(array).all()):
        return
    bad = np.argwhere(~np.isfinite(array))
    first = tuple(int(i) for i in bad[0])
    raise InputFileError(
        f"{source}: {key!r} has {len(bad)} values that are no numbers",
        needs="finite values",
        has=f"{array[first]} at index {list(first)}",
        remedy="clean the data",
    )


def as_labels(
    source: str, key: str, labels: NDArray[Any], samples: int, classes: int | None = None
) -> NDArray[np.int64]:
    """Class indices [sample].

    Raises:
        InputFileError: not one whole number per sample, or none of the network's classes.
    """
    if labels.shape != (samples,):
        raise InputFileError(
            f"{source}: labels {key!r} do not fit the samples",
            needs=f"one label for each of {samples} samples",
            has=f"an array of shape {list(labels.shape)}",
            remedy="class indices (of one-hot labels y.argmax(axis=1)); x is [sample, ...]",
        )
    check_finite(source, key, labels)
    with np.errstate(invalid="ignore"):
        whole = labels.astype(np.int64)
    limit = np.iinfo(np.int64).max if classes is None else classes
    wrong = (whole != labels) | (whole < 0) | (whole >= limit)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        top = "0 or more" if classes is None else f"0 to {classes - 1}"
        raise InputFileError(
            f"{source}: {int(wrong.sum())} labels {key!r} are no class of the network",
            needs=f"class indices, {top}",
            has=f"{labels[first]} at index {first}",
            remedy="number the classes from 0 in the order of the network's outputs",
        )
    return whole


def from_events(
    source: str,
    key: str,
    events: NDArray[Any],
    steps: int,
    samples: int | None,
    shape: tuple[int, ...],
) -> NDArray[Any]:
    """Dense samples [sample, step, *shape] of sparse events (sample, step, flat index).

    Entries are 0/1 (bool) unless an event is repeated, which counts.

    Args:
        samples: number of samples, or None for the largest sample index + 1.
    """
    if events.ndim != 2 or events.shape[1] != 3 or events.dtype.kind not in "iu":
        raise InputFileError(
            f"{source}: {key!r} are no events",
            needs="integers [n, 3]: sample, step, flat index",
            has=f"{events.dtype} {list(events.shape)}",
        )
    if samples is None:
        samples = int(events[:, 0].max()) + 1 if len(events) else 0
    if samples < 1:
        raise InputFileError(f"{source}: {key!r} is empty", needs="at least one event, or 'y'")
    _check_dense(source, key, samples * steps * prod(shape))
    limits = np.array([samples, steps, prod(shape)])
    wrong = ((events < 0) | (events >= limits)).any(axis=1)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise InputFileError(
            f"{source}: {int(wrong.sum())} events of {key!r} are out of range",
            needs=f"sample < {samples}, step < {steps}, index < {prod(shape)}, none negative",
            has=f"{[int(i) for i in events[first]]} in row {first}",
            remedy="indices start at 0; the flat index runs over the input's shape in C order",
        )
    index = np.ravel_multi_index(events.T.astype(np.int64), tuple(int(i) for i in limits))
    positions, counts = np.unique(index, return_counts=True)
    repeated = bool(counts.max(initial=0) > 1)
    if repeated:
        _check_dense(source, key, 8 * samples * steps * prod(shape))
    dense: NDArray[Any] = np.zeros(int(limits.prod()), np.float64 if repeated else np.bool_)
    dense[positions] = counts
    return dense.reshape(samples, steps, *shape)


def _check_dense(source: str, key: str, size: int) -> None:
    if size > MAX_DENSE_BYTES:
        raise InputFileError(
            f"{source}: {key!r} is too large",
            needs=f"{size} bytes: samples x steps x neurons, eight each where events repeat",
            has=f"at most {MAX_DENSE_BYTES}",
            remedy="store fewer samples or steps",
        )


def _axes(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
