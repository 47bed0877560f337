"""Parquet files of the hub's data sets: a local copy, or the library's cache and downloads.

A local copy is a folder as it is downloaded: ``FOLDER/<name>`` or ``FOLDER/<owner>/<name>`` with
``train-*.parquet`` and ``test-*.parquet`` in it, or with folders ``train`` and ``test`` of them, at
any depth. It is read where it lies; the hub is asked only without one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.data.hub.catalog import CATALOG, NamedSet
from snn2chip.data.hub.images import pixels
from snn2chip.data.hub.speech import spectrogram
from snn2chip.errors import ConfigError, InputFileError, Snn2chipError, counted

VARIABLE = "SNN2CHIP_DATA"
"""Environment variable with the folder of local copies."""

BYTE_SCALE = 255.0
"""The byte that stands for 1 in images and spectrograms."""

_BATCH = 1000
_DECODERS: dict[str, Callable[[bytes, tuple[int, ...], str], NDArray[np.uint8]]] = {
    "image": pixels,
    "speech": lambda data, shape, where: spectrogram(data, where),
}


def read_part(
    named: NamedSet, part: str, folder: Path | None = None, samples: int | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """One part of a data set: x uint8 [sample, *shape], y int64 [sample].

    Args:
        part: ``train``, ``validation`` or ``test``.
        folder: of local copies; the environment's ``SNN2CHIP_DATA`` where it is None.
        samples: read only the first so many.

    Raises:
        ConfigError: `datasets` is not installed, or the data are neither here nor to be had.
        InputFileError: files that are damaged, or hold something else.
    """
    where = f"data set {named.name!r}, part {part!r}"
    rows = _rows(named, part, folder)
    x: list[NDArray[np.uint8]] = []
    y: list[int] = []
    wrong: list[tuple[int, Any]] = []
    try:
        for number, (content, label) in enumerate(rows):
            if samples is not None and len(y) == samples:
                break
            if label in named.left_out:
                continue
            if not _is_class(label, len(named.classes)):
                wrong.append((number, label))
            if wrong:  # the others are only counted
                continue
            x.append(_DECODERS[named.kind](content, named.shape, f"{where}, row {number}"))
            y.append(int(label))
    except Snn2chipError:
        raise
    except Exception as error:  # pyarrow and datasets raise errors of their own at damage
        raise InputFileError(
            f"{where}: {type(error).__name__}: {str(error)[:200]}",
            needs=f"columns {named.column!r} (bytes and path) and 'label' in Parquet files",
            remedy=f"download {named.repository} again",
        ) from error
    if wrong:
        number, label = wrong[0]
        raise InputFileError(
            f"{where}: {counted(len(wrong), 'row')} with labels that are no class",
            needs=f"whole numbers from 0 to {len(named.classes) - 1}",
            has=f"{label!r} in row {number}",
            remedy="correct these rows or leave them out, or download the files again",
        )
    if not y:
        raise InputFileError(f"{where}: no samples", needs=f"labels below {len(named.classes)}")
    return np.stack(x), np.array(y, np.int64)


def _is_class(label: Any, classes: int) -> bool:
    """Whether a label, of whatever type a file has, is one of the classes."""
    return isinstance(label, int | float) and 0 <= label < classes and int(label) == label


def kept_file(name: str) -> Path | None:
    """A named data set's ``.npz`` in the user's folder of data sets, or None without one."""
    root = os.environ.get(VARIABLE)
    path = Path(root or "", f"{name}.npz")
    return path if root and name in CATALOG and path.is_file() else None


def local_files(named: NamedSet, part: str, folder: Path | None) -> list[str]:
    """Parquet files of a part in the folder of local copies, or none."""
    root = folder or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if root is None:
        return []
    places = (root / named.name, root / named.repository, root / named.repository.split("/")[1])
    for place in places:
        if not place.is_dir():
            continue
        files = sorted(place.rglob("*.parquet"))
        own = [file for file in files if named.config in file.relative_to(place).parts]
        found = [file for file in own or files if _is_of(file, part)]
        if found:
            return [str(file) for file in found]
    return []


def _is_of(file: Path, part: str) -> bool:
    return file.name.startswith(f"{part}-") or file.stem == part or file.parent.name == part


def _rows(named: NamedSet, part: str, folder: Path | None) -> Iterator[tuple[bytes, Any]]:
    """Content and label of every row."""
    datasets = _library(named)
    files = local_files(named, part, folder)
    if files:
        found = datasets.load_dataset(
            "parquet", data_files={part: files}, split=part, streaming=True
        )
    else:
        found = _from_hub(datasets, named, part, folder)
    feature = datasets.Image if named.kind == "image" else datasets.Audio
    undecoded = found.cast_column(named.column, feature(decode=False))
    for batch in undecoded.iter(batch_size=_BATCH):
        for content, label in zip(batch[named.column], batch["label"], strict=True):
            yield content["bytes"], label


def _library(named: NamedSet) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise ConfigError(
            f"data set {named.name!r}: the library 'datasets' is not installed",
            needs="it, to read Parquet files of the Hugging Face hub",
            remedy="pip install 'snn2chip[data]', or name an .npz file, which needs nothing",
        ) from error
    datasets.disable_progress_bars()
    return datasets


def _from_hub(datasets: Any, named: NamedSet, part: str, folder: Path | None) -> Any:
    try:
        return datasets.load_dataset(
            named.repository, named.config, split=part, revision=named.revision
        )
    except Exception as error:  # of the network, the hub, the cache: there is no list of them
        root = folder or os.environ.get(VARIABLE)
        raise ConfigError(
            f"data set {named.name!r}: neither on this machine nor to be had from the hub",
            needs=f"Parquet files of huggingface.co/datasets/{named.repository}, part {part!r}",
            has=f"{'nothing of it in ' + str(root) if root else f'no {VARIABLE}'}; the hub: "
            f"{type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}",
            remedy=f"put them into FOLDER/{named.name} (or x_train, y_train, x_test, y_test into "
            f"FOLDER/{named.name}.npz) and set {VARIABLE}=FOLDER, or name such an .npz file",
        ) from error
