"""Random NIR networks against an interpreter that knows nothing of paths or composition.

The interpreter runs a step node by node, as a framework does: every node sums what its sources
sent in this step, a neuron that feeds itself sees the step before, a Delay looks back.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn2chip.frontends.nir import read_graph, write_graph
from snn2chip.graph import differences, to_text
from snn2chip.graph.oracle import run_graph
from tests.examples import examples

from .files import DT, probe, save, sink, source

SIZE, STEPS = 3, 7
Network = tuple[dict[str, Any], list[tuple[str, str]]]


def make_node(kind: str, seed: int) -> Any:
    """A node from SIZE to SIZE neurons with dyadic numbers."""
    rng = np.random.default_rng(seed)

    def numbers(low: int, high: int, *shape: int) -> np.ndarray:
        return rng.integers(low, high, shape or (SIZE,)) / 4.0

    tau = DT * 2.0 ** rng.integers(1, 4, SIZE)
    match kind:
        case "Linear":
            return nir.Linear(numbers(-3, 6, SIZE, SIZE))
        case "Affine":
            return nir.Affine(numbers(-3, 6, SIZE, SIZE), numbers(-1, 3))
        case "Scale":
            return nir.Scale(numbers(1, 6))
        case "Delay":
            return nir.Delay(np.full(SIZE, DT * rng.integers(0, 4)))
        case "IF":
            return nir.IF(r=numbers(1, 4), v_threshold=numbers(2, 6), v_reset=numbers(-1, 2))
        case "LIF":
            return nir.LIF(tau, numbers(2, 8), numbers(-1, 2), numbers(1, 5), numbers(-1, 2))
        case "CubaLIF":
            taus = (tau, tau[::-1].copy())
            values = (numbers(2, 8), numbers(-1, 2), numbers(1, 5), numbers(-1, 2), numbers(4, 9))
            return nir.CubaLIF(*taus, *values)
    raise AssertionError(kind)


NEURONS = ("IF", "LIF", "CubaLIF")
LINEAR = (("Linear", "Affine", "Scale"), ("Linear", "Scale", "Delay"))
"""Delays and biases do not meet: when a delayed bias begins is ``early_bias``'s affair."""


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A directed graph of mixed nodes in which every neuron may feed itself through a matrix."""
    kinds = [*draw(st.sampled_from(LINEAR)), *NEURONS]
    nodes: dict[str, Any] = {"in": source(SIZE)}
    edges: list[tuple[str, str]] = []
    for k in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from(kinds))
        name = f"{kind}{k}"
        earlier = draw(st.lists(st.sampled_from(list(nodes)), min_size=1, max_size=3, unique=True))
        nodes[name] = make_node(kind, draw(st.integers(0, 999)))
        edges += [(before, name) for before in earlier]
        if kind in NEURONS and draw(st.integers(0, 2)) == 0:
            nodes[f"loop{k}"] = make_node("Linear", draw(st.integers(0, 999)))
            edges += [(name, f"loop{k}"), (f"loop{k}", name)]
    used = {before for before, _ in edges}
    nodes["out"], nodes["y"] = probe(SIZE), sink(SIZE)
    loose = [name for name in nodes if name not in used and name not in ("out", "y")]
    return nodes, [*edges, *((name, "out") for name in loose), ("out", "y")]


def interpret(network: Network, x: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of every node [step, neuron]; nodes run in the order they were made."""
    nodes, edges = network
    order = [name for name in nodes if name not in ("in", "y")]
    sent = {name: np.zeros((STEPS, SIZE)) for name in nodes}
    sent["in"] = x
    state: dict[str, dict[str, np.ndarray]] = {}
    for t in range(STEPS):
        for name in order:
            total = np.zeros(SIZE)
            for before, after in edges:
                if after == name:
                    late = list(nodes).index(before) > list(nodes).index(after)
                    total += sent[before][t - 1] * (t > 0) if late else sent[before][t]
            sent[name][t] = evaluate(nodes[name], name, total, state, t)
    return sent


def evaluate(
    node: Any, name: str, x: np.ndarray, state: dict[str, dict[str, np.ndarray]], t: int
) -> np.ndarray:
    kind = type(node).__name__
    if kind == "Linear":
        return node.weight @ x
    if kind == "Affine":
        return node.weight @ x + node.bias
    if kind == "Scale":
        return node.scale * x
    if kind == "Delay":
        history = state.setdefault(name, {"x": np.zeros((STEPS, SIZE))})["x"]
        history[t] = x
        late = t - round(node.delay[0] / DT)
        return history[late] if late >= 0 else np.zeros(SIZE)
    rest = node.v_reset if kind == "IF" else node.v_leak
    s = state.setdefault(name, {"v": rest + 0.0, "i": np.zeros(SIZE)})
    if kind == "IF":
        s["v"] = s["v"] + node.r * x
    elif kind in ("LIF", "LI"):
        s["v"] = s["v"] + DT / node.tau * (node.v_leak - s["v"] + node.r * x)
    else:
        share = DT / node.tau_syn
        s["i"] = (1 - share) * s["i"] + share * node.w_in * x
        s["v"] = s["v"] + DT / node.tau_mem * (node.v_leak - s["v"] + node.r * s["i"])
    if kind == "LI":
        return s["v"]
    fired = s["v"] > node.v_threshold
    s["v"] = np.where(fired, node.v_reset, s["v"])
    return fired.astype(float)


@given(networks(), st.integers(0, 99))
@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
def test_every_population_does_what_the_nodes_do(
    tmp_path_factory: pytest.TempPathFactory, network: Network, seed: int
) -> None:
    """Equal, not close: all numbers are dyadic."""
    path = save(tmp_path_factory.mktemp("nir") / "net.nir", *network)
    x = np.random.default_rng(seed).integers(0, 2, (STEPS, SIZE)).astype(float)
    graph = read_graph(path, "norse", DT)
    found = run_graph(graph, x[:, None])
    expected = interpret(network, x)
    for population in graph.populations:
        np.testing.assert_array_equal(found[population.name][:, 0], expected[population.name])


@given(networks(), st.randoms())
@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
def test_the_order_of_nodes_and_edges_in_a_file_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, network: Network, rng: Any
) -> None:
    nodes, edges = network
    folder = tmp_path_factory.mktemp("nir")
    texts = []
    for name in ("a", "b"):
        (folder / name).mkdir()
        path = save(folder / name / "net.nir", nodes, edges)
        texts.append(to_text(read_graph(path, "norse", DT)))
        items, edges = list(nodes.items()), list(edges)
        rng.shuffle(items)
        rng.shuffle(edges)
        nodes = dict(items)
    assert texts[0] == texts[1]


@given(networks())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
def test_they_survive_writing(tmp_path_factory: pytest.TempPathFactory, network: Network) -> None:
    folder = tmp_path_factory.mktemp("nir")
    graph = read_graph(save(folder / "net.nir", *network), "norse", DT)
    write_graph(graph, folder / "again.nir")
    assert differences(graph, read_graph(folder / "again.nir")) == []


@given(networks())
@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
def test_a_network_within_a_graph_within_a_graph_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, network: Network
) -> None:
    folder, x = tmp_path_factory.mktemp("nir"), np.ones((STEPS, 1, SIZE))
    plain = run_graph(read_graph(save(folder / "net.nir", *network), "norse", DT), x)
    block: Any = nir.NIRGraph(*network, type_check=False)
    for _ in range(2):
        inner = {"x": source(SIZE), "b": block, "z": sink(SIZE)}
        block = nir.NIRGraph(inner, [("x", "b"), ("b", "z")], type_check=False)
    nodes = {"x": source(SIZE), "b": block, "z": sink(SIZE)}
    path = save(folder / "nested.nir", nodes, [("x", "b"), ("b", "z")])
    nested = run_graph(read_graph(path, "norse", DT), x)
    for name, values in nested.items():
        own = "in" if name == "x" else name.removeprefix("b/b/b/")
        np.testing.assert_array_equal(values, plain[own])


def test_deep_chains_need_no_recursion(tmp_path: Path) -> None:
    names = [f"s{k}" for k in range(1200)]
    nodes: dict[str, Any] = {"in": source(1)}
    nodes.update({name: nir.Scale(np.ones(1)) for name in names})
    nodes.update(out=probe(1), y=sink(1))
    full = list(nodes)
    path = save(tmp_path / "net.nir", nodes, list(pairwise(full)))
    graph = read_graph(path, "norse", DT)
    assert len(graph.projections) == 1
