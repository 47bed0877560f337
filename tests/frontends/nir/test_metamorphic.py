"""What must not matter: orders, names, nesting, and how a chain of layers is cut into nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.frontends.nir import NirGraph, NirNode, graph_of, read_graph
from snn2chip.frontends.nir.storage import write_nodes
from snn2chip.graph.oracle import run_graph

DT = 2.0**-10
STEPS, SAMPLES = 16, 2
Random = np.random.Generator


def dyadic(rng: Random, *shape: int) -> np.ndarray:
    return rng.integers(-6, 9, shape) / 4


def cell(kind: str, *shape: int) -> NirNode:
    values = {
        "LIF": {"tau": 4.0, "r": 4.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0},
        "LI": {"tau": 2.0, "r": 2.0, "v_leak": 0.0},
        "CubaLIF": {
            "tau_syn": 2.0, "tau_mem": 4.0, "r": 8.0, "v_leak": 0.0, "v_threshold": 0.5,
            "v_reset": 0.25, "w_in": 1.0,
        },
    }[kind]  # fmt: skip
    scale = {name: DT if name.startswith("tau") else 1.0 for name in values}
    return NirNode(kind, {k: np.full(shape, v * scale[k]) for k, v in values.items()})


def port(kind: str, *shape: int) -> NirNode:
    return NirNode(kind, {"shape": np.array(shape)})


def linear(rng: Random, rows: int, columns: int) -> NirNode:
    return NirNode("Linear", {"weight": dyadic(rng, rows, columns)})


def affine(rng: Random, rows: int, columns: int) -> NirNode:
    return NirNode("Affine", {"weight": dyadic(rng, rows, columns), "bias": dyadic(rng, rows)})


def branches(rng: Random) -> NirGraph:
    """Two inputs, fan-in, a recurrent layer, a self-loop, a delay and two outputs."""
    nodes = {
        "in": port("Input", 4),
        "side": port("Input", 2),
        "fc1": affine(rng, 5, 4),
        "a": cell("LIF", 5),
        "rec": linear(rng, 5, 5),
        "fc2": affine(rng, 3, 5),
        "wait": NirNode("Delay", {"delay": np.array([0.0, 2.0]) * DT}),
        "fc3": linear(rng, 3, 2),
        "b": cell("CubaLIF", 3),
        "loop": NirNode("Scale", {"scale": dyadic(rng, 3)}),
        "fc4": affine(rng, 2, 5),
        "c": cell("LI", 2),
        "out": port("Output", 3),
        "out2": port("Output", 2),
    }
    edges = (
        ("in", "fc1"), ("fc1", "a"), ("a", "rec"), ("rec", "a"), ("a", "fc2"), ("fc2", "b"),
        ("side", "wait"), ("wait", "fc3"), ("fc3", "b"), ("b", "loop"), ("loop", "b"),
        ("a", "fc4"), ("fc4", "c"), ("b", "out"), ("c", "out2"),
    )  # fmt: skip
    return named(NirGraph(nodes, edges))


def feedback(rng: Random) -> NirGraph:
    """The input reaches two populations that feed each other; the second is read."""
    nodes = {
        "in": port("Input", 4),
        "fc1": affine(rng, 3, 4),
        "a": cell("LIF", 3),
        "fc2": linear(rng, 2, 3),
        "skip": linear(rng, 2, 4),
        "b": cell("CubaLIF", 2),
        "back": affine(rng, 3, 2),
        "out": port("Output", 2),
    }
    edges = (
        ("in", "fc1"), ("fc1", "a"), ("a", "fc2"), ("fc2", "b"), ("in", "skip"), ("skip", "b"),
        ("b", "back"), ("back", "a"), ("b", "out"),
    )  # fmt: skip
    return named(NirGraph(nodes, edges))


def image(rng: Random) -> NirGraph:
    """Convolutions, a pool, a Flatten and a matrix."""
    ones = {name: np.array([1, 1]) for name in ("stride", "padding", "dilation")}
    first = {"weight": dyadic(rng, 3, 2, 3, 3), "bias": dyadic(rng, 3), "groups": 1, **ones}
    two, none = np.array([2, 2]), np.array([0, 0])
    nodes = {
        "in": port("Input", 2, 4, 6),
        "conv": NirNode("Conv2d", first),
        "a": cell("LIF", 3, 4, 6),
        "pool": NirNode("AvgPool2d", {"kernel_size": two, "stride": two, "padding": none}),
        "flat": NirNode("Flatten", {"start_dim": 0, "end_dim": -1}),
        "fc1": affine(rng, 4, 18),
        "b": cell("CubaLIF", 4),
        "out": port("Output", 4),
    }
    order = list(nodes)
    return named(NirGraph(nodes, tuple(pairwise(order))))


def named(graph: NirGraph) -> NirGraph:
    """Nodes that know their names, as the reader makes them."""
    return replace(graph, nodes={k: replace(n, name=k) for k, n in graph.nodes.items()})


NETWORKS: dict[str, Callable[[Random], NirGraph]] = {
    "branches": branches,
    "image": image,
    "feedback": feedback,
}


def run(nodes: NirGraph, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the populations send, by name."""
    graph = graph_of(nodes, "n.nir", "norse", DT)
    spikes = {p.name: inputs[p.name] for p in graph.inputs}
    found = run_graph(graph, spikes)
    return {p.name: found[p.name] for p in graph.populations}


def stimulus(nodes: NirGraph, rng: Random) -> dict[str, np.ndarray]:
    return {
        name: rng.integers(0, 2, (STEPS, SAMPLES, *np.asarray(node.params["shape"])))
        for name, node in nodes.nodes.items()
        if isinstance(node, NirNode) and node.kind == "Input"
    }


def check(
    before: NirGraph,
    after: NirGraph,
    rng: Random,
    rename: Callable[[str], str] = lambda name: name,
) -> None:
    """The same spikes and membranes, population by population."""
    inputs = stimulus(before, rng)
    ours = run(before, inputs)
    theirs = run(after, {rename(name): values for name, values in inputs.items()})
    assert {rename(name) for name in ours} == set(theirs)
    assert any(ours[name].any() for name in ours if name not in inputs)
    for name, values in ours.items():
        np.testing.assert_array_equal(theirs[rename(name)], values, err_msg=name)


def split(graph: NirGraph, name: str, parts: list[NirNode]) -> NirGraph:
    """A node replaced by a chain; the names of its parts follow the node's."""
    names = [f"{name}.{k}" for k in range(len(parts))]
    nodes = {k: n for k, n in graph.nodes.items() if k != name}
    nodes |= dict(zip(names, parts, strict=True))
    edges = [(names[-1] if a == name else a, names[0] if b == name else b) for a, b in graph.edges]
    edges += list(pairwise(names))
    return named(NirGraph(nodes, tuple(edges)))


def wrapped(
    graph: NirGraph, name: str, inside: str, shapes: tuple[list[int], list[int]]
) -> NirGraph:
    """A node inside a nested graph of the node's name."""
    source, target = shapes
    nodes = {"i": port("Input", *source), inside: graph.nodes[name], "o": port("Output", *target)}
    inner = NirGraph(
        {key: replace(node, name=f"{name}/{key}") for key, node in nodes.items()},  # type: ignore[type-var]
        (("i", inside), (inside, "o")),
        name=name,
    )
    return replace(graph, nodes={**graph.nodes, name: inner})


SEEDS = st.integers(0, 2**32 - 1)
COMMON = settings(max_examples=15, deadline=None)


@COMMON
@given(st.sampled_from(sorted(NETWORKS)), SEEDS)
def test_orders_of_nodes_and_edges(network: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = NETWORKS[network](rng)
    keys, edges = list(graph.nodes), list(graph.edges)
    rng.shuffle(keys)
    mixed = replace(
        graph,
        nodes={key: graph.nodes[key] for key in keys},
        edges=tuple(edges[k] for k in rng.permutation(len(edges))),
    )
    check(graph, mixed, rng)


@COMMON
@given(st.sampled_from(sorted(NETWORKS)), SEEDS)
def test_names(network: str, seed: int) -> None:
    """Numbers whose alphabetical order is not their own, in any assignment."""
    rng = np.random.default_rng(seed)
    graph = NETWORKS[network](rng)
    numbers = [str(k) for k in rng.permutation(range(5, 5 + len(graph.nodes)))]
    new = dict(zip(graph.nodes, numbers, strict=True))
    other = NirGraph(
        {new[key]: node for key, node in graph.nodes.items()},
        tuple((new[a], new[b]) for a, b in graph.edges),
    )
    check(graph, named(other), rng, new.__getitem__)


@COMMON
@given(SEEDS, st.sampled_from(["fc1", "rec", "fc2", "fc4", "a", "b"]))
def test_nesting(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    graph = branches(rng)
    shapes = {
        "fc1": ([4], [5]), "rec": ([5], [5]), "fc2": ([5], [3]), "fc4": ([5], [2]),
        "a": ([5], [5]), "b": ([3], [3]),
    }  # fmt: skip
    nested = wrapped(graph, name, "x", shapes[name])
    check(graph, nested, rng, lambda key: f"{key}/x" if key == name else key)


@COMMON
@given(SEEDS, st.sampled_from(["identity", "scale", "factors", "flatten", "zero delay"]))
def test_matrices_cut_into_chains(seed: int, way: str) -> None:
    rng = np.random.default_rng(seed)
    graph = branches(rng)
    node = graph.nodes["fc1"]
    assert isinstance(node, NirNode)
    weight = np.asarray(node.params["weight"])
    parts = {
        "identity": [NirNode("Linear", {"weight": np.eye(4)}), node],
        "scale": [
            NirNode("Scale", {"scale": np.full(4, 4.0)}),
            replace(node, params={**node.params, "weight": weight / 4}),
        ],
        "factors": [
            NirNode("Linear", {"weight": weight}),
            replace(node, params={**node.params, "weight": np.eye(5)}),
        ],
        "flatten": [NirNode("Flatten", {"start_dim": 0, "end_dim": -1}), node],
        "zero delay": [node, NirNode("Delay", {"delay": np.zeros(5)})],
    }[way]
    check(graph, split(graph, "fc1", parts), rng)


@COMMON
@given(SEEDS)
def test_a_recurrent_chain_keeps_its_one_step(seed: int) -> None:
    """However many nodes a loop has, it takes one step."""
    rng = np.random.default_rng(seed)
    graph = branches(rng)
    node = graph.nodes["rec"]
    assert isinstance(node, NirNode)
    one = NirNode("Scale", {"scale": np.ones(5)})
    check(graph, split(graph, "rec", [one, node, one]), rng)


@COMMON
@given(SEEDS, st.sampled_from(["convolution", "pool", "channels"]))
def test_images_cut_into_chains(seed: int, way: str) -> None:
    rng = np.random.default_rng(seed)
    graph = image(rng)
    conv, pool = graph.nodes["conv"], graph.nodes["pool"]
    assert isinstance(conv, NirNode)
    assert isinstance(pool, NirNode)
    plain = {"stride": np.array([1, 1]), "padding": np.array([0, 0]), "dilation": np.array([1, 1])}
    unit = {"weight": np.eye(3)[:, :, None, None], "bias": np.zeros(3), "groups": 1, **plain}
    parts = {
        "convolution": ("conv", [conv, NirNode("Conv2d", unit)]),
        "channels": ("pool", [NirNode("Conv2d", unit), pool]),
        "pool": (
            "pool",
            [
                replace(pool, kind="SumPool2d"),
                NirNode("Scale", {"scale": np.full((3, 2, 3), 0.25)}),
            ],
        ),
    }[way]
    check(graph, split(graph, *parts), rng)


@pytest.mark.parametrize("network", sorted(NETWORKS))
@pytest.mark.parametrize("dtype", ["float32", "float16", ">f8", ">f4"])
def test_number_formats(network: str, dtype: str, tmp_path: Path) -> None:
    """The numbers are dyadic, so that every format holds them."""
    rng = np.random.default_rng(0)
    graph = NETWORKS[network](rng)
    narrow = {
        name: replace(node, params={k: _cast(v, dtype) for k, v in node.params.items()})
        for name, node in graph.nodes.items()
        if isinstance(node, NirNode)
    }
    path = tmp_path / "n.nir"
    write_nodes(replace(graph, nodes=narrow), path)
    inputs = stimulus(graph, rng)
    read = read_graph(path, "norse", DT)
    found = run_graph(read, {p.name: inputs[p.name] for p in read.inputs})
    for name, values in run(graph, inputs).items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def _cast(value: object, dtype: str) -> object:
    floats = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(dtype) if floats else value  # type: ignore[union-attr]
