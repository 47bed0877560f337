"""Bytes that nobody meant: every file is read, or refused with a class of ours, quickly."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from snn2chip.errors import InputFileError, UnsupportedError
from snn2chip.frontends import load
from snn2chip.frontends.onnx import wire
from snn2chip.frontends.onnx.write import to_bytes

from .networks import convolved, onnx, refused, two_inputs


def varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


OURS = field(14, field(1, b"snn2chip") + field(2, b"{}")) + field(
    14, field(1, b"snn2chip.network") + field(2, b"{}")
)
HEAD = b"\x08\x08"


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Flipped bits, missing and new bytes, an early end."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        place = int(rng.integers(len(data)))
        match rng.integers(4):
            case 0:
                data[place] ^= 1 << int(rng.integers(8))
            case 1:
                del data[place : place + int(rng.integers(1, 50))]
            case 2:
                data[place:place] = rng.bytes(int(rng.integers(1, 10)))
            case _:
                data = data[:place]
        if not data:
            break
    return bytes(data)


@pytest.mark.parametrize("seed", range(6))
def test_mutations(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    content = to_bytes(two_inputs() if seed % 2 else convolved(2))
    path, ended = tmp_path / "net.onnx", set()
    for _ in range(60):
        path.write_bytes(mutated(content, rng))
        try:
            load(path)
            ended.add("read")
        except (InputFileError, UnsupportedError) as error:
            ended.add(type(error).__name__)
    assert "InputFileError" in ended


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x08",
        b"\x08\x07",
        b"text that is no model",
        b"\xff" * 100,
        HEAD + field(7, b"")[:-1] + b"\x7f",
        HEAD + b"\x3b\x3c",
        b"\x00\x00" * 8,
        HEAD + varint(7 << 3 | 2) + varint(2**60),
    ],
    ids=range(9),
)
def test_what_is_no_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    assert "a damaged ONNX file" in refused(load, tmp_path / "net.onnx")


BOMBS = {
    "empty nodes": HEAD + OURS + field(7, field(1, b"") * 3_000_000),
    "empty attributes": HEAD + OURS + field(7, field(1, field(5, b"") * 3_000_000)),
    "empty graphs": HEAD + OURS + field(7, b"") * 3_000_000,
    "words": HEAD + OURS + field(7, field(1, field(1, b"") * 3_000_000)),
    "packed numbers": HEAD + OURS + field(7, field(5, field(7, b"\x01" * 2**26))),
    "training": HEAD + OURS + field(7, b"") + field(20, b"") * 9,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_are_parsed(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(BOMBS[name])
    monkeypatch.setattr(wire, "MOST_FIELDS", 20_000)  # tracemalloc is slow
    tracemalloc.start()
    try:
        said = refused(load, path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert "ValueError" in said


def test_a_bomb_takes_seconds(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(BOMBS["empty attributes"])
    start = time.perf_counter()
    assert "more than 1000000 fields" in refused(load, tmp_path / "net.onnx")
    assert time.perf_counter() - start < 10


def test_nested_graphs_are_no_recursion(tmp_path: Path) -> None:
    content = b""
    for _ in range(5000):
        content = field(1, field(5, field(6, content)))
    model = HEAD + field(7, content)
    assert wire.external_data(model) is False
    (tmp_path / "net.onnx").write_bytes(OURS + model)
    assert "field 6 of a attribute" in refused(load, tmp_path / "net.onnx")


def test_the_walk_finds_every_field_that_protobuf_has() -> None:
    model = onnx.ModelProto.FromString(to_bytes(two_inputs()))
    content = model.SerializeToString()
    fields = list(wire.walk(content, wire._OURS))
    assert sum(f.message == "graph" and f.number == 1 for f in fields) == len(model.graph.node)
    weights = [
        content[f.start : f.end] for f in fields if f.message == "tensor" and f.number == 9
    ]  # the constants' as well
    assert {tensor.raw_data for tensor in model.graph.initializer} <= set(weights)
    found = wire.properties(content)
    assert {k: v.decode() for k, v in found.items()} == {
        entry.key: entry.value for entry in model.metadata_props
    }


@pytest.mark.parametrize("depth", ["initializer", "constant", "subgraph", "function", "sparse"])
def test_numbers_in_other_files_are_found_anywhere(depth: str) -> None:
    helper = onnx.helper
    tensor = onnx.numpy_helper.from_array(np.ones(3), "w")
    node = helper.make_node("Constant", [], ["y"], value=tensor)
    graph = helper.make_graph([], "g", [], [])
    model = helper.make_model(graph)
    match depth:
        case "initializer":
            model.graph.initializer.append(tensor)
            place = model.graph.initializer[0]
        case "constant":
            model.graph.node.append(node)
            place = model.graph.node[0].attribute[0].t
        case "subgraph":
            inner = helper.make_graph([node], "inner", [], [])
            model.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=inner))
            place = model.graph.node[0].attribute[0].g.node[0].attribute[0].t
        case "function":
            model.functions.add(name="f").node.append(node)
            place = model.functions[0].node[0].attribute[0].t
        case _:
            model.graph.sparse_initializer.add().values.CopyFrom(tensor)
            place = model.graph.sparse_initializer[0].values
    assert not wire.external_data(model.SerializeToString())
    place.data_location = onnx.TensorProto.EXTERNAL
    assert wire.external_data(model.SerializeToString())
    place.data_location = onnx.TensorProto.DEFAULT
    place.external_data.add(key="location", value="x.bin")
    assert wire.external_data(model.SerializeToString())
