from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest

from snn2chip.errors import InputFileError
from snn2chip.frontends.nir import read_graph
from snn2chip.graph import Conv, Dense
from snn2chip.graph.equality import differences
from snn2chip.graph.oracle import run_graph
from snn2chip.neurons import LIF, CubaLIF
from tests.frontends.nir.old_files import VERSIONS, convolution, flat, graph, spiking, write

DT = 2.0**-10
RNG = np.random.default_rng
LIF_VALUES = {"tau": 4 * DT, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
CUBA_VALUES = {
    "tau_syn": 2 * DT, "tau_mem": 4 * DT, "r": 4.0, "v_leak": 0.0, "v_threshold": 0.5,
    "v_reset": 0.0, "w_in": 1.0,
}  # fmt: skip


def image_network(path: Path, version: str) -> Path:
    """Input [2,8,6] -> Conv2d (options as tuples) -> LIF -> Flatten -> Affine -> LIF."""
    kernel = RNG(0).integers(-4, 5, (3, 2, 3, 2)) / 4
    nodes = {
        "input": {"type": "Input", "shape": np.array([2, 8, 6])},
        "conv": convolution(
            version, (8, 6), kernel, stride=(2, 1), padding=(1, 0), dilation=(1, 2)
        ),
        "lif": spiking("LIF", version, (3, 4, 4), **LIF_VALUES),
        "flat": flat(version, (3, 4, 4)),
        "fc": {
            "type": "Affine",
            "weight": RNG(1).integers(-4, 5, (5, 48)).astype(np.float32) / 4,
            "bias": np.arange(5) / 8,
        },
        "out": spiking("LIF", version, (5,), **LIF_VALUES),
        "output": {"type": "Output", "shape": np.array([5])},
    }
    names = list(nodes)
    return write(path, graph(nodes, list(pairwise(names))), version)


def recurrent_network(path: Path, version: str) -> Path:
    nodes = {
        "input": {"type": "Input", "shape": np.array([4])},
        "fc": {"type": "Linear", "weight": RNG(2).integers(-3, 6, (3, 4)) / 2},
        "cuba": spiking("CubaLIF", version, (3,), **CUBA_VALUES),
        "rec": {"type": "Linear", "weight": RNG(3).integers(-3, 4, (3, 3)) / 2},
        "output": {"type": "Output", "shape": np.array([3])},
    }
    edges = [("input", "fc"), ("fc", "cuba"), ("cuba", "rec"), ("rec", "cuba"), ("cuba", "output")]
    return write(path, graph(nodes, edges), version)


@pytest.mark.parametrize("make", [image_network, recurrent_network])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_gives_the_same_network(make, version: str, tmp_path: Path) -> None:
    old = read_graph(make(tmp_path / "old.nir", version), "norse", DT)
    new = read_graph(make(tmp_path / "new.nir", "1.0.8"), "norse", DT)
    assert differences(old, new) == []
    spikes = RNG(4).integers(0, 2, (12, 2, *new.inputs[0].shape))
    mine, theirs = run_graph(old, spikes), run_graph(new, spikes)
    assert mine[old.outputs[0]].any()
    for name, values in mine.items():
        np.testing.assert_array_equal(values, theirs[name])


def test_the_options_of_an_old_convolution_are_read(tmp_path: Path) -> None:
    found = read_graph(image_network(tmp_path / "n.nir", "0.1"), "norse", DT)
    operator = found.projections[0].operator
    assert isinstance(operator, Conv)
    assert operator.source_shape == (2, 8, 6)
    assert operator.stride == (2, 1)
    assert operator.padding == ((1, 1), (0, 0))
    assert operator.dilation == (1, 2)


def test_missing_v_reset_is_0_and_missing_w_in_is_1(tmp_path: Path) -> None:
    found = read_graph(recurrent_network(tmp_path / "n.nir", "0.1"), "norse", DT)
    cuba = found.population("cuba").neuron
    assert isinstance(cuba, CubaLIF)
    np.testing.assert_array_equal(cuba.v_reset, np.zeros(3))
    np.testing.assert_array_equal(cuba.w_in, np.ones(3))


@pytest.mark.parametrize("kind", ["bytes", "fixed", "list of lists", "read again"])
def test_edges_of_every_storage(kind: str, tmp_path: Path) -> None:
    path = recurrent_network(tmp_path / "n.nir", "0.2")
    expected = read_graph(path, "norse", DT)
    with h5py.File(path, "r+") as file:
        edges = [[a.decode(), b.decode()] for a, b in file["node/edges"][()]]
        raw = file["node/edges"][()]
        del file["node/edges"]
        data = {
            "bytes": np.array(edges, dtype="S"),
            "fixed": np.array(edges, dtype="S32"),
            "list of lists": edges,
            "read again": raw,
        }[kind]
        file["node"].create_dataset("edges", data=data)
    assert differences(read_graph(path, "norse", DT), expected) == []


def test_nodes_numbered_in_a_list_have_whole_numbers_as_edges(tmp_path: Path) -> None:
    nodes = {
        "0": {"type": "Input", "shape": np.array([2])},
        "1": {"type": "Linear", "weight": np.eye(2)},
        "2": spiking("LIF", "0.1", (2,), **LIF_VALUES),
        "3": {"type": "Output", "shape": np.array([2])},
    }
    path = write(
        tmp_path / "n.nir", {**graph(nodes, []), "edges": np.array([[0, 1], [1, 2], [2, 3]])}, "0.1"
    )
    found = read_graph(path, "norse", DT)
    assert [p.name for p in found.populations] == ["0", "2"]
    assert isinstance(found.projections[0].operator, Dense)


@pytest.mark.parametrize("layout", ["input_type", "group", "both"])
def test_ports_may_state_their_shape_as_a_type(layout: str, tmp_path: Path) -> None:
    path = recurrent_network(tmp_path / "n.nir", "1.0")
    expected = read_graph(path, "norse", DT)
    with h5py.File(path, "r+") as file:
        for name, key in (("input", "input"), ("output", "output")):
            node = file[f"node/nodes/{name}"]
            shape = node["shape"][()]
            if layout != "both":
                del node["shape"]
            if layout == "input_type":
                node[f"{key}_type"] = shape
            else:
                node.create_group(f"{key}_type")[key] = shape
    assert differences(read_graph(path, "norse", DT), expected) == []


def test_scalar_options_and_whole_number_parameters(tmp_path: Path) -> None:
    version = "0.2"
    kernel = RNG(0).integers(-2, 3, (2, 1, 3))
    nodes = {
        "input": {"type": "Input", "shape": np.array([1, 9])},
        "conv": convolution(version, 9, kernel, stride=2, padding=1),
        "lif": {
            "type": "LIF",
            "tau": np.full((2, 5), 4, np.int64),
            "r": np.ones((2, 5), np.int32),
            "v_leak": np.zeros((2, 5), np.int8),
            "v_threshold": np.ones((2, 5), np.float16),
        },
        "output": {"type": "Output", "shape": np.array([2, 5])},
    }
    names = list(nodes)
    edges = list(pairwise(names))
    found = read_graph(write(tmp_path / "n.nir", graph(nodes, edges), version), "norse", 1.0)
    lif = found.population("lif").neuron
    assert isinstance(lif, LIF)
    assert lif.tau.dtype == np.float64
    np.testing.assert_array_equal(lif.tau, np.full((2, 5), 4.0))
    operator = found.projections[0].operator
    assert isinstance(operator, Conv)
    np.testing.assert_array_equal(operator.weight, kernel)


@pytest.mark.parametrize("padding", ["same", "valid", b"same"])
def test_words_as_padding(padding: str | bytes, tmp_path: Path) -> None:
    kernel = np.ones((1, 1, 3))
    size = 7 if padding != "valid" else 5
    nodes = {
        "input": {"type": "Input", "shape": np.array([1, 7])},
        "conv": convolution("0.2", 7, kernel, padding=padding),
        "lif": spiking("LIF", "0.2", (1, size), **LIF_VALUES),
        "output": {"type": "Output", "shape": np.array([1, size])},
    }
    names = list(nodes)
    edges = list(pairwise(names))
    found = read_graph(write(tmp_path / "n.nir", graph(nodes, edges), "0.2"), "norse", DT)
    assert found.population("lif").shape == (1, size)


@pytest.mark.parametrize("version", ["1.0.2", "1.0.7"])
def test_foreign_metadata_are_left_alone(version: str, tmp_path: Path) -> None:
    nodes = {
        "input": {"type": "Input", "shape": np.array([2]), "metadata": {"who": "else"}},
        "lif": spiking("LIF", version, (2,), **LIF_VALUES),
        "output": {"type": "Output", "shape": np.array([2])},
    }
    edges = [("input", "lif"), ("lif", "output")]
    path = write(tmp_path / "n.nir", graph(nodes, edges), version, {"a": 1, "b": {"c": "word"}})
    assert read_graph(path, "norse", DT).population("lif").size == 2


def test_the_list_layout_before_0_1_is_refused_by_name(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "n.nir", "w") as file:
        file.create_group("nodes/0")["type"] = "Linear"
        file["edges"] = np.zeros((0, 2), np.int64)
    with pytest.raises(InputFileError, match=r"before 0\.1"):
        read_graph(tmp_path / "n.nir", "norse", DT)
