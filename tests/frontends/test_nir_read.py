"""What NIR's primitives and structures become, in files that nir itself wrote."""

from __future__ import annotations

import itertools
from pathlib import Path

import nir
import numpy as np
import pytest

from snn2chip.errors import ConfigError, InputFileError, UnsupportedError
from snn2chip.frontends.nir import read_graph
from snn2chip.graph import Conv, Dense, Graph, Identity
from snn2chip.graph.oracle import run_graph

from .files import DT, chain, lif, probe, save, simple, sink, source

rng = np.random.default_rng(0)


def read(path: Path, **options: object) -> Graph:
    return read_graph(path, "norse", DT, **options)  # type: ignore[arg-type]


def drive(path: Path, x: np.ndarray) -> np.ndarray:
    """What the only output of a network with a probe gives for each step of x [step, *shape]."""
    graph = read(path)
    return run_graph(graph, x[:, None])[graph.outputs[0]][:, 0]


def test_a_simple_file(tmp_path: Path) -> None:
    graph = read(simple(tmp_path / "net.nir"))
    assert graph.name == "net"
    assert [p.name for p in graph.populations] == ["input", "lif"]
    assert [p.neuron.kind for p in graph.populations] == ["Input", "LIF"]
    (projection,) = graph.projections
    assert isinstance(projection.operator, Dense)
    np.testing.assert_array_equal(projection.operator.weight, np.arange(6.0).reshape(2, 3) / 4)
    np.testing.assert_array_equal(projection.bias, [0.5, 0.0])
    assert graph.outputs == ("lif",)
    assert graph.readout.kind == "spike_count"


def test_names_with_slashes(tmp_path: Path) -> None:
    """HDF5 takes them for paths, so that nir itself does not read what it wrote."""
    nodes = {
        "in/put": source(3),
        "block/1/fc": nir.Affine(np.ones((2, 3)), np.zeros(2)),
        "block/1/lif": lif(2),
        "y": sink(2),
    }
    names = list(nodes)
    path = save(tmp_path / "n.nir", nodes, list(itertools.pairwise(names)))
    with pytest.raises(KeyError):
        nir.read(path)
    graph = read(path)
    assert [p.name for p in graph.populations] == ["in/put", "block/1/lif"]
    assert [p.name for p in graph.projections] == ["in/put->block/1/lif"]


def test_same_padding_with_a_stride(tmp_path: Path) -> None:
    """ceil(n / s) positions; nir would infer n."""
    conv = nir.Conv1d(5, np.ones((1, 1, 3)), 2, "same", 1, 1, np.zeros(1))
    path = chain(tmp_path / "n.nir", source(1, 5), conv, probe((1, 3)), sink(1, 3))
    np.testing.assert_array_equal(drive(path, np.ones((1, 1, 5))), [[[2.0, 3.0, 2.0]]])


def test_a_sum_of_sources_before_one_layer_counts_its_bias_once(tmp_path: Path) -> None:
    nodes = {
        "a": source(1),
        "b": source(1),
        "sum": nir.Affine(np.array([[2.0]]), np.array([5.0])),
        "out": probe(1),
        "y": sink(1),
    }
    edges = [("a", "sum"), ("b", "sum"), ("sum", "out"), ("out", "y")]
    graph = read(save(tmp_path / "n.nir", nodes, edges))
    assert [p.name for p in graph.projections] == ["a->out", "b->out"]
    x = np.ones((1, 1, 1))
    assert run_graph(graph, {"a": x, "b": 3 * x})["out"].item() == 2 + 6 + 5


def test_branches_that_meet_again_add_up(tmp_path: Path) -> None:
    nodes = {
        "in": source(2),
        "first": nir.Affine(np.eye(2), np.array([1.0, 0.0])),
        "left": nir.Linear(np.array([[1.0, 2.0]])),
        "right": nir.Affine(np.array([[10.0, 20.0]]), np.array([100.0])),
        "last": nir.Linear(np.array([[3.0]])),
        "out": probe(1),
        "y": sink(1),
    }
    edges = [("in", "first"), ("first", "left"), ("first", "right"), ("left", "last")]
    edges += [("right", "last"), ("last", "out"), ("out", "y")]
    path = save(tmp_path / "n.nir", nodes, edges)
    assert len(read(path).projections) == 2
    assert drive(path, np.array([[1.0, 1.0]])).item() == 3 * (2 + 2 + 20 + 20 + 100)


def test_a_skip_of_neurons_is_an_identity(tmp_path: Path) -> None:
    nodes = {"in": source(2), "a": lif(2), "b": probe(2), "y": sink(2)}
    edges = [("in", "a"), ("in", "b"), ("a", "b"), ("b", "y")]
    graph = read(save(tmp_path / "n.nir", nodes, edges))
    assert all(isinstance(p.operator, Identity) for p in graph.projections)
    assert len(graph.projections) == 3


def test_names_sort_by_number_and_the_order_is_topological(tmp_path: Path) -> None:
    nodes = [nir.Linear(np.eye(1)) if k % 2 == 0 else lif(1) for k in range(24)]
    graph = read(chain(tmp_path / "n.nir", source(1), *nodes, sink(1)))
    assert [p.name for p in graph.populations] == ["input", *(str(k) for k in range(1, 24, 2))]


def test_flatten_moves_behind_neurons(tmp_path: Path) -> None:
    """Conv -> Flatten -> LIF stays a convolution; a recurrent matrix follows."""
    conv = nir.Conv2d((4, 4), np.ones((2, 1, 2, 2)), 1, 0, 1, 1, np.array([1.0, 2.0]))
    nodes = {
        "in": source(1, 4, 4),
        "conv": conv,
        "flat": nir.Flatten(np.array([2, 3, 3]), 0),
        "lif": lif(18),
        "back": nir.Linear(np.eye(18)),
        "fc": nir.Linear(np.ones((1, 18))),
        "out": probe(1),
        "y": sink(1),
    }
    edges = [("in", "conv"), ("conv", "flat"), ("flat", "lif"), ("lif", "back"), ("back", "lif")]
    edges += [("lif", "fc"), ("fc", "out"), ("out", "y")]
    graph = read(save(tmp_path / "n.nir", nodes, edges))
    assert graph.population("lif").shape == (2, 3, 3)
    kinds = {p.name: type(p.operator) for p in graph.projections}
    assert kinds == {"in->lif": Conv, "lif->lif": Dense, "lif->out": Dense}


def test_nested_graphs_are_flattened_with_paths_as_names(tmp_path: Path) -> None:
    inner = nir.NIRGraph(
        {"input": source(2), "w": nir.Linear(np.eye(2)), "lif": lif(2), "output": sink(2)},
        [("input", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")],
        type_check=False,
    )
    outer = {"in": source(2), "block": inner, "out": probe(2), "y": sink(2)}
    edges = [("in", "block"), ("block", "out"), ("out", "y")]
    graph = read(save(tmp_path / "n.nir", outer, edges))
    assert [p.name for p in graph.populations] == ["in", "block/lif", "out"]
    assert {p.name: p.delay.largest for p in graph.projections} == {
        "in->block/lif": 0,
        "block/lif->block/lif": 1,
        "block/lif->out": 0,
    }


def test_a_nested_graph_with_two_inputs_is_refused(tmp_path: Path) -> None:
    inner = nir.NIRGraph(
        {"i": source(1), "j": source(1), "lif": lif(1), "output": sink(1)},
        [("i", "lif"), ("j", "lif"), ("lif", "output")],
        type_check=False,
    )
    outer = {"in": source(1), "block": inner, "y": sink(1)}
    path = save(tmp_path / "n.nir", outer, [("in", "block"), ("block", "y")])
    with pytest.raises(UnsupportedError, match="'block' has 2 nodes of kind Input"):
        read(path)


def test_only_the_closing_edge_of_a_cycle_is_delayed(tmp_path: Path) -> None:
    nodes = {
        "in": source(1),
        "a": lif(1),
        "b": lif(1),
        "w": nir.Linear(np.eye(1)),
        "y": sink(1),
    }
    edges = [("in", "a"), ("a", "b"), ("b", "w"), ("w", "a"), ("b", "b"), ("b", "y")]
    graph = read(save(tmp_path / "n.nir", nodes, edges))
    assert {p.name: p.delay.largest for p in graph.projections} == {
        "in->a": 0,
        "b->a": 1,
        "a->b": 0,
        "b->b": 1,
    }


@pytest.mark.parametrize(("steps", "expected"), [(0, 1), (1, 1), (3, 3)])
def test_a_delay_within_a_cycle_counts_itself(tmp_path: Path, steps: int, expected: int) -> None:
    nodes = {"in": source(1), "a": lif(1), "d": nir.Delay(np.array([steps * DT])), "y": sink(1)}
    edges = [("in", "a"), ("a", "d"), ("d", "a"), ("a", "y")]
    graph = read(save(tmp_path / "n.nir", nodes, edges))
    assert {p.name: p.delay.largest for p in graph.projections} == {"in->a": 0, "a->a": expected}


def delayed(path: Path, *nodes: object) -> Graph:
    return read(chain(path, source(2), *nodes, probe(2), sink(2)))


def test_delays_before_and_behind_weights(tmp_path: Path) -> None:
    path, weight = tmp_path / "n.nir", nir.Linear(np.array([[1.0, 2.0], [3.0, 4.0]]))
    steps = nir.Delay(np.array([1.0, 3.0]) * DT)
    same = nir.Delay(np.array([2.0, 2.0]) * DT)
    before = delayed(path, steps, weight).projections[0].delay
    assert (before.axis, before.steps.tolist()) == ("source", [1, 3])
    behind = delayed(path, weight, same, steps).projections[0].delay
    assert (behind.axis, behind.steps.tolist()) == ("target", [3, 5])
    middle = delayed(path, weight, same, weight).projections[0].delay
    assert (middle.axis, int(middle.steps)) == ("all", 2)
    both = delayed(path, steps, weight, steps).projections[0].delay
    assert (both.axis, both.steps.tolist()) == ("synapse", [[2, 4], [4, 6]])
    with pytest.raises(UnsupportedError, match="between two layers of weights"):
        delayed(path, weight, steps, weight)


def test_float32_delays_are_whole_steps_and_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.nir"
    chain(path, source(1), nir.Delay(np.array([3e-3], np.float32)), probe(1), sink(1))
    assert read_graph(path, "norse", 1e-3).projections[0].delay.largest == 3
    with pytest.raises(InputFileError, match=r"no multiple of dt") as caught:
        read_graph(path, "norse", 2e-3)
    assert caught.value.exit_code == 3
    assert "1.5 steps" in caught.value.has


def test_a_missing_v_reset_is_zero(tmp_path: Path) -> None:
    path = simple(tmp_path / "n.nir")
    import h5py

    with h5py.File(path, "r+") as file:
        del file["node/nodes/lif/v_reset"]
    neuron = read(path).population("lif").neuron
    np.testing.assert_array_equal(neuron.parameters()["v_reset"], [0.0, 0.0])


def test_every_neuron_keeps_its_parameters(tmp_path: Path) -> None:
    names = ("tau_syn", "tau_mem", "tau", "r", "v_leak", "v_threshold", "v_reset", "w_in")
    values = {name: rng.random(2) + 0.5 for name in names}
    for cls in (nir.IF, nir.LIF, nir.LI, nir.CubaLIF, nir.CubaLI):
        wanted = {k: v for k, v in values.items() if k in cls.__dataclass_fields__}
        path = chain(tmp_path / "n.nir", source(2), cls(**wanted), sink(2))
        neuron = read(path).population("0").neuron
        assert neuron.kind == cls.__name__
        for name, value in neuron.parameters().items():
            np.testing.assert_array_equal(value, wanted[name])


def test_several_outputs_and_the_order_of_parallel_inputs(tmp_path: Path) -> None:
    nodes = {"in": source(1), "a": lif(1), "b": probe(1), "y2": sink(1), "y10": sink(1)}
    edges = [("in", "a"), ("in", "b"), ("a", "y10"), ("b", "y2")]
    graph = read(save(tmp_path / "n.nir", nodes, edges))
    assert graph.outputs == ("b", "a")
    assert graph.readout.kind == "v_max"


REFUSED = {
    "an Output behind weights": (
        [source(1), lif(1), nir.Linear(np.eye(1)), sink(1)],
        "add an LI before the Output",
        UnsupportedError,
    ),
    "an Output behind the Input": ([source(1), sink(1)], "reads the Input", UnsupportedError),
    "a threshold": (
        [source(1), nir.Threshold(np.ones(1)), probe(1), sink(1)],
        "node '0' (Threshold) has no membrane",
        UnsupportedError,
    ),
    "weights stored [in, out]": (
        [source(3), nir.Linear(np.ones((3, 2))), probe(3), sink(3)],
        "transpose it",
        InputFileError,
    ),
    "a batch dimension": (
        [source(1, 3), nir.Linear(np.ones((2, 3))), probe(2), sink(2)],
        "batch dimension",
        InputFileError,
    ),
    "a missing Flatten": (
        [source(2, 3), nir.Linear(np.ones((2, 6))), probe(2), sink(2)],
        "a Flatten with start_dim = 0",
        InputFileError,
    ),
    "an Output of another shape": (
        [source(1), lif(1), sink(1, 1, 1)],
        "states the shape [1, 1, 1]",
        InputFileError,
    ),
    "NaN weights": (
        [source(1), nir.Linear(np.full((1, 1), np.nan)), probe(1), sink(1)],
        "node '0' (Linear): weight holds 1 values that are not finite",
        InputFileError,
    ),
    "an infinite threshold": (
        [source(1), lif(1, v_threshold=np.inf), sink(1)],
        "v_threshold holds 1",
        InputFileError,
    ),
    "a negative time constant": (
        [source(2), lif(2, tau=-1.0), sink(2)],
        "tau is -1.0 at neuron [0]",
        InputFileError,
    ),
    "a negative delay": (
        [source(1), nir.Delay(np.array([-1.0])), probe(1), sink(1)],
        "delay is -1.0",
        InputFileError,
    ),
    "a delay without end": (
        [source(1), nir.Delay(np.array([1e50])), probe(1), sink(1)],
        "a delay of 1.02e+53 steps",
        InputFileError,
    ),
    "a kernel larger than the image": (
        [
            source(1, 2),
            nir.Conv1d(2, np.ones((1, 1, 3)), 1, 0, 1, 1, np.zeros(1)),
            probe((1, 1)),
            sink(1, 1),
        ],
        "larger than the padded input",
        InputFileError,
    ),
    "padding without end": (
        [
            source(1, 2),
            nir.Conv1d(2, np.ones((1, 1, 3)), 10**8, 10**8, 1, 1, np.zeros(1)),
            probe((1, 1)),
            sink(1, 1),
        ],
        "at most 134217728 elements",
        InputFileError,
    ),
    "an unknown padding": (
        [
            source(1, 2),
            nir.Conv1d(2, np.ones((1, 1, 1)), 1, "same", 1, 1, np.zeros(1)),
            probe((1, 2)),
            sink(1, 2),
        ],
        "padding is 'full'",
        InputFileError,
    ),
    "a stride of zero": (
        [
            source(1, 2),
            nir.Conv1d(2, np.ones((1, 1, 1)), 1, 0, 1, 1, np.zeros(1)),
            probe((1, 2)),
            sink(1, 2),
        ],
        "stride is 0",
        InputFileError,
    ),
    "a Flatten of axes that are not there": (
        [source(2), nir.Flatten(np.array([2]), 1, 1), probe(2), sink(2)],
        "start_dim 1 and end_dim 1",
        InputFileError,
    ),
    "neurons of another size": ([source(2), lif(3), sink(3)], "[2]", InputFileError),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_node_and_cause(tmp_path: Path, case: str) -> None:
    nodes, message, kind = REFUSED[case]
    if case == "a stride of zero":
        nodes[1].stride = 0
    if case == "an unknown padding":
        nodes[1].padding = "full"
    path = chain(tmp_path / "net.nir", *nodes)
    with pytest.raises(kind) as caught:
        read(path)
    assert message in str(caught.value)
    assert "net.nir" in str(caught.value)


EDGES = {
    "names 'nowhere'": [("in", "fc"), ("fc", "out"), ("out", "y"), ("nowhere", "fc")],
    "stated twice": [("in", "fc"), ("in", "fc"), ("fc", "out"), ("out", "y")],
    "its result goes nowhere": [("in", "out"), ("in", "fc"), ("out", "y")],
    "'fc' has no input": [("fc", "out"), ("out", "y"), ("in", "out")],
    "an Input is fed by": [("in", "fc"), ("fc", "out"), ("out", "y"), ("out", "in")],
    "has no Output": [("in", "fc"), ("fc", "out")],
    "without a neuron": [("in", "fc"), ("fc", "fc"), ("fc", "out"), ("out", "y")],
    "sums 2 populations": [("in", "fc"), ("fc", "out"), ("out", "y"), ("in", "y")],
}


@pytest.mark.parametrize("message", EDGES)
def test_edges_that_make_no_network(tmp_path: Path, message: str) -> None:
    nodes = {"in": source(1), "fc": nir.Linear(np.eye(1)), "out": probe(1), "y": sink(1)}
    if message == "has no Output":
        del nodes["y"]
    path = save(tmp_path / "n.nir", nodes, EDGES[message])
    with pytest.raises((InputFileError, UnsupportedError), match=message):
        read(path)


def test_too_many_paths_are_refused_before_they_are_listed(tmp_path: Path) -> None:
    nodes: dict[str, object] = {"in": source(1), "out": probe(1), "y": sink(1)}
    edges, last = [], ["in"]
    for k in range(30):
        pair = [f"a{k}", f"b{k}"]
        nodes.update({name: nir.Linear(np.eye(1)) for name in pair})
        edges += [(before, name) for before in last for name in pair]
        last = pair
    edges += [(name, "out") for name in last] + [("out", "y")]
    path = save(tmp_path / "n.nir", nodes, edges)
    with pytest.raises(UnsupportedError, match="more than 1000000 paths"):
        read(path)


def test_without_preset_or_dt_it_says_what_is_missing(tmp_path: Path) -> None:
    path = simple(tmp_path / "n.nir")
    with pytest.raises(ConfigError, match="continuous time") as caught:
        read_graph(path)
    assert "norse" in caught.value.has
    assert caught.value.exit_code == 2
    with pytest.raises(ConfigError, match="length of a step"):
        read_graph(path, "norse")
    with pytest.raises(ConfigError, match="unknown preset"):
        read_graph(path, "nors", DT)


def test_a_network_without_units_of_time_needs_no_dt(tmp_path: Path) -> None:
    node = nir.IF(r=np.ones(1), v_threshold=np.ones(1))
    path = chain(tmp_path / "n.nir", source(1), node, sink(1))
    assert read_graph(path, "norse").discretization.dt == 1.0
    with pytest.raises(ConfigError, match="length of a step"):
        read_graph(path, "norse", overrides={"if_gain": "dt"})
