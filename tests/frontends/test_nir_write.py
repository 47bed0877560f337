from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.frontends.nir import NirGraph, NirNode, nodes_of, read_graph, write_graph
from snn2chip.frontends.nir.storage import writer
from snn2chip.frontends.nir.storage.names import escape, unescape
from snn2chip.frontends.nir.storage.reader import read_nodes
from snn2chip.frontends.nir.storage.writer import write_nodes
from snn2chip.graph import Conv, Delay, Graph, Identity, Projection, differences
from snn2chip.graph.oracle import run_graph
from tests.examples import examples

from ..graph.networks import dense, graphs, population, tiny

ANY = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@given(graphs())
@settings(max_examples=examples(120), **ANY)
def test_what_is_written_is_read_again(tmp_path_factory, graph: Graph) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("nir") / "net.nir"
    write_graph(graph, path)
    again = read_graph(path)
    assert differences(graph, again) == []
    x = np.random.default_rng(0).integers(0, 2, (4, 1, *graph.inputs[0].shape))
    ours, theirs = run_graph(graph, x), run_graph(again, x)
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name])


@given(graphs())
@settings(max_examples=examples(60), **ANY)
def test_nir_reads_what_is_written_and_keeps_our_metadata(tmp_path_factory, graph: Graph) -> None:  # type: ignore[no-untyped-def]
    """Through nir.read and nir.write the network and its metadata stay the same."""
    folder = tmp_path_factory.mktemp("nir")
    write_graph(graph, folder / "ours.nir")
    theirs = nir.read(folder / "ours.nir", type_check=False)
    nir.write(folder / "theirs.nir", theirs)
    assert differences(graph, read_graph(folder / "theirs.nir")) == []


def test_nir_checks_the_types_of_what_is_written(tmp_path: Path) -> None:
    write_graph(tiny(), tmp_path / "net.nir")
    read = nir.read(tmp_path / "net.nir")
    assert sorted(type(node).__name__ for node in read.nodes.values()) == [
        "Affine", "Input", "LI", "LIF", "Linear", "Output",
    ]  # fmt: skip
    assert read.nodes["hidden"].tau.shape == (4,)
    assert set(read.metadata) == {"snn2chip"}


def test_the_bytes_are_the_same_later_and_elsewhere(tmp_path: Path, repository: Path) -> None:
    write_graph(tiny(), tmp_path / "one.nir")
    time.sleep(1.1)
    write_graph(tiny(), tmp_path / "two.nir")
    code = (
        "import sys; from tests.graph.networks import tiny;"
        "from snn2chip.frontends.nir import write_graph; write_graph(tiny(), sys.argv[1])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "three.nir")]
    subprocess.run(command, cwd=repository, check=True)
    first = (tmp_path / "one.nir").read_bytes()
    assert first == (tmp_path / "two.nir").read_bytes() == (tmp_path / "three.nir").read_bytes()


def test_arrays_are_compressed_and_scalars_are_not(tmp_path: Path) -> None:
    image = Conv(np.ones((2, 1, 2)), (1, 4), (1,), ((0, 0),), (1,))
    graph = tiny(
        populations=(population("input", "Input", (1, 4)), population("out", "LI", (2, 3))),
        projections=(Projection("input", "out", image),),
    )
    write_graph(graph, tmp_path / "net.nir")
    with h5py.File(tmp_path / "net.nir") as file:
        conv = file["node/nodes/input->out Conv1d"]
        assert conv["weight"].compression == "gzip"
        assert conv["groups"].shape == ()


def test_a_recurrent_step_is_left_to_the_reader(tmp_path: Path) -> None:
    """Frameworks add it themselves: a Delay node would make it two."""
    loop = Projection("hidden", "hidden", dense((4,), (4,)), None, Delay(np.array(1)))
    graph = tiny(projections=(*tiny().projections, loop))
    kinds = [node.kind for node in nodes_of(graph).nodes.values()]  # type: ignore[union-attr]
    assert "Delay" not in kinds
    slower = replace(loop, delay=Delay(np.array(2)))
    kinds = [
        node.kind  # type: ignore[union-attr]
        for node in nodes_of(tiny(projections=(*tiny().projections, slower))).nodes.values()
    ]
    assert kinds.count("Delay") == 1


def test_a_delay_that_no_reader_would_choose_is_written(tmp_path: Path) -> None:
    """The forward half of a cycle is delayed here, not the closing one."""
    there = Projection("hidden", "out", dense((4,), (2,)), None, Delay(np.array(1)))
    back = Projection("out", "hidden", dense((2,), (4,)))
    populations = tiny().populations
    graph = tiny(
        populations=(populations[0], populations[2], populations[1]),
        projections=(tiny().projections[0], there, back),
    )
    write_graph(graph, tmp_path / "net.nir")
    assert differences(graph, read_graph(tmp_path / "net.nir")) == []


@pytest.mark.parametrize("name", ["a/b", "50%", ".", "..", "%2F", "a\0b", "é", "x.y", " "])
def test_every_name_survives(tmp_path: Path, name: str) -> None:
    assert "/" not in escape(name)
    assert unescape(escape(name)) == name
    first, _, last = tiny().populations
    hidden = population(name, "LIF", (4,))
    graph = tiny(
        populations=(first, hidden, last),
        projections=(
            Projection("input", name, dense((3,), (4,))),
            Projection(name, "out", dense((4,), (2,))),
        ),
    )
    write_graph(graph, tmp_path / "net.nir")
    assert read_graph(tmp_path / "net.nir").population(name).size == 4


def test_names_of_other_files_are_not_changed(tmp_path: Path) -> None:
    node = NirNode("Input", {"shape": np.array([1])}, "a%2Fb")
    write_nodes(NirGraph({"a%2Fb": node}, ()), tmp_path / "net.nir")
    assert list(read_nodes(tmp_path / "net.nir").nodes) == ["a%2Fb"]
    with pytest.raises(ValueError, match="needs escaping"):
        write_nodes(NirGraph({"a/b": node}, ()), tmp_path / "net.nir")


def test_population_names_that_look_like_our_nodes(tmp_path: Path) -> None:
    first, _, last = tiny().populations
    odd = population("input->output", "LIF", (4,))
    output = population("output", "LIF", (4,))
    graph = tiny(
        populations=(first, odd, output, last),
        projections=(
            Projection("input", "input->output", dense((3,), (4,))),
            Projection("input", "output", dense((3,), (4,))),
            Projection("output", "out", dense((4,), (2,))),
            Projection("output", "out", dense((4,), (2,), 3)),
        ),
    )
    write_graph(graph, tmp_path / "net.nir")
    assert differences(graph, read_graph(tmp_path / "net.nir")) == []


def image_graph(**changes: object) -> Graph:
    """input [1, 5] -> Conv -> LI [2, 4]."""
    conv = Conv(np.ones((2, 1, 2)), (1, 5), (1,), ((0, 0),), (1,))
    projection = replace(Projection("input", "out", conv), **changes)  # type: ignore[arg-type]
    target = projection.operator.target_shape
    return tiny(
        populations=(population("input", "Input", (1, 5)), population("out", "LI", target)),
        projections=(projection,),
    )


def conv_padded(*padding: int) -> Conv:
    return Conv(np.ones((2, 1, 2)), (1, 5), (1,), (padding,), (1,))  # type: ignore[arg-type]


REFUSED = {
    "a bias that varies within a channel": image_graph(bias=np.arange(8.0).reshape(2, 4)),
    "a convolution padded by ((2, 0),)": image_graph(operator=conv_padded(2, 0)),
    "a delay per synapse": tiny(
        projections=(
            tiny().projections[0],
            replace(
                tiny().projections[1],
                delay=Delay(np.array([[0, 1, 0, 0], [1, 0, 0, 0]]), "synapse"),
            ),
        )
    ),
    "a bias without weights": tiny(
        populations=(population("input", "Input", (2,)), population("out", "LI", (2,))),
        projections=(Projection("input", "out", Identity(np.ones(2), (2,), (2,)), np.ones(2)),),
    ),
    "a matrix into an image": tiny(
        populations=(population("input", "Input", (2,)), population("out", "LI", (2, 2))),
        projections=(Projection("input", "out", dense((2,), (2, 2))),),
    ),
    "from shape [4] to [2, 2]": tiny(
        populations=(population("input", "Input", (4,)), population("out", "LI", (2, 2))),
        projections=(Projection("input", "out", Identity(np.ones(4), (4,), (2, 2))),),
    ),
    "a convolution over 3 axes": tiny(
        populations=(population("input", "Input", (1, 2, 2, 2)), population("out", "LI", (1,) * 4)),
        projections=(
            Projection(
                "input",
                "out",
                Conv(np.ones((1, 1, 2, 2, 2)), (1, 2, 2, 2), (1,) * 3, ((0, 0),) * 3, (1,) * 3),
            ),
        ),
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_nir_cannot_hold_is_refused_by_name(tmp_path: Path, message: str) -> None:
    path = tmp_path / "net.nir"
    with pytest.raises(UnsupportedError) as caught:
        write_graph(REFUSED[message], path)
    assert message in str(caught.value)
    assert "input->out" in str(caught.value) or "hidden->out" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("padding", [(0, 1), (1, 1), (0, 0)])
def test_padding_that_nir_can_say(tmp_path: Path, padding: tuple[int, int]) -> None:
    graph = image_graph(operator=conv_padded(*padding))
    write_graph(graph, tmp_path / "net.nir")
    assert differences(graph, read_graph(tmp_path / "net.nir")) == []


def test_delays_per_source_and_target_of_a_matrix(tmp_path: Path) -> None:
    steps = np.array([[2], [5]]) + np.array([[0, 1, 3, 0]])
    slow = replace(tiny().projections[1], delay=Delay(steps, "synapse"))
    graph = tiny(projections=(tiny().projections[0], slow))
    write_graph(graph, tmp_path / "net.nir")
    assert differences(graph, read_graph(tmp_path / "net.nir")) == []


def test_a_file_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.nir"
    write_graph(tiny(), path)
    before = path.read_bytes()

    def cut(*_: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(writer, "_write_node", cut)
    with pytest.raises(RuntimeError):
        write_graph(tiny(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_graph(tiny(), tmp_path / "file" / "net.nir")
