"""Nodes that sum several sources, and what their names, order and delays must not change."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from snn2chip.errors import ConfigError
from snn2chip.frontends.nir import nodes_of, read_graph, write_graph
from snn2chip.frontends.nir.lowering.paths import natural
from snn2chip.graph import Delay, Dense, Graph, Identity, Projection, differences, to_text
from snn2chip.graph.oracle import run_graph
from tests.examples import examples

from ..engine.graphs import graphs
from ..graph.networks import dense, tiny
from .files import DT, chain, lif, probe, save, simple, sink, source


def read(path: Path) -> Graph:
    return read_graph(path, "norse", DT)


@pytest.mark.parametrize("name", ["a", "in", "z", "0", "10"])
@pytest.mark.parametrize("early", ["kept", "dropped"])
def test_a_layer_that_a_loop_enters_keeps_its_bias_at_step_0(
    tmp_path: Path, name: str, early: str
) -> None:
    """The layer runs at step 0, for the input; only layers that the loop feeds alone wait."""
    fc = nir.Affine(np.array([[1.0]]), np.array([0.25]))
    nodes = {"input": source(1), "fc": fc, name: lif(1, tau=DT), "y": sink(1)}
    edges = [("input", "fc"), ("fc", name), (name, "fc"), (name, "y")]
    path = save(tmp_path / "n.nir", nodes, edges)
    graph = read_graph(path, "norse", DT, {"early_bias": early})
    v = run_graph(graph, np.zeros((3, 1, 1)))[f"{name}.v"].reshape(-1)
    np.testing.assert_array_equal(v, [0.25, 0.25, 0.25])
    assert {p.source: p.bias is not None for p in graph.projections} == {"input": True, name: False}


@pytest.mark.parametrize("delay", ["0", "z"])
def test_of_two_delays_the_shorter_brings_the_bias(tmp_path: Path, delay: str) -> None:
    """The sum's own bias with the first source, that of a branch with its branch."""
    branch = nir.Affine(np.eye(1), np.array([2.0]))
    nodes = {
        "a": source(1),
        "b": source(1),
        "branch": branch,
        delay: nir.Delay(np.array([2 * DT])),
        "sum": nir.Affine(np.array([[3.0]]), np.array([5.0])),
        "out": probe(1),
        "y": sink(1),
    }
    edges = [("a", "branch"), ("branch", delay), (delay, "sum"), ("b", "sum"), ("sum", "out")]
    graph = read(save(tmp_path / "n.nir", nodes, [*edges, ("out", "y")]))
    x = np.zeros((4, 1, 1))
    found = run_graph(graph, {"a": x, "b": x})["out"].reshape(-1)
    np.testing.assert_array_equal(found, [5.0, 5.0, 11.0, 11.0])


def test_one_biased_layer_before_two_populations_counts_for_both(tmp_path: Path) -> None:
    fc = nir.Affine(np.array([[2.0]]), np.array([7.0]))
    nodes = {"in": source(1), "fc": fc, "p": probe(1), "q": probe(1), "y": sink(1), "z": sink(1)}
    edges = [("in", "fc"), ("fc", "p"), ("fc", "q"), ("p", "y"), ("q", "z")]
    found = run_graph(read(save(tmp_path / "n.nir", nodes, edges)), np.ones((1, 1, 1)))
    assert (found["p"].item(), found["q"].item()) == (9.0, 9.0)


def renamed(path: Path, prefix: str) -> Graph:
    """A recurrent network of two layers whose nodes are named in the order they run."""
    a, b = prefix + "1", prefix + "2"
    nodes = {
        "in": source(2),
        f"{a}w": nir.Affine(np.eye(2) * 0.75, np.array([0.5, 0.25])),
        a: lif(2),
        f"{b}w": nir.Affine(np.array([[0.5, 1.0], [1.0, 0.5]]), np.array([0.0, 0.5])),
        b: lif(2),
        f"{a}back": nir.Linear(np.array([[0.25, 0.0], [0.5, 0.25]])),
        "y": sink(2),
    }
    forward = ["in", f"{a}w", a, f"{b}w", b, "y"]
    edges = [*pairwise(forward), (b, f"{a}back"), (f"{a}back", f"{a}w")]
    return read(save(path, nodes, edges))


@pytest.mark.parametrize("prefix", ["", "zz", "layer ", "9", "é", "input", "%"])
def test_new_names_change_the_names_in_the_text_and_nothing_else(
    tmp_path: Path, prefix: str
) -> None:
    def words(graph: Graph) -> str:
        text = to_text(graph)
        for k, p in enumerate(graph.populations):
            shown = f'"{p.name}"' if " " in p.name else p.name
            for a, b in ((f"{shown}->", f"<{k}>->"), (f"->{shown} ", f"-><{k}> ")):
                text = text.replace(a, b)
            text = text.replace(f"population {shown} ", f"population <{k}> ")
            text = text.replace(f"of {shown}\n", f"of <{k}>\n")
        return text

    graph, usual = renamed(tmp_path / "n.nir", prefix), renamed(tmp_path / "n.nir", "h")
    assert words(graph) == words(usual)
    x = np.random.default_rng(1).integers(0, 2, (9, 1, 2))
    values = zip(run_graph(graph, x).values(), run_graph(usual, x).values(), strict=True)
    for ours, theirs in values:
        np.testing.assert_array_equal(ours, theirs)


def test_numbers_in_names_may_be_longer_than_int_takes(tmp_path: Path) -> None:
    names = ["7" * 5000, "w", "12" * 2400]
    nodes = [source(1), lif(1), nir.Linear(np.eye(1)), lif(1), sink(1)]
    graph = read(chain(tmp_path / "n.nir", *nodes, names=names))
    assert [p.name for p in graph.populations] == ["input", names[0], names[2]]
    assert sorted(["10", "9" * 5000, "009", "8", "9"], key=natural) == [
        "8", "009", "9", "10", "9" * 5000,
    ]  # fmt: skip


def kinds(graph: Graph) -> list[str]:
    return [node.kind for node in nodes_of(graph).nodes.values()]  # type: ignore[union-attr]


def test_the_step_of_a_loop_is_left_out_beside_other_delays(tmp_path: Path) -> None:
    """A framework adds the loop's step itself, whatever the delays elsewhere."""
    first, second = tiny().projections
    loop = Projection("hidden", "hidden", dense((4,), (4,)), None, Delay(np.array(1)))
    forward = replace(second, delay=Delay(np.array(1)))
    graph = tiny(projections=(first, forward, loop))
    assert kinds(graph).count("Delay") == 1
    write_graph(graph, tmp_path / "net.nir")
    assert differences(graph, read_graph(tmp_path / "net.nir")) == []


def writable(graph: Graph, rng: np.random.Generator) -> Graph:
    """Without what NIR has no nodes for: unequal padding, a bias without weights, any delays per
    synapse. Images go straight into matrices."""
    projections = []
    for p in graph.projections:
        if p.source == "conv":
            image = graph.inputs[0].shape
            weight = rng.integers(-64, 128, (4, int(np.prod(image)))) / 64
            steps = np.array(1) if p.delay.axis in ("source", "synapse") else p.delay.steps
            axis = p.delay.axis if steps is p.delay.steps else "all"
            p = Projection("in", "a", Dense(weight, image, (4,)), p.bias, Delay(steps, axis))
        if p.delay.axis == "synapse":
            ends = p.delay.steps
            p = replace(
                p, delay=Delay(np.add.outer(ends[:, 0], ends[0] - ends[0].min()), "synapse")
            )
        if isinstance(p.operator, Identity):
            p = replace(p, bias=None)
        if p.target != "conv":
            projections.append(p)
    populations = tuple(p for p in graph.populations if p.name != "conv")
    d = graph.discretization  # delays of 0, in cycles too, are what these options give
    d = d.override(recurrent_delay=1 - d.output_latency, input_latency=0, weights="float")
    return replace(graph, populations=populations, projections=tuple(projections), discretization=d)


@given(graphs())
@settings(max_examples=examples(80), suppress_health_check=list(HealthCheck))
def test_loops_delays_and_overrides_of_every_kind_survive(
    tmp_path_factory: pytest.TempPathFactory,
    drawn,  # type: ignore[no-untyped-def]
) -> None:
    """What is read has the same options and runs alike."""
    graph, rng = drawn
    graph = writable(graph, rng)
    path = tmp_path_factory.mktemp("nir") / "net.nir"
    write_graph(graph, path)
    again = read_graph(path)
    assert differences(graph, again) == []
    assert again.discretization == graph.discretization
    x = rng.integers(0, 2, (6, 2, *graph.inputs[0].shape))
    ours, theirs = run_graph(graph, x), run_graph(again, x)
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name])


@pytest.mark.parametrize("key", ["dt", "preset"])
def test_overrides_do_not_hold_what_has_a_flag_of_its_own(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_graph(simple(tmp_path / "n.nir"), "norse", DT, {key: "x"})
    assert f"{key} is 'x'" in caught.value.what
    assert f"--{key}" in caught.value.remedy
