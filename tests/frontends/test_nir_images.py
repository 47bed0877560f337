"""Random NIR networks of images against torch, node by node.

Convolutions and pools with every option, branches that meet, neurons before and behind a Flatten,
recurrent layers, delays per element, nested graphs, several inputs and outputs, mixed types.
"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir import read_graph, write_graph
from snn2chip.graph import differences
from snn2chip.graph.oracle import run_graph

from .files import DT, probe, save, sink, source

torch = pytest.importorskip("torch", reason="torch is the witness of the nodes")
from tests.examples import examples  # noqa: E402

from .torch_interpreter import Interpreter, linear  # noqa: E402

STEPS = 6
NEURONS = ("IF", "LIF", "CubaLIF", "CubaLI")
TYPES = (np.float64, np.float32, ">f4", ">f8", np.float16)
Shape = tuple[int, ...]


def numbers(rng: np.random.Generator, low: int, high: int, shape: Shape) -> np.ndarray:
    """Multiples of 1/4, which every type of float holds."""
    values: np.ndarray = (rng.integers(low, high, shape) / 4.0).astype(rng.choice(TYPES))
    return values


def make_neuron(kind: str, rng: np.random.Generator, shape: Shape) -> Any:
    taus = [DT * 2.0 ** rng.integers(1, 3, shape) for _ in range(2)]
    r, leak, threshold, reset = (
        numbers(rng, *bounds, shape) for bounds in ((2, 8), (-1, 2), (1, 6), (-1, 2))
    )
    match kind:
        case "IF":
            return nir.IF(r, threshold, reset)
        case "LIF":
            return nir.LIF(taus[0], r, leak, threshold, reset)
        case "CubaLIF":
            return nir.CubaLIF(*taus, r, leak, threshold, reset, numbers(rng, 4, 9, shape))
    return nir.CubaLI(*taus, r, leak, numbers(rng, 4, 9, shape))


def make_convolution(draw: Any, rng: np.random.Generator, shape: Shape, biased: bool) -> Any:
    axes = len(shape) - 1
    kernel, stride, dilation, padding = (
        tuple(draw(st.integers(low, high)) for _ in range(axes))
        for low, high in ((1, 3), (1, 2), (1, 2), (0, 2))
    )
    word = draw(st.sampled_from([None, None, "same", "valid"]))
    stride = (1,) * axes if word == "same" else stride
    groups = draw(st.sampled_from([1, shape[0]]))
    channels = groups * draw(st.integers(1, 2))
    bias = numbers(rng, -1, 3, (channels,)) * biased
    weight = numbers(rng, -3, 6, (channels, shape[0] // groups, *kernel))
    options = [np.array(stride), word or np.array(padding), np.array(dilation)]
    node = (nir.Conv1d, nir.Conv2d)[axes - 1](None, weight, *options, groups, bias)
    node.input_shape = np.array(shape[1:])
    return node


def make_linear(draw: Any, rng: np.random.Generator, shape: Shape, biased: bool) -> Any:
    """One linear node that takes ``shape``."""
    kinds = ["scale"] + ([] if biased else ["delay", "delay"])
    kinds += {1: ["dense"] * 3, 2: ["conv", "flatten"], 3: ["conv", "conv", "pool", "flatten"]}[
        len(shape)
    ]
    match draw(st.sampled_from(kinds)):
        case "scale":
            return nir.Scale(numbers(rng, 1, 6, shape))
        case "delay":
            each = draw(st.booleans())
            steps = rng.integers(0, 3, shape) if each else np.full(shape, rng.integers(0, 3))
            return nir.Delay(DT * steps)
        case "flatten":
            start = draw(st.integers(0, len(shape) - 1))
            return nir.Flatten(np.array(shape), start_dim=start, end_dim=-1)
        case "pool":
            kernel, stride = (tuple(draw(st.integers(1, 2)) for _ in "hw") for _ in "ks")
            padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
            cls = draw(st.sampled_from([nir.SumPool2d, nir.AvgPool2d]))
            return cls(np.array(kernel), np.array(stride), np.array(padding))
        case "conv":
            return make_convolution(draw, rng, shape, biased)
    weight = numbers(rng, -3, 6, (draw(st.integers(1, 4)), shape[0]))
    if not biased:
        return nir.Linear(weight)
    return nir.Affine(weight, numbers(rng, -1, 3, (len(weight),)))


def shape_behind(node: Any, shape: Shape) -> Shape:
    """Torch's answer; no example where the kernel is larger than the image."""
    try:
        found = linear(node, torch.zeros(1, *shape, dtype=torch.float64))
    except RuntimeError:
        assume(False)
    return shape if found is None else tuple(found.shape[1:])


class Network:
    """Nodes in the order of a step, with their shapes; those of one block share a prefix."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        self.biased = draw(st.booleans())
        self.nodes: dict[str, Any] = {}
        self.shapes: dict[str, Shape] = {}
        self.edges: list[tuple[str, str]] = []
        self.ends: list[str] = []  # membranes: a chain of them would need more than 53 bits

    def add(self, name: str, node: Any, shape: Shape, sources: list[str]) -> None:
        self.nodes[name], self.shapes[name] = node, shape
        self.edges += [(before, name) for before in sources]

    def inputs(self) -> None:
        shape = (self.draw(st.integers(1, 2)), *(self.draw(st.integers(2, 5)) for _ in "hw"))
        shape = shape[: self.draw(st.sampled_from([2, 3, 3]))]
        for k in range(self.draw(st.integers(1, 2))):
            self.add(f"in{k}", source(*shape), shape, [])

    def layer(self, k: int) -> None:
        """A linear node, a neuron, or both in a nested graph, fed by all drawn sources."""
        seen = [n for n in self.nodes if n not in self.ends and ("/" not in n or "/neuron" in n)]
        first = self.draw(st.sampled_from(seen))
        shape = self.shapes[first]
        alike = [n for n in seen if self.shapes[n] == shape and n != first]
        more = self.draw(st.lists(st.sampled_from(alike), max_size=2, unique=True)) if alike else []
        what = self.draw(st.sampled_from(["linear", "linear", "neuron", "block"]))
        prefix = f"block{k}/" if what == "block" else ""
        sources, name = [first, *more], first
        if what != "neuron":
            node = make_linear(self.draw, self.rng, shape, self.biased)
            name, shape = f"{prefix}linear{k}", shape_behind(node, shape)
            self.add(name, node, shape, sources)
            sources = [name]
        if what != "linear":
            kind, name = self.draw(st.sampled_from(NEURONS)), f"{prefix}neuron{k}"
            self.add(name, make_neuron(kind, self.rng, shape), shape, sources)
            if kind == "CubaLI":
                self.ends.append(name)
            else:
                self.loop(f"{prefix}loop{k}", name, shape)

    def loop(self, name: str, neuron: str, shape: Shape) -> None:
        """Perhaps a layer from the neurons to themselves."""
        if self.draw(st.integers(0, 2)):
            return
        if len(shape) == 1:
            node = nir.Linear(numbers(self.rng, -3, 4, shape * 2))
        else:
            axes = len(shape) - 1
            ones = (np.ones(axes, int),) * 2
            weight = numbers(self.rng, -3, 4, (shape[0], shape[0], *(3,) * axes))
            zero = np.zeros(shape[0])
            cls = (nir.Conv1d, nir.Conv2d)[axes - 1]
            node = cls(None, weight, ones[0], ones[0], ones[1], 1, zero)
            node.input_shape = np.array(shape[1:])
        self.add(name, node, shape, [neuron])
        self.edges.append((name, neuron))

    def outputs(self) -> None:
        """An LI behind each loose end; an Output of each."""
        used = {before for before, after in self.edges if "loop" not in after}
        for k, name in enumerate(sorted(n for n in self.nodes if n not in used)):
            shape = self.shapes[name]
            self.add(f"probe{k}", probe(shape), shape, [name])
            self.add(f"y{k}", sink(*shape), shape, [f"probe{k}"])

    def file(self) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Nodes and edges with the blocks as nested graphs."""
        nodes = {name: node for name, node in self.nodes.items() if "/" not in name}
        outer = [tuple(end.split("/")[0] for end in edge) for edge in self.edges]
        for block in sorted({n.split("/")[0] for n in self.nodes if "/" in n}):
            inside = {
                n.split("/")[1]: k for n, k in self.nodes.items() if n.startswith(f"{block}/")
            }
            first, last = (next(n for n in inside if n.startswith(w)) for w in ("linear", "neuron"))
            before = next(s for s, t in self.edges if t == f"{block}/{first}")
            inner = {"x": source(*self.shapes[before]), **inside}
            inner["z"] = sink(*self.shapes[f"{block}/{last}"])
            edges = [e for e in self.edges if all(end.startswith(f"{block}/") for end in e)]
            wires = [tuple(end.split("/")[1] for end in e) for e in edges]
            nodes[block] = nir.NIRGraph(
                inner, [("x", first), *wires, (last, "z")], type_check=False
            )
        return nodes, list(dict.fromkeys(e for e in outer if e[0] != e[1]))


@st.composite
def networks(draw: st.DrawFn) -> Network:
    network = Network(draw)
    network.inputs()
    for k in range(draw(st.integers(2, 7))):
        network.layer(k)
    network.outputs()
    return network


@pytest.mark.filterwarnings("ignore:Using padding")
@given(networks())
@settings(max_examples=examples(70), suppress_health_check=list(HealthCheck))
def test_torch_runs_the_nodes_alike(
    tmp_path_factory: pytest.TempPathFactory, network: Network
) -> None:
    """Equal, not close: all numbers are dyadic. What is written again runs alike too."""
    folder = tmp_path_factory.mktemp("nir")
    path = save(folder / "net.nir", *network.file())
    try:
        graph = read_graph(path, "norse", DT)
    except UnsupportedError as error:
        if "delay" not in error.what:
            raise
        assume(False)
    x = {
        name: network.rng.integers(0, 2, (STEPS, *network.shapes[name])).astype(float)
        for name in network.nodes
        if name.startswith("in")
    }
    found = run_graph(graph, {name: values[:, None] for name, values in x.items()})
    expected = Interpreter(network.nodes, network.edges).run(x)
    assert {p.name for p in graph.populations} == {
        name for name in expected if name.split("/")[-1][:2] in ("in", "ne", "pr")
    }
    for population in graph.populations:
        values = found[population.name].reshape(STEPS, -1)
        np.testing.assert_array_equal(values, expected[population.name].reshape(STEPS, -1))
    try:
        write_graph(graph, folder / "again.nir")
    except UnsupportedError as error:
        if not any(f"projection {p.name}: " in error.what for p in graph.projections):
            raise
        return
    assert differences(graph, read_graph(folder / "again.nir")) == []
