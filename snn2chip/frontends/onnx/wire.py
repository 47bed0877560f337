"""The bytes of an ONNX file before protobuf parses them, which costs 75 bytes of memory per byte.

Fields are walked without recursion and counted; nothing is decoded but what is asked for. Numbers
of fields are those of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from mmap import mmap
from typing import NamedTuple

MOST_FIELDS = 1_000_000
"""Of a file of ours; a population takes about 300."""

MOST_BYTES = 2**26
"""Of a file of ours without its weights."""

_Table = Mapping[str, Mapping[int, str]]

_OURS: _Table = {
    "model": {1: "", 2: "", 3: "", 4: "", 5: "", 6: "", 7: "graph", 8: "opset", 14: "property"},
    "opset": {1: "", 2: ""},
    "property": {1: "", 2: ""},
    "graph": {
        1: "node", 2: "", 5: "tensor", 10: "", 11: "port", 12: "port", 13: "port", 16: "property"
    },
    "node": {1: "", 2: "", 3: "", 4: "", 5: "attribute", 6: "", 7: ""},
    "attribute": {1: "", 2: "", 3: "", 4: "", 5: "tensor", 7: "", 8: "", 13: "", 20: ""},
    "tensor": {1: "", 2: "", 4: "", 5: "", 7: "", 8: "", 9: "", 10: "", 11: "", 12: "",
               13: "external", 14: "location"},
    "external": {1: "", 2: ""},
    "port": {1: "", 2: "type", 3: ""},
    "type": {1: "tensor type", 6: ""},
    "tensor type": {1: "", 2: "shape"},
    "shape": {1: "axis"},
    "axis": {1: "", 2: "", 3: ""},
}  # fmt: skip
"""Message -> its fields; of those that are messages, which one."""

_ANY: _Table = {
    **_OURS,
    "model": {**_OURS["model"], 20: "training", 25: "function"},
    "graph": {**_OURS["graph"], 15: "sparse"},
    "attribute": {
        **_OURS["attribute"], 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "function": {7: "node", 11: "attribute"},
    "training": {1: "graph", 2: "graph"},
}  # fmt: skip

_MOST_OUTERMOST = 10_000
"""Fields of the model itself."""

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_RAW_DATA = 9


class Field(NamedTuple):
    """A field of a message: bytes from ``start`` to ``end``, or a whole number."""

    message: str
    number: int
    start: int
    end: int
    value: int


def external_data(data: bytes | mmap) -> bool:
    """Whether any tensor of a model, wherever it stands, keeps its numbers in another file.

    Raises:
        ValueError: no protobuf message.
    """
    return any(
        field.message == "tensor" and (field.number == 13 or (field.number == 14 and field.value))
        for field in walk(data, _ANY)
    )


def properties(data: bytes | mmap) -> dict[str, bytes] | None:
    """The metadata of a model by key, or None where the bytes hold no graph.

    Raises:
        ValueError: no protobuf message.
    """
    found: dict[str, bytes] = {}
    graphs = version = False
    for count, field in enumerate(walk(data, {"model": {}})):
        if count > _MOST_OUTERMOST or (field.number == 14 and field.end - field.start > MOST_BYTES):
            raise ValueError("more metadata than a network has")
        graphs |= field.number == 7
        version |= field.number == 1
        if field.number == 14:
            entry = bytes(data[field.start : field.end])
            parts = {f.number: entry[f.start : f.end] for f in walk(entry, {"model": {}})}
            found[parts.get(1, b"").decode("utf-8", "replace")] = parts.get(2, b"")
    return found if graphs and version else None


def check(data: bytes | mmap) -> None:
    """Refuses what is no file of ours, or would cost more than its weights do.

    Raises:
        ValueError: says why.
    """
    weights = count = 0
    for count, field in enumerate(walk(data, _OURS)):
        if count > MOST_FIELDS:
            raise ValueError(f"more than {MOST_FIELDS} fields")
        if field.number not in _OURS[field.message]:
            raise ValueError(f"field {field.number} of a {field.message}")
        if field.message == "tensor":
            if field.number in (13, 14):
                raise ValueError("a tensor whose numbers are in another file")
            if field.number == _RAW_DATA:
                weights += field.end - field.start
    if len(data) - weights > MOST_BYTES:
        raise ValueError(f"{len(data) - weights} bytes beside the weights")


def walk(data: bytes | mmap, table: _Table) -> Iterator[Field]:
    """Every field of a model and of the messages in it that the table names, depth first.

    Raises:
        ValueError: no protobuf message.
    """
    todo = [("model", 0, len(data))]
    while todo:
        message, at, end = todo.pop()
        while at < end:
            tag, at = _varint(data, at, end)
            number, kind = tag >> 3, tag & 7
            value, start = 0, at
            if kind == _VARINT:
                value, at = _varint(data, at, end)
            elif kind == _BYTES:
                size, start = _varint(data, at, end)
                at = start + size
            elif kind in (_EIGHT, _FOUR):
                at += 8 if kind == _EIGHT else 4
            else:
                raise ValueError(f"a field of kind {kind}")
            if at > end or not number:
                raise ValueError("a field that is longer than its message")
            yield Field(message, number, start, at, value)
            inside = table.get(message, {}).get(number)
            if inside and kind == _BYTES and start < at:
                todo.append((message, at, end))
                message, at, end = inside, start, at


def _varint(data: bytes | mmap, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("a number without end")
