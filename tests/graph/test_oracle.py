from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.graph import Delay, Graph, Projection, identity
from snn2chip.graph.compose import to_dense
from snn2chip.graph.oracle import run_graph
from snn2chip.neurons import from_preset
from snn2chip.neurons.models import IF, LI, LIF, CubaLI, CubaLIF

from .networks import DT, dense, graphs, population, tiny

STEPS = 6


def slow_run(graph: Graph, x: np.ndarray) -> dict[str, np.ndarray]:
    """One neuron, one synapse at a time, straight from the equations; x [step, input neuron]."""
    d = graph.discretization
    out = {p.name: np.zeros((len(x), p.size)) for p in graph.populations}
    out[graph.inputs[0].name] = x
    v = {p.name: np.zeros(p.size) for p in graph.populations}
    current = {p.name: np.zeros(p.size) for p in graph.populations}
    for p in graph.populations:
        if hasattr(p.neuron, "v_leak"):
            v[p.name] = p.neuron.v_leak.reshape(-1).copy()
        elif isinstance(p.neuron, IF):
            v[p.name] = p.neuron.v_reset.reshape(-1).copy()
    for t in range(len(x)):
        for p in graph.populations:
            if p.is_input:
                continue
            q = {k: a.reshape(-1) for k, a in p.neuron.parameters().items()}
            for n in range(p.size):
                c = sum(_synapses(j, out[j.source], t, n) for j in graph.incoming(p.name))
                before = v[p.name][n]
                if isinstance(p.neuron, IF):
                    u = before + q["r"][n] * c
                elif isinstance(p.neuron, LIF | LI):
                    u = before + d.dt / q["tau"][n] * (q["v_leak"][n] - before + q["r"][n] * c)
                else:
                    assert isinstance(p.neuron, CubaLIF | CubaLI)
                    share = d.dt / q["tau_syn"][n]
                    current[p.name][n] *= 1 - share
                    current[p.name][n] += share * q["w_in"][n] * c
                    drive = q["r"][n] * current[p.name][n]
                    u = before + d.dt / q["tau_mem"][n] * (q["v_leak"][n] - before + drive)
                if not p.neuron.spiking:
                    out[p.name][t, n] = u
                elif u > q["v_threshold"][n]:
                    out[p.name][t, n] = 1.0
                    u = q["v_reset"][n] if d.reset == "zero" else u - q["v_threshold"][n]
                v[p.name][n] = u
    return out


def _synapses(projection: Projection, sent: np.ndarray, t: int, n: int) -> float:
    matrix, delay = to_dense(projection.operator).weight, projection.delay
    total = 0.0
    if projection.bias is not None and t >= delay.smallest:
        total += projection.bias.reshape(-1)[n]
    steps = delay.steps.reshape(-1)
    for m in range(matrix.shape[1]):
        index = {"all": 0, "source": m, "target": n, "synapse": n * matrix.shape[1] + m}
        arrival = t - steps[index[delay.axis]]
        if arrival >= 0:
            total += matrix[n, m] * sent[arrival, m]
    return float(total)


@given(graphs(), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_it_follows_the_equations(graph: Graph, seed: int) -> None:
    """Dyadic numbers: sums are exact, so every spike and every value is equal."""
    shape = (STEPS, 1, *graph.inputs[0].shape)
    x = (np.random.default_rng(seed).random(shape) < 0.5).astype(float)
    found = run_graph(graph, x)
    expected = slow_run(graph, x.reshape(STEPS, -1))
    for p in graph.populations:
        np.testing.assert_array_equal(found[p.name].reshape(STEPS, -1), expected[p.name])


@given(graphs(), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_samples_do_not_see_each_other(graph: Graph, seed: int) -> None:
    shape = (STEPS, 3, *graph.inputs[0].shape)
    x = (np.random.default_rng(seed).random(shape) < 0.5).astype(float)
    together = run_graph(graph, x)
    for k in range(3):
        alone = run_graph(graph, x[:, k : k + 1])
        for name, values in alone.items():
            np.testing.assert_array_equal(together[name][:, k : k + 1], values)


def test_delay_per_synapse() -> None:
    steps = np.array([[0, 2], [1, 3]])
    weight = np.array([[1.0, 10.0], [100.0, 1000.0]])
    projection = Projection(
        "in", "out", replace(dense((2,), (2,)), weight=weight), None, Delay(steps, "synapse")
    )
    graph = tiny(
        populations=(population("in", "Input", (2,)), population("out", "LI", (2,), tau=DT)),
        projections=(projection,),
        outputs=("out",),
    )
    x = np.zeros((5, 1, 2))
    x[0] = 1
    v = run_graph(graph, x)["out"][:, 0]
    np.testing.assert_array_equal(v, [[1, 0], [0, 100], [10, 0], [0, 1000], [0, 0]])


@pytest.mark.parametrize(("early", "first"), [("kept", 1.0), ("dropped", 0.0)])
def test_the_bias_of_a_delayed_projection(early: str, first: float) -> None:
    delayed = Projection("in", "out", identity((1,)), np.ones(1), Delay(np.array(2)))
    graph = tiny(
        populations=(population("in", "Input", (1,)), population("out", "LI", (1,), tau=DT)),
        projections=(delayed,),
        outputs=("out",),
        discretization=from_preset("norse", DT, early_bias=early),
    )
    v = run_graph(graph, np.zeros((4, 1, 1)))["out"].reshape(-1)
    np.testing.assert_array_equal(v, [first, first, 1.0, 1.0])


def test_several_inputs_come_by_name() -> None:
    graph = tiny(
        populations=(
            population("a", "Input", (1,)),
            population("b", "Input", (1,)),
            population("out", "LI", (1,), tau=DT),
        ),
        projections=(
            Projection("a", "out", identity((1,))),
            Projection("b", "out", identity((1,))),
        ),
    )
    x = np.ones((1, 1, 1))
    found = run_graph(graph, {"a": x, "b": 2 * x})
    assert found["out"].item() == 3.0
    with pytest.raises(ValueError, match="2 inputs"):
        run_graph(graph, x)
    with pytest.raises(ValueError, match="no values for the input 'b'"):
        run_graph(graph, {"a": x})


def test_wrong_shapes_and_orders_are_refused() -> None:
    with pytest.raises(ValueError, match="has shape"):
        run_graph(tiny(), np.ones((1, 1, 4)))
    membrane = tiny(populations=(*tiny().populations, population("out.v", "LI", (1,))))
    with pytest.raises(ValueError, match="the membrane of 'out'"):
        run_graph(membrane, np.ones((1, 1, 3)))
    backwards = tiny(populations=(tiny().populations[0], *tiny().populations[:0:-1]))
    with pytest.raises(ValueError, match="runs later"):
        run_graph(backwards, np.ones((1, 1, 3)))
