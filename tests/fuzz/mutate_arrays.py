"""Changes of ``.npz`` and ``.safetensors`` files that leave their containers whole, mostly."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from random import Random
from typing import Any

import numpy as np
from numpy.lib import format as npy

from tests.fuzz import hostile_values as hostile
from tests.fuzz.mutate_text import change_json


class Pickled:
    """Leaves a folder behind where it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("pwned",)


def mutate_npz(content: bytes, draw: Random) -> bytes:
    """One to three arrays with other contents, headers or names."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(draw.choice((1, 1, 2, 3))):
        name = draw.choice(sorted(entries))
        draw.choice(_NPZ)(entries, name, draw)
        if not entries:
            break
    stream = io.BytesIO()
    method = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in entries.items():
            entry = name.encode("utf-8", "replace").decode().split("\0")[0]
            archive.writestr(zipfile.ZipInfo(entry or "x"), data, method)
    return stream.getvalue()


def dumped(array: np.ndarray) -> bytes:
    """An array as an ``.npy`` file; objects are pickled."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def _loaded(data: bytes) -> np.ndarray:
    try:
        loaded: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
        return loaded
    except Exception:  # an earlier change, of which numpy has its own list of complaints
        return np.zeros((2, 2))


def _other_values(entries: dict[str, bytes], name: str, draw: Random) -> None:
    entries[name] = dumped(hostile.array(draw, _loaded(entries[name])))


def _other_header(entries: dict[str, bytes], name: str, draw: Random) -> None:
    """A header that says something else than the data."""
    array = _loaded(entries[name])
    sizes = [draw.choice((0, 1, -1, 4, 10**6, 10**9, 2**40, 2**63, 10**30)) for _ in range(3)]
    shape = draw.choice((tuple(sizes), tuple(sizes[:1]), array.shape, (1,) * 70, (0, 2**62, 2**62)))
    descr = draw.choice(("<f8", "|u1", "|O", "<c16", "|S1000000000", "<f2", "|V0", "<U4", "|b1"))
    text = repr({"descr": descr, "fortran_order": draw.random() < 0.5, "shape": shape})
    match draw.randrange(6):
        case 0:
            text = "[" * draw.choice((100, 5000)) + text
        case 1:
            text = text.replace("shape", hostile.name(draw))
    header = text.encode("utf-8", "replace")
    version = draw.choice(((1, 0), (1, 0), (2, 0), (3, 0), (9, 9)))
    size = len(header).to_bytes(2 if version == (1, 0) else 4, "little")
    entries[name] = npy.MAGIC_PREFIX + bytes(version) + size + header + array.tobytes()


def _objects(entries: dict[str, bytes], name: str, draw: Random) -> None:
    array = np.empty(draw.choice(((), (4,), (4, 6))), object)
    array[...] = Pickled()
    entries[name] = draw.choice((dumped(array), pickle.dumps(Pickled())))


def _bomb(entries: dict[str, bytes], name: str, draw: Random) -> None:
    # No longer than a command takes for data that mean it.
    shape = draw.choice(((4, 10**4, 6), (10**5, 6), (4, 7, 10**6), (30_000_000,)))
    entries[name] = dumped(np.zeros(shape, np.uint8))


def _steps(entries: dict[str, bytes], name: str, draw: Random) -> None:
    key = draw.choice(("steps.npy", "y.npy", "y_test.npy"))
    number = hostile.number(draw)
    long = key == "steps.npy" and 10**5 < number < 10**8  # takes as long as it is
    entries[key] = dumped(np.array(7 if long else number))


def _key(entries: dict[str, bytes], name: str, draw: Random) -> None:
    known = ("x.npy", "y.npy", "x_test.npy", "x_train.npy", "events.npy", "steps.npy", "x")
    entries[draw.choice((hostile.name(draw) + ".npy", draw.choice(known)))] = entries.pop(name)


def _cut(entries: dict[str, bytes], name: str, draw: Random) -> None:
    entries[name] = entries[name][: draw.randrange(len(entries[name]) + 1)]


_NPZ = (_other_values, _other_values, _other_values, _other_header, _other_header, _objects, _bomb,
        _steps, _key, _cut)  # fmt: skip

_TYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "U64", "BOOL", "F8_E4M3",
          "C64", "XX", 3, None)  # fmt: skip


def mutate_safetensors(content: bytes, draw: Random) -> bytes:
    """The header, the metadata in it, or the numbers, changed."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    data = bytearray(content[8 + size :])
    for _ in range(draw.choice((1, 1, 2, 3))):
        draw.choice(_SAFE)(header, data, draw)
    text = json.dumps(header).encode()
    match draw.randrange(14):
        case 0:
            text = text.replace(b"{", b'{"a":' * draw.choice((100, 100_000)), 1)
        case 1:
            text = change_json(json.dumps(header), draw).encode("utf-8", "surrogatepass")
        case 2:
            text += b" " * draw.choice((7, 10**6))
    return len(text).to_bytes(8, "little") + text + bytes(data)


def _tensors(header: dict[str, Any]) -> list[str]:
    return sorted(k for k, v in header.items() if k != "__metadata__" and isinstance(v, dict))


def _metadata(header: dict[str, Any], data: bytearray, draw: Random) -> None:
    metadata = header.get("__metadata__")
    if isinstance(metadata, dict) and "snn2chip" in metadata:
        metadata["snn2chip"] = change_json(metadata["snn2chip"], draw)


def _entry(header: dict[str, Any], data: bytearray, draw: Random) -> None:
    names = _tensors(header)
    if not names:
        return
    entry = header[draw.choice(names)]
    match draw.randrange(4):
        case 0:
            entry["dtype"] = draw.choice(_TYPES)
        case 1:
            entry["shape"] = [draw.choice(hostile.INTEGERS) for _ in range(draw.randrange(4))]
        case 2:
            entry["shape"] = list(reversed(entry.get("shape") or []))
        case _:
            entry["data_offsets"] = [draw.choice((0, 8, -1, len(data), 2**40, 2**63, 1.5, None))
                                     for _ in range(draw.choice((2, 2, 3)))]  # fmt: skip


def _rename(header: dict[str, Any], data: bytearray, draw: Random) -> None:
    names = _tensors(header)
    if names:
        header[hostile.name(draw)] = header.pop(draw.choice(names))


def _remove(header: dict[str, Any], data: bytearray, draw: Random) -> None:
    header.pop(draw.choice(sorted(header)), None) if header else None


def _numbers(header: dict[str, Any], data: bytearray, draw: Random) -> None:
    """Numbers that are none, or far too large, in the place of weights and parameters."""
    names = _tensors(header)
    if not names or not data:
        return
    begin, end = (header[draw.choice(names)].get("data_offsets") or [0, 8])[:2]
    if not isinstance(begin, int) or not isinstance(end, int):
        return
    piece = draw.choice((b"\xff", b"\x7f", b"\x80", b"\0", np.float64(1e300).tobytes(),
                         np.float32("inf").tobytes(), np.int64(2**40).tobytes()))  # fmt: skip
    count = max(0, min(end, len(data)) - begin)
    some = draw.choice((count, min(count, 8)))
    data[begin : begin + some] = (piece * (some // len(piece) + 1))[:some]


_SAFE = (_metadata, _metadata, _metadata, _metadata, _entry, _entry, _rename, _remove, _numbers,
         _numbers)  # fmt: skip
