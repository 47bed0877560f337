"""Teacher-forced comparison: rounding is explained, anything else is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from snn2chip.frontends.torch.borderline import TOLERANCE, teacher_forced
from snn2chip.graph import Dense, Graph, Population, Projection
from snn2chip.graph.oracle import run_graph
from snn2chip.neurons import IF, LIF, CubaLIF, Input, from_preset

SIZE = 4


def neuron(kind: str) -> Any:
    full = {name: np.full(SIZE, value) for name, value in (
        ("tau", 0.01), ("tau_mem", 0.01), ("tau_syn", 0.005), ("r", 1.0), ("v_leak", 0.1),
        ("v_threshold", 0.5), ("v_reset", -0.1), ("w_in", 5.0),
    )}  # fmt: skip
    model = {"IF": IF, "LIF": LIF, "CubaLIF": CubaLIF}[kind]
    return model(**{name: full[name] for name in model.__dataclass_fields__ if name in full})


def network(kind: str = "LIF", **options: Any) -> Graph:
    """Two populations, the second with a self-loop."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(0.3, 2.0, (SIZE, SIZE)) for _ in range(3)]
    from snn2chip.graph import Delay

    ends = (("input", "a"), ("a", "b"), ("b", "b"))
    one = Delay(np.array(1))
    projections = tuple(
        Projection(s, t, Dense(w, (SIZE,), (SIZE,)), None, one if s == t else Delay())
        for (s, t), w in zip(ends, weights, strict=True)
    )
    populations = (
        Population("input", Input(), (SIZE,)),
        Population("a", neuron(kind), (SIZE,)),
        Population("b", neuron(kind), (SIZE,)),
    )
    discretization = from_preset("norse", 1e-3, **options)
    return Graph("net", populations, projections, ("b",), discretization)


def spikes(steps: int = 80) -> np.ndarray:
    return (np.random.default_rng(1).random((steps, 3, SIZE)) < 0.5).astype(np.float64)


OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "zero": ("LIF", {}),
    "subtract": ("LIF", {"reset": "subtract"}),
    "late": ("LIF", {"reset": "subtract", "reset_time": "fire"}),
    "leak": ("LIF", {"reset_time": "leak"}),
    "both": ("LIF", {"reset": "subtract", "reset_time": "both"}),
    "several": ("IF", {"reset": "multi", "fires": ">=", "if_floor": "threshold"}),
    "current": ("CubaLIF", {}),
    "latency": ("IF", {"input_latency": 1}),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_a_run_of_the_graph_itself_does_not_differ(case: str) -> None:
    kind, options = OPTIONS[case]
    graph = network(kind, **options)
    found = teacher_forced(graph, run_graph(graph, spikes()), spikes())
    assert (found.differing, found.beyond, found.first) == (0, 0, None)
    assert found.membrane < 1e-12
    assert found.values == 2 * 80 * 3 * SIZE
    assert found.spikes > 20
    assert found.explained


def shifted(graph: Graph, by: float) -> Graph:
    """The same network with other thresholds in ``a``."""
    cells = tuple(
        replace(p, neuron=replace(p.neuron, v_threshold=p.neuron.v_threshold + by))
        if p.name == "a"
        else p
        for p in graph.populations
    )
    return replace(graph, populations=cells)


def at_the_threshold(graph: Graph) -> Graph:
    """Thresholds of ``a`` a little below a membrane that neuron 0 of sample 0 reaches."""
    silent = shifted(graph, 1e9)
    peak = run_graph(silent, spikes())["a.v"][:, 0, 0].max()
    return shifted(graph, float(peak) - 0.5 - 1e-7)


def test_a_spike_that_rounding_moves_is_borderline() -> None:
    graph = at_the_threshold(network())
    other = run_graph(shifted(graph, 3e-7), spikes())
    plain = int((other["b"] != run_graph(graph, spikes())["b"]).sum())
    found = teacher_forced(graph, other, spikes())
    assert found.differing >= 1
    assert found.explained
    assert 0 < found.farthest < TOLERANCE
    assert found.differing <= 1 + plain


@pytest.mark.parametrize("by", [0.05, -0.05, 0.2])
def test_another_threshold_is_not_explained(by: float) -> None:
    graph = at_the_threshold(network())
    other = run_graph(shifted(graph, by), spikes())
    found = teacher_forced(graph, other, spikes())
    if found.differing:
        assert not found.explained
        assert found.first is not None
        assert found.first[0] == "a"
    else:
        pytest.fail("no neuron came near the other threshold")


def test_a_flipped_spike_is_found_where_it_is() -> None:
    graph = network()
    recording = run_graph(graph, spikes())
    quiet = np.argwhere((recording["b"] == 0) & (recording["b.v"] < 0.3))
    t, sample, index = (int(k) for k in quiet[len(quiet) // 2])
    recording["b"] = recording["b"].copy()
    recording["b"][t, sample, index] = 1
    found = teacher_forced(graph, recording, spikes())
    assert (found.beyond, found.first) == (1, ("b", t, sample, index))


def test_another_decay_shows_in_the_membranes() -> None:
    graph = network()
    slower = tuple(
        replace(p, neuron=replace(p.neuron, tau=p.neuron.tau * 1.01)) if p.name == "b" else p
        for p in graph.populations
    )
    other = run_graph(replace(graph, populations=slower), spikes())
    assert teacher_forced(graph, other, spikes()).membrane > 1e-4


def test_what_it_needs() -> None:
    graph = network()
    recording = run_graph(graph, spikes())
    del recording["a.v"]
    with pytest.raises(ValueError, match=r"no 'a\.v'"):
        teacher_forced(graph, recording, spikes())
    late = network(output_latency=1)
    with pytest.raises(ValueError, match="send late"):
        teacher_forced(late, recording, spikes())
