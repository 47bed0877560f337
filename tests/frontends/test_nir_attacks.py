"""NIR files with values and sizes that an attacker chose: exit code 3, and soon."""

from __future__ import annotations

import json
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from snn2chip.errors import ConfigError, InputFileError
from snn2chip.frontends.nir import NirGraph, NirNode, read_graph
from snn2chip.frontends.nir.lowering import flatten
from snn2chip.frontends.nir.metadata import Metadata, choose_discretization, from_text, to_text
from snn2chip.frontends.nir.storage import datasets, reader
from snn2chip.graph import Encoding

from .files import DT, edit, lif, replace_dataset, save, simple, sink, source


def refusal(path: Path, dt: float | None = DT) -> str:
    with pytest.raises(InputFileError) as caught:
        read_graph(path, "norse", dt)
    assert path.name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("end", ["lif", "other"])
def test_an_edge_from_an_output(tmp_path: Path, end: str) -> None:
    nodes = {"input": source(2), "lif": lif(2), "out": sink(2), "other": sink(2)}
    edges = [("input", "lif"), ("lif", "out"), ("lif", "other"), ("out", end)]
    assert "comes from an Output" in refusal(save(tmp_path / "net.nir", nodes, edges))


@pytest.mark.parametrize("value", [1e-310, -1e-310, 5e-324, 1e-61, 1e300, -1e61])
@pytest.mark.parametrize("name", ["fc/weight", "fc/bias", "lif/r", "lif/v_threshold", "lif/tau"])
def test_magnitudes_beyond_use(tmp_path: Path, name: str, value: float) -> None:
    def change(file: h5py.File) -> None:
        array = file[f"node/nodes/{name}"][()].astype(np.float64)
        array.reshape(-1)[-1] = value
        replace_dataset(file, f"node/nodes/{name}", array)

    assert "a magnitude from 1e-60 to 1e+60" in refusal(edit(simple(tmp_path / "net.nir"), change))


def test_the_least_float32_is_a_number(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        replace_dataset(file, "node/nodes/fc/weight", np.full((2, 3), 1e-45, np.float32))

    graph = read_graph(edit(simple(tmp_path / "net.nir"), change), "norse", DT)
    assert graph.projections


@pytest.mark.parametrize("dt", [1e-310, 1e300])
def test_steps_beyond_use(dt: float) -> None:
    with pytest.raises(ConfigError, match="dt is"):
        choose_discretization(Metadata(), "net.nir", "norse", dt, None, True)
    with pytest.raises(InputFileError, match="dt is"):
        choose_discretization(Metadata(dt=dt), "net.nir", "norse", None, None, True)


CONTENT = json.loads(to_text(Metadata(encoding=Encoding("if", 8, 1.0, 1.0))))


@pytest.mark.parametrize("value", ["-1", "1099511627776", "Infinity", "1e30", "1.5", "true", '"3"'])
def test_seeds(value: str) -> None:
    text = json.dumps({**CONTENT, "split_seed": 12321}).replace("12321", value)
    with pytest.raises(InputFileError, match="damaged"):
        from_text(text, "net.nir")


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", v) for v in ("1e30", "0", "-1", "1.0", "Infinity", "1" * 30)]
    + [
        (n, v)
        for n in ("gain", "threshold", "byte_scale")
        for v in ("NaN", "0", "-1", "Infinity", "-Infinity")
    ],
)
def test_encodings(name: str, value: str) -> None:
    encoding = {**CONTENT["encoding"], name: 12321}
    text = json.dumps({**CONTENT, "encoding": encoding}).replace("12321", value)
    with pytest.raises(InputFileError, match=f"damaged|encoding: {name}"):
        from_text(text, "net.nir")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_encodings_made_in_code(value: float) -> None:
    for name in ("gain", "threshold", "byte_scale"):
        with pytest.raises(ConfigError, match=name):
            Encoding("if", 8, **{name: value})


def test_many_edges_are_compared_in_a_moment() -> None:
    count = 44_000
    nodes = {str(k): NirNode("Scale", {}, str(k)) for k in range(count + 1)}
    edges = [(str(k), str(k + 1)) for k in range(count)]
    start = time.perf_counter()
    with pytest.raises(InputFileError, match="stated twice"):
        flatten(NirGraph(nodes, (*edges, edges[-1])), "net.nir")
    assert time.perf_counter() - start < 5


def test_objects_are_counted_before_they_are_read(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        nodes = file["node/nodes"]
        for k in range(reader._OBJECTS // 2 + 1):
            nodes[f"copy{k}"] = nodes["lif"]

    path = edit(simple(tmp_path / "net.nir"), change)
    start = time.perf_counter()
    assert "more than" in refusal(path)
    assert time.perf_counter() - start < 1


def test_small_numbers_count_as_what_they_become(tmp_path: Path) -> None:
    side = int((datasets.LIMIT_BYTES / 8) ** 0.5) + 1

    def change(file: h5py.File) -> None:
        del file["node/nodes/fc/weight"]
        file.create_dataset(
            "node/nodes/fc/weight", (side, side), np.int8, chunks=(side, 256), compression="gzip"
        )[:1] = 1

    assert "expands to more than" in refusal(edit(simple(tmp_path / "net.nir"), change))


@pytest.mark.parametrize("shape", [(33,), (10**6,), (1000, 1000)])
def test_shapes_of_many_numbers_are_not_listed(tmp_path: Path, shape: tuple[int, ...]) -> None:
    def change(file: h5py.File) -> None:
        replace_dataset(file, "node/nodes/input/shape", np.ones(shape), compression="gzip")

    said = refusal(edit(simple(tmp_path / "net.nir"), change))
    assert f"shape is an array of {list(shape)}" in said
    assert len(said) < 1000
