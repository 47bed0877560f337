"""Repairs of files that were mutated at random end in a Graph or in an error of ours."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from time import perf_counter

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.errors import Snn2chipError
from snn2chip.frontends.nir import NirGraph, NirNode, read_repaired
from snn2chip.frontends.nir.repair import repair_shapes
from snn2chip.graph import validate
from tests.examples import examples
from tests.frontends.files import DT
from tests.frontends.nir.test_repair import INNER, OUTER, image, nested

VALUES = [
    np.array([1, 1, 3]), np.array([-1.5, 2.0]), np.array(0.0), np.array([]), np.zeros((2, 3)),
    np.array([np.nan, 1.0]), np.array([[1, 2], [3, 4]]), np.array(2**40), np.array([0]),
    np.ones((3, 2)), np.array([1]), np.array(1), np.array([1, 2, 6, 6]),
]  # fmt: skip
EDGES = [
    [["input", "input"]], [["x", "y"]], [["output", "input"]], [["cell", "cell"]],
    [["cell.lif", "out"], ["fc", "out"]], [["0", "1"], ["1", "0"]],
]  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("files")
    return [nested(folder / "a.nir", OUTER, INNER), image(folder / "b.nir", batch=True)]


def places(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name))
    return sorted(name for name in found if name not in ("node", "node/nodes"))


@settings(max_examples=examples(150), deadline=None)
@given(data=st.data())
def test_mutated_files_end_in_a_graph_or_an_error(
    data: st.DataObject, files: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path: Path = tmp_path_factory.mktemp("m") / "n.nir"
    path.write_bytes(files[data.draw(st.integers(0, 1))].read_bytes())
    with h5py.File(path, "r+") as file:
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.sampled_from(places(file)))
            action = data.draw(st.sampled_from(["drop", "value", "kind", "edges"]))
            if action == "edges" and f"{place}".endswith("edges"):
                value = data.draw(st.sampled_from(EDGES))
            elif action == "kind" and place.endswith("type"):
                value = data.draw(st.sampled_from(["LIF", "Output", "Input", "Affine", "Conv1d"]))
            else:
                value = data.draw(st.sampled_from(VALUES))
            del file[place]
            if action != "drop":
                file[place] = value
    try:
        graph, repairs = read_repaired(path, "norse", DT)
    except Snn2chipError:
        return
    validate(graph)
    assert all(repair.node and repair.cause and repair.change for repair in repairs)


@settings(max_examples=examples(60), deadline=None)
@given(place=st.integers(0, 30_000), value=st.integers(0, 255), which=st.integers(0, 1))
def test_a_changed_byte_ends_in_a_graph_or_an_error(
    place: int, value: int, which: int, files: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(files[which].read_bytes())
    content[place % len(content)] = value
    path: Path = tmp_path_factory.mktemp("b") / "n.nir"
    path.write_bytes(bytes(content))
    try:
        validate(read_repaired(path, "norse", DT)[0])
    except Snn2chipError:
        return


def test_a_long_chain_is_followed_in_little_time(tmp_path: Path) -> None:
    """Each node is visited once, in whatever order the names lie."""
    count = 4000
    nodes = {f"n{k}": NirNode("Scale", {"scale": np.ones(1)}, f"n{k}") for k in range(count)}
    nodes["input"] = NirNode("Input", {"shape": np.array([1, 2])}, "input")
    nodes["output"] = NirNode("Output", {"shape": np.array([2])}, "output")
    order = ["input", *(f"n{k}" for k in reversed(range(count))), "output"]
    graph = NirGraph(nodes, tuple(pairwise(order)))
    start = perf_counter()
    _, repairs = repair_shapes(graph, "n.nir")
    assert len(repairs) == count + 1
    assert perf_counter() - start < 5.0
