"""HDF5 data sets of files that are not trusted: every size is checked before it is allocated."""

from __future__ import annotations

from math import prod
from typing import Any

import h5py
import numpy as np

from snn2chip.errors import InputFileError
from snn2chip.frontends.nir.storage.heaps import REFERENCE, Heaps
from snn2chip.graph.operators import Array

LIMIT_BYTES = 2**30
"""Most bytes that one file may expand to: 134 million weights, more than any chip holds."""

_NUMBER_BYTES = 8
"""Every number is computed with as float64, however small it is in the file."""

_CHUNK_BYTES = 2**26
"""Largest raw chunk; h5py's own choice is at most 2**20."""

_EXPANSION = 1032
"""Most bytes that deflate makes of one (zlib's documented limit); lzf's limit is lower."""

_FILTERS = frozenset({1, 2, 3, 32000})
"""deflate, shuffle, fletcher32, lzf: what h5py itself writes."""

_REWRITE = "write the file again with nir.write"


class Budget:
    """Counts what a file makes us allocate, and refuses what exceeds the limit.

    Args:
        file_bytes: size of the file itself.
    """

    def __init__(self, file_bytes: int, limit: int = LIMIT_BYTES) -> None:
        self.file_bytes = file_bytes
        self.left = limit
        self.limit = limit

    def take(self, amount: int, where: str) -> None:
        """Counts ``amount`` bytes.

        Raises:
            InputFileError: the limit is passed.
        """
        if amount > self.left:
            raise InputFileError(
                f"{where}: the file expands to more than {self.limit} bytes",
                needs=f"at most {self.limit // _NUMBER_BYTES} numbers, as float64, in all",
                has=f"a file of {self.file_bytes} bytes",
                remedy="split the network",
            )
        self.left -= amount


def read_array(dataset: h5py.Dataset, budget: Budget, where: str) -> Array:
    """A numeric data set as an array, [] for a scalar.

    Raises:
        InputFileError: no numbers, or a storage that is not what it claims to be.
    """
    dtype = dataset.dtype
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise InputFileError(f"{where}: holds {dtype}", needs="real numbers of at most 64 bits")
    if dataset.shape is None:
        raise InputFileError(f"{where}: is empty", needs="an array")
    _check_storage(dataset, budget, where)
    budget.take(prod(dataset.shape) * _NUMBER_BYTES, where)
    array: Array = np.asarray(dataset[()])
    return array.astype(dtype.newbyteorder("="), copy=False)


def read_words(dataset: h5py.Dataset, budget: Budget, heaps: Heaps, where: str) -> list[str]:
    """A data set of words, flattened.

    Raises:
        InputFileError: no words, or words that lie nowhere.
    """
    if dataset.shape is None or dataset.dtype.kind not in "OS":
        raise InputFileError(f"{where}: holds {dataset.dtype}", needs="words")
    _check_storage(dataset, budget, where)
    count = prod(dataset.shape)
    if dataset.dtype.kind == "S":
        budget.take(count * dataset.dtype.itemsize, where)
        fixed = np.asarray(dataset[()]).reshape(-1)
        return [_text(bytes(value), where) for value in fixed]
    if h5py.check_string_dtype(dataset.dtype) is None:
        raise InputFileError(f"{where}: holds references or lists", needs="words")
    offset = dataset.id.get_offset()
    if offset is None:
        raise InputFileError(
            f"{where}: words in chunks", needs="one piece, as nir.write makes it", remedy=_REWRITE
        )
    budget.take(count * REFERENCE, where)
    words = []
    for k in range(count):
        (word,) = heaps.words(offset + k * REFERENCE, 1, where)
        budget.take(len(word), where)
        words.append(_text(word, where))
    return words


def _text(word: bytes, where: str) -> str:
    try:
        return word.decode("utf8")
    except UnicodeDecodeError as error:
        raise InputFileError(f"{where}: a word is not UTF-8", has=str(error)) from error


def _check_storage(dataset: h5py.Dataset, budget: Budget, where: str) -> None:
    """Refuses data outside the file, unknown filters, and sizes that the storage cannot hold."""
    if dataset.is_virtual or dataset.external:
        raise InputFileError(
            f"{where}: its data lie in another file",
            needs="data within the file",
            remedy=_REWRITE,
        )
    plist = dataset.id.get_create_plist()
    filters = {plist.get_filter(k)[0] for k in range(plist.get_nfilters())}
    if not filters <= _FILTERS:
        raise InputFileError(
            f"{where}: compressed with filter {sorted(filters - _FILTERS)}",
            has="gzip, lzf, shuffle and fletcher32",
            remedy=_REWRITE,
        )
    declared = prod(dataset.shape) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    expansion = _EXPANSION if filters & {1, 32000} else 1
    if declared > stored * expansion or stored > budget.file_bytes:
        raise InputFileError(
            f"{where}: declares {declared} bytes of data",
            has=f"{stored} stored bytes in a file of {budget.file_bytes}",
            remedy="the file is truncated or damaged: " + _REWRITE,
        )
    if dataset.chunks is not None:
        _check_chunks(dataset, expansion, where)


def _check_chunks(dataset: h5py.Dataset, expansion: int, where: str) -> None:
    """Bounds what HDF5 allocates for one chunk, raw and while it is decompressed."""
    raw = prod(dataset.chunks) * dataset.dtype.itemsize
    largest = 0

    def look(chunk: Any) -> None:
        nonlocal largest
        largest = max(largest, int(chunk.size))

    dataset.id.chunk_iter(look)
    if raw > _CHUNK_BYTES or largest * expansion > LIMIT_BYTES:
        raise InputFileError(
            f"{where}: stored in chunks of {raw} bytes ({largest} in the file)",
            has=f"chunks of at most {_CHUNK_BYTES} bytes ({LIMIT_BYTES // expansion} in the file)",
            remedy=_REWRITE,
        )
