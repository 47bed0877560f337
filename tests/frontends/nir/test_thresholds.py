"""Membranes without reset: I alone, and a Threshold behind I, LI or CubaLI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir import nodes_of, read_graph, read_repaired, write_graph
from snn2chip.graph import Graph
from snn2chip.graph.equality import differences
from snn2chip.graph.oracle import run_graph
from snn2chip.neurons import IF, LIF, PRESETS, CubaLIF, I, from_preset
from tests.frontends.files import DT, chain, lif, probe, save, simple, sink, source

WEIGHT = np.arange(-4.0, 5.0).reshape(3, 3) / 4
SPIKES = np.random.default_rng(0).integers(0, 2, (30, 2, 3))

MEMBRANES: dict[str, Any] = {
    "I": nir.I(r=np.full(3, 0.5)),
    "LI": probe(3),
    "CubaLI": nir.CubaLI(
        tau_syn=np.full(3, 2 * DT), tau_mem=np.full(3, 4 * DT), r=np.full(3, 8.0),
        v_leak=np.full(3, 0.125), w_in=np.full(3, 1.0),
    ),
}  # fmt: skip
SPIKING = {"I": IF, "LI": LIF, "CubaLI": CubaLIF}


def threshold(value: float = 0.5) -> nir.Threshold:
    return nir.Threshold(threshold=np.full(3, value))


def pair(path: Path, kind: str) -> Path:
    """input -> fc -> membrane -> threshold -> output."""
    nodes = (source(3), nir.Linear(WEIGHT), MEMBRANES[kind], threshold(), sink(3))
    return chain(path, *nodes, names=["fc", "membrane", "threshold"])


def alone(path: Path, kind: str) -> Path:
    nodes = (source(3), nir.Linear(WEIGHT), MEMBRANES[kind], sink(3))
    return chain(path, *nodes, names=["fc", "membrane"])


@pytest.mark.parametrize("preset", ["norse", "spikingjelly", "nengo", "sinabs"])
@pytest.mark.parametrize("kind", sorted(MEMBRANES))
def test_it_fires_whenever_the_membrane_is_above(kind: str, preset: str, tmp_path: Path) -> None:
    per_step = {"if_gain": "one"}
    graph = read_graph(pair(tmp_path / "n.nir", kind), preset, DT, per_step)
    assert isinstance(graph.population("membrane").neuron, SPIKING[kind])
    assert graph.outputs == ("membrane",)
    free = read_graph(alone(tmp_path / "free.nir", kind), preset, DT, per_step)
    v = run_graph(free, SPIKES)["membrane"]
    found = run_graph(graph, SPIKES)
    above = v >= 0.5 if graph.discretization.fires == ">=" else v > 0.5
    np.testing.assert_array_equal(found["membrane.v"], v)
    np.testing.assert_array_equal(found["membrane"], above)
    assert 0 < above.sum() < above.size


def test_only_the_thresholds_population_has_no_reset(tmp_path: Path) -> None:
    nodes = {
        "input": source(3), "a": lif(3), "b": probe(3), "t": threshold(), "output": sink(3),
    }  # fmt: skip
    edges = [("input", "a"), ("a", "b"), ("b", "t"), ("t", "output")]
    graph = read_graph(save(tmp_path / "n.nir", nodes, edges), "norse", DT)
    assert graph.discretization.exceptions == (("b", "reset", "none"),)
    assert graph.discretization.of("a") == from_preset("norse", DT)
    assert [p.name for p in graph.populations] == ["input", "a", "b"]


def test_what_the_user_says_of_the_population_goes_first(tmp_path: Path) -> None:
    overrides = {"membrane.reset": "subtract"}
    graph = read_graph(pair(tmp_path / "n.nir", "LI"), "norse", DT, overrides)
    assert graph.discretization.of("membrane").reset == "subtract"


def test_a_preset_without_reset_needs_no_exception(tmp_path: Path) -> None:
    graph = read_graph(pair(tmp_path / "n.nir", "LI"), "norse", DT, {"reset": "none"})
    assert graph.discretization.exceptions == ()


def test_floors_hold_spiking_neurons_only(tmp_path: Path) -> None:
    assert PRESETS["nengo"]["v_floor"] == "zero"
    graph = read_graph(pair(tmp_path / "n.nir", "LI"), "nengo", DT)
    assert graph.discretization.of("membrane").v_floor == "none"


def test_a_recurrent_threshold(tmp_path: Path) -> None:
    nodes = {
        "input": source(3), "m": probe(3), "t": threshold(), "rec": nir.Linear(-WEIGHT),
        "output": sink(3),
    }  # fmt: skip
    edges = [("input", "m"), ("m", "t"), ("t", "rec"), ("rec", "m"), ("t", "output")]
    graph = read_graph(save(tmp_path / "n.nir", nodes, edges), "norse", DT)
    assert [(p.source, p.target, p.delay.largest) for p in graph.projections] == [
        ("input", "m", 0),
        ("m", "m", 1),
    ]
    found = run_graph(graph, SPIKES)["m"]
    current = SPIKES[0].astype(float)
    np.testing.assert_array_equal(found[0], current > 0.5)
    np.testing.assert_array_equal(found[1], SPIKES[1] - found[0] @ WEIGHT.T > 0.5)


@pytest.mark.parametrize("where", ["membrane inside", "threshold inside"])
def test_a_nested_graph_may_lie_between(where: str, tmp_path: Path) -> None:
    inner = MEMBRANES["LI"] if where == "membrane inside" else threshold()
    part = nir.NIRGraph(
        {"input": source(3), "x": inner, "output": sink(3)},
        [("input", "x"), ("x", "output")],
        type_check=False,
    )
    first, second = (part, threshold()) if where == "membrane inside" else (probe(3), part)
    path = chain(tmp_path / "n.nir", source(3), first, second, sink(3), names=["a", "b"])
    graph = read_graph(path, "norse", DT)
    plain = chain(tmp_path / "p.nir", source(3), probe(3), threshold(), sink(3), names=["a", "b"])
    expected = run_graph(read_graph(plain, "norse", DT), SPIKES)["a"]
    np.testing.assert_array_equal(run_graph(graph, SPIKES)[graph.outputs[0]], expected)


REFUSED = {
    "on a spike train": (
        {"input": source(3), "a": lif(3), "t": threshold(), "output": sink(3)},
        [("input", "a"), ("a", "t"), ("t", "output")],
        "no membrane",
    ),
    "on the input": (
        {"input": source(3), "t": threshold(), "output": sink(3)},
        [("input", "t"), ("t", "output")],
        "no membrane",
    ),
    "on a weighted sum": (
        {"input": source(3), "fc": nir.Linear(WEIGHT), "t": threshold(), "output": sink(3)},
        [("input", "fc"), ("fc", "t"), ("t", "output")],
        "no membrane",
    ),
    "on two membranes": (
        {
            "input": source(3), "a": probe(3), "b": probe(3), "t": threshold(),
            "output": sink(3),
        },
        [("input", "a"), ("input", "b"), ("a", "t"), ("b", "t"), ("t", "output")],
        "no membrane",
    ),
    "on nothing": (
        {"input": source(3), "a": lif(3), "t": threshold(), "output": sink(3)},
        [("input", "a"), ("t", "a"), ("a", "output")],
        "no membrane",
    ),
    "on a membrane that is read too": (
        {"input": source(3), "a": probe(3), "t": threshold(), "o": sink(3), "output": sink(3)},
        [("input", "a"), ("a", "t"), ("a", "o"), ("t", "output")],
        "other nodes",
    ),
    "twice on one membrane": (
        {
            "input": source(3), "a": probe(3), "t": threshold(), "u": threshold(2.0),
            "o": sink(3), "output": sink(3),
        },
        [("input", "a"), ("a", "t"), ("a", "u"), ("u", "o"), ("t", "output")],
        "other nodes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_threshold_without_a_membrane_of_its_own_is_refused(case: str, tmp_path: Path) -> None:
    nodes, edges, cause = REFUSED[case]
    path = save(tmp_path / "n.nir", nodes, edges)
    with pytest.raises(UnsupportedError, match=cause) as caught:
        read_graph(path, "norse", DT)
    assert "'t'" in str(caught.value) or "'u'" in str(caught.value)
    assert caught.value.remedy


def test_the_remedy_for_a_weighted_sum_works(tmp_path: Path) -> None:
    """An LI with tau = dt and r = 1 holds its input, so the Threshold compares the sum."""
    nodes = (source(3), nir.Linear(WEIGHT), probe(3), threshold(), sink(3))
    graph = read_graph(chain(tmp_path / "n.nir", *nodes, names=["fc", "m", "t"]), "norse", DT)
    expected = SPIKES @ WEIGHT.T > 0.5
    np.testing.assert_array_equal(run_graph(graph, SPIKES)["m"], expected)


def test_an_integrator_alone_sums_up(tmp_path: Path) -> None:
    graph = read_graph(alone(tmp_path / "n.nir", "I"), "norse", DT)
    neuron = graph.population("membrane").neuron
    assert isinstance(neuron, I)
    assert not neuron.spiking
    assert graph.readout.kind == "v_max"
    expected = 0.5 * np.cumsum(SPIKES @ WEIGHT.T, axis=0)
    np.testing.assert_array_equal(run_graph(graph, SPIKES)["membrane"], expected)


def test_an_integrator_in_continuous_time(tmp_path: Path) -> None:
    graph = read_graph(alone(tmp_path / "n.nir", "I"), "norse", DT, {"if_gain": "dt"})
    expected = DT * 0.5 * np.cumsum(SPIKES @ WEIGHT.T, axis=0)
    np.testing.assert_array_equal(run_graph(graph, SPIKES)["membrane"], expected)


@pytest.mark.parametrize("kind", sorted(MEMBRANES))
def test_both_survive_a_file(kind: str, tmp_path: Path) -> None:
    for make in (pair, alone):
        graph = read_graph(make(tmp_path / "n.nir", kind), "nengo", DT)
        write_graph(graph, tmp_path / "again.nir")
        assert differences(read_graph(tmp_path / "again.nir"), graph) == []


@pytest.mark.parametrize("kind", sorted(MEMBRANES))
def test_a_population_without_reset_is_written_as_a_threshold(kind: str, tmp_path: Path) -> None:
    graph = read_graph(pair(tmp_path / "n.nir", kind), "norse", DT)
    kinds = sorted(node.kind for node in nodes_of(graph).nodes.values())
    assert kinds == sorted(["Input", "Linear", kind, "Threshold", "Output"])
    write_graph(graph, tmp_path / "again.nir")
    assert isinstance(nir.read(tmp_path / "again.nir").nodes["membrane Threshold"], nir.Threshold)


def test_a_v_reset_that_nothing_uses_is_not_lost(tmp_path: Path) -> None:
    path = chain(tmp_path / "n.nir", source(3), lif(3, v_reset=0.5), sink(3), names=["n"])
    graph = read_graph(path, "norse", DT, {"n.reset": "none"})
    assert _kinds(graph) == ["Input", "LIF", "Output"]
    write_graph(graph, tmp_path / "again.nir")
    assert differences(read_graph(tmp_path / "again.nir"), graph) == []


def _kinds(graph: Graph) -> list[str]:
    return sorted(getattr(node, "kind", "graph") for node in nodes_of(graph).nodes.values())


def test_a_single_threshold_is_repaired(tmp_path: Path) -> None:
    path = pair(tmp_path / "n.nir", "LI")
    with h5py.File(path, "r+") as file:
        del file["node/nodes/threshold/threshold"]
        file["node/nodes/threshold/threshold"] = 0.5
    graph, repairs = read_repaired(path, "norse", DT)
    assert [repair.node for repair in repairs] == ["threshold"]
    expected = read_graph(pair(tmp_path / "sound.nir", "LI"), "norse", DT)
    assert differences(graph, expected) == []


def test_a_file_without_thresholds_has_no_exceptions(tmp_path: Path) -> None:
    assert read_graph(simple(tmp_path / "n.nir"), "norse", DT).discretization.exceptions == ()
