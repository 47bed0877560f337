"""Words of variable length, read from a file's bytes and not through libhdf5.

libhdf5 (2.0.0 and before) trusts what such words say about themselves: one wrong byte makes it
fill 4 GiB, or walk a heap without end. So it only tells where a data set lies; the words are
looked up here, with every length checked. Layout: "The HDF5 File Format Specification", sections
II.A (superblock), III.E (global heap) and VIII (references to the heap: length, address, index).
"""

from __future__ import annotations

import mmap
from pathlib import Path

from snn2chip.errors import InputFileError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_POINTER = b"version https://git-lfs"
_HEAP = b"GCOL\x01"
_HEADER = 16
_SUPERBLOCK = 48
REFERENCE = 16
"""Bytes of a word's reference."""


class Heaps:
    """The global heaps of one file.

    Raises:
        InputFileError: no HDF5 file, or one with a layout that no writer of NIR makes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._heaps: dict[int, dict[int, tuple[int, int]]] = {}
        with path.open("rb") as file:
            start = file.read(len(_POINTER))
            if start == _POINTER:
                raise InputFileError(
                    f"{path}: a Git LFS pointer, and not the file that it stands for",
                    needs="the file itself",
                    remedy="`git lfs pull` in the repository that it comes from",
                )
            if path.stat().st_size < _SUPERBLOCK or not start.startswith(_SIGNATURE):
                raise InputFileError(
                    f"{path}: not an HDF5 file",
                    needs="a NIR file as nir.write makes it",
                    remedy="the file is damaged or of another kind: export it again",
                )
            self._content = content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        widths, base = (13, 24) if content[8] == 0 else (13, 28) if content[8] == 1 else (9, 12)
        if content[widths : widths + 2] != b"\x08\x08" or any(content[base : base + 8]):
            raise InputFileError(
                f"{path}: an HDF5 file with unusual offsets",
                needs="offsets and lengths of 8 bytes that count from the file's start",
                remedy="write the file again with nir.write",
            )

    def words(self, offset: int, count: int, where: str) -> list[bytes]:
        """The ``count`` words whose references begin at byte ``offset`` of the file.

        Raises:
            InputFileError: a reference to nowhere.
        """
        end = offset + REFERENCE * count
        if offset < 0 or end > len(self._content):
            raise self._damaged(where)
        starts = range(offset, end, REFERENCE)
        return [self._word(self._content[k : k + REFERENCE], where) for k in starts]

    def _word(self, reference: bytes, where: str) -> bytes:
        length, address, index = (_number(reference[a:b]) for a, b in ((0, 4), (4, 12), (12, 16)))
        if address == 0 or length == 0:
            return b""
        if address not in self._heaps:
            self._heaps[address] = self._heap(address, where)
        start, size = self._heaps[address].get(index, (0, -1))
        if length > size:
            raise self._damaged(where)
        return self._content[start : start + length]

    def _heap(self, address: int, where: str) -> dict[int, tuple[int, int]]:
        """Position and size of each object of a heap, by index."""
        content = self._content
        if content[address : address + 5] != _HEAP:
            raise self._damaged(where)
        end = address + _number(content[address + 8 : address + 16])
        if end > len(content):
            raise self._damaged(where)
        objects: dict[int, tuple[int, int]] = {}
        place = address + _HEADER
        while place + _HEADER <= end:
            index, size = (
                _number(content[place : place + 2]),
                _number(content[place + 8 : place + 16]),
            )
            if index == 0:
                break  # the free space is the last object
            if place + _HEADER + size > end:
                raise self._damaged(where)
            objects[index] = (place + _HEADER, size)
            place += _HEADER + (size + 7) // 8 * 8
        return objects

    def _damaged(self, where: str) -> InputFileError:
        return InputFileError(
            f"{where}: a word lies nowhere in the file",
            remedy="the file is truncated or damaged: export it again",
        )


def _number(part: bytes) -> int:
    return int.from_bytes(part, "little")
