"""Arrays out of an ``.npz`` file from outside: no pickle, and sizes checked before allocation."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from snn2chip.errors import InputFileError, Snn2chipError

MAX_BYTES = 4 * 2**30
"""Largest array that is read, in bytes."""

_SMALL, _EXPANSION = 2**26, 300
"""Values that an array may have whatever it is compressed to, and how often its stored size an
array of more may be: rasters of real data stay far below, a thousandfold is a bomb."""

_NUMBERS = "biuf"


class NpzFile:
    """The arrays of one file; nothing but headers is read until an array is asked for."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self.keys = tuple(
            name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")
        )

    def __contains__(self, key: str) -> bool:
        return key in self.keys

    def read(self, key: str) -> NDArray[Any]:
        """The array called ``key``, of numbers, at most `MAX_BYTES` large.

        Raises:
            InputFileError: the array is damaged, holds objects or text, or is too large.
        """
        with self._guard(key), self._archive.open(f"{key}.npy") as stream:
            self._check(key, *_header(stream))
        with self._guard(key), self._archive.open(f"{key}.npy") as stream:
            array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
            return array

    def _check(self, key: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        if dtype.kind not in _NUMBERS:
            raise InputFileError(
                f"{self.path}: array {key!r} holds {dtype}",
                needs="integers, floats or booleans",
                remedy="save numbers with numpy.savez",
            )
        size = prod(shape) * dtype.itemsize
        if max(size, *shape, 0) > MAX_BYTES:  # an axis may be huge beside an empty one
            raise InputFileError(
                f"{self.path}: array {key!r} is too large",
                needs=f"{size / 2**30:.1f} GiB for {list(shape)} {dtype}",
                has=f"at most {MAX_BYTES // 2**30} GiB per array",
                remedy="store fewer samples, a smaller dtype, or sparse 'events'",
            )
        info = self._archive.getinfo(f"{key}.npy")
        if prod(shape) > _SMALL and size > _EXPANSION * info.compress_size:
            raise InputFileError(
                f"{self.path}: array {key!r} expands to {size} bytes",
                needs=f"at most {_EXPANSION} times the {info.compress_size} bytes in the file",
                remedy="leave out samples without values, or store sparse 'events'",
            )
        declared = info.file_size
        if size > declared:
            raise InputFileError(
                f"{self.path}: array {key!r} is cut off",
                needs=f"{size} bytes for {list(shape)} {dtype}",
                has=f"{declared} bytes in the file",
                remedy="write or download the file again",
            )

    @contextmanager
    def _guard(self, key: str) -> Iterator[None]:
        """Whatever the readers of archives and headers raise at damage: there is no list of it."""
        try:
            yield
        except Snn2chipError:
            raise
        except Exception as error:
            cause = f"array {key!r}: {type(error).__name__}: {str(error)[:200]}"
            raise _damaged(self.path, cause) from error


@contextmanager
def open_npz(path: Path) -> Iterator[NpzFile]:
    """Open ``path`` for reading.

    Raises:
        InputFileError: there is no such file, or it is no ``.npz``.
    """
    if not os.path.isfile(path):
        found = "a folder, pipe or device" if os.path.exists(path) else "no such file"
        raise InputFileError(
            f"{path}: {found}",
            needs="an .npz file",
            remedy="check the path, or use the data set 'digits'",
        )
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:
        raise _damaged(path, f"{type(error).__name__}: {str(error)[:200]}") from error
    with archive:
        yield NpzFile(path, archive)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that the array's header declares."""
    version = npy.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(stream)
    else:
        raise ValueError(f"format version {version} is for structured arrays")
    return shape, dtype


def _damaged(path: Path, cause: str) -> InputFileError:
    return InputFileError(
        f"{path}: not a readable .npz file",
        needs="a file that numpy.savez wrote",
        has=cause,
        remedy="write or download the file again",
    )
