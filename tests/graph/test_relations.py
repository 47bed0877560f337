"""Changes of a network that must not change what it does, or change it in a known way.

All numbers are dyadic, so equal means equal. The networks are those of ``tests.engine.graphs``:
images, every model, integrator and reset, loops, and delays per source, target and synapse.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.graph import Delay, Dense, Graph, Population, Projection, validate
from snn2chip.graph.compose import to_dense
from snn2chip.graph.operators import Array, weights_of, with_weights
from snn2chip.graph.oracle import run_graph
from tests.engine.graphs import graphs, plain_discretizations

STEPS, SAMPLES = 10, 2
MOVED = ("v_leak", "v_threshold", "v_reset")


def drive(graph: Graph, rng: np.random.Generator) -> Array:
    shape = (STEPS, SAMPLES, *graph.inputs[0].shape)
    return (rng.random(shape) < 0.5).astype(float)


def with_neuron(population: Population, **values: Array) -> Population:
    return replace(population, neuron=replace(population.neuron, **values))


def flat(values: Array) -> Array:
    return values.reshape(STEPS, SAMPLES, -1)


def dense_only(graph: Graph) -> Graph:
    """The same network of flat populations and matrices, whose neurons can be picked."""
    populations = []
    for p in graph.populations:
        neuron: Any = p.neuron
        values = {f.name: getattr(neuron, f.name).reshape(-1) for f in fields(neuron)}
        populations.append(Population(p.name, replace(neuron, **values), (p.size,)))
    projections = []
    for j in graph.projections:
        matrix = to_dense(j.operator).weight
        operator = Dense(matrix, (matrix.shape[1],), (matrix.shape[0],))
        steps = j.delay.steps if j.delay.axis == "synapse" else j.delay.steps.reshape(-1)
        delay = Delay(j.delay.steps if j.delay.axis == "all" else steps, j.delay.axis)
        bias = None if j.bias is None else j.bias.reshape(-1)
        projections.append(Projection(j.source, j.target, operator, bias, delay))
    return replace(graph, populations=tuple(populations), projections=tuple(projections))


def pick(graph: Graph, name: str, chosen: Array, new: str) -> Graph:
    """The network with population ``name`` reduced to ``chosen`` neurons, called ``new``."""
    old = graph.population(name)
    values = {k: v[chosen] for k, v in old.neuron.parameters().items()}
    part = Population(new, replace(old.neuron, **values), (len(chosen),))
    projections = []
    for j in graph.projections:
        weight, bias, steps = weights_of(j.operator), j.bias, j.delay.steps
        if j.target == name:
            weight, bias = weight[chosen], None if bias is None else bias[chosen]
            steps = steps[chosen] if j.delay.axis in ("target", "synapse") else steps
        if j.source == name:
            weight = weight[:, chosen]
            steps = steps[chosen] if j.delay.axis == "source" else steps
            steps = steps[:, chosen] if j.delay.axis == "synapse" else steps
        ends = [new if end == name else end for end in (j.source, j.target)]
        operator = Dense(weight, (weight.shape[1],), (weight.shape[0],))
        projections.append(Projection(*ends, operator, bias, Delay(steps, j.delay.axis)))
    return replace(
        graph,
        populations=tuple(part if p.name == name else p for p in graph.populations),
        projections=tuple(projections),
        outputs=tuple(new if o == name else o for o in graph.outputs),
    )


@given(graphs(plain_discretizations()))
@settings(max_examples=20)
def test_matrices_of_flat_populations_do_what_images_do(drawn) -> None:
    graph, rng = drawn
    x, plain = drive(graph, rng), dense_only(graph)
    validate(plain)
    found, expected = run_graph(plain, flat(x)), run_graph(graph, x)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], flat(values))


@given(graphs(plain_discretizations()), st.sampled_from([0.25, 2.0, 64.0]))
@settings(max_examples=20)
def test_the_unit_of_the_membrane_does_not_matter(drawn, unit: float) -> None:
    """r, v_leak, v_threshold and v_reset in another unit: same spikes, membranes in that unit."""
    graph, rng = drawn
    populations, projections = [], list(graph.projections)
    for p in graph.populations:
        known = p.neuron.parameters()
        scaled = {k: unit * v for k, v in known.items() if k in (*MOVED, "r")}
        populations.append(with_neuron(p, **scaled))
    x = drive(graph, rng)
    expected = run_graph(graph, x)
    changed = replace(graph, populations=tuple(populations), projections=tuple(projections))
    found = run_graph(changed, x)
    for p in graph.populations:
        factor = 1.0 if p.neuron.spiking else unit
        np.testing.assert_array_equal(found[p.name], factor * expected[p.name])
        if not p.is_input:
            np.testing.assert_array_equal(found[f"{p.name}.v"], unit * expected[f"{p.name}.v"])


@given(graphs(plain_discretizations()))
@settings(max_examples=20)
def test_resistance_may_move_into_the_weights(drawn) -> None:
    graph, rng = drawn
    factor = {p.name: p.neuron.parameters().get("r", np.ones(p.shape)) for p in graph.populations}
    factor = {name: 4.0 * r for name, r in factor.items()}
    populations = [
        p if p.is_input else with_neuron(p, r=np.full(p.shape, 0.25)) for p in graph.populations
    ]
    projections = []
    for j in graph.projections:
        r = factor[j.target].reshape(-1)[0]
        assert (factor[j.target] == r).all()
        bias = None if j.bias is None else j.bias * r
        operator = with_weights(j.operator, weights_of(j.operator) * r)
        projections.append(replace(j, operator=operator, bias=bias))
    x = drive(graph, rng)
    expected = run_graph(graph, x)
    changed = replace(graph, populations=tuple(populations), projections=tuple(projections))
    for name, values in run_graph(changed, x).items():
        np.testing.assert_array_equal(values, expected[name])


@given(graphs(plain_discretizations()), st.sampled_from(["conv", "a", "b", "out"]))
@settings(max_examples=30)
def test_permuted_neurons_give_permuted_spikes(drawn, name: str) -> None:
    graph, rng = drawn
    x, graph = flat(drive(graph, rng)), dense_only(graph)
    order = rng.permutation(graph.population(name).size)
    expected = run_graph(graph, x)
    for key, values in run_graph(pick(graph, name, order, name), x).items():
        moved = key.removesuffix(".v") == name
        np.testing.assert_array_equal(values, expected[key][..., order] if moved else expected[key])


@given(graphs(plain_discretizations()), st.sampled_from(["conv", "b", "a"]))
@settings(max_examples=30)
def test_a_population_may_be_split_in_two(drawn, name: str) -> None:
    """Its halves fire as it did; the bias of a projection out of it counts once."""
    graph, rng = drawn
    x, graph = flat(drive(graph, rng)), dense_only(graph)
    size = graph.population(name).size
    chosen = rng.permutation(size)
    halves = {"left": np.sort(chosen[: size // 2]), "right": np.sort(chosen[size // 2 :])}
    parts = {new: pick(graph, name, k, new) for new, k in halves.items()}
    populations: list[Population] = []
    for p in graph.populations:
        own = [part.population(new) for new, part in parts.items()]
        populations += own if p.name == name else [p]
    projections = [j for j in graph.projections if name not in (j.source, j.target)]
    for new, part in parts.items():
        for j in part.projections:
            if j.target == new:
                projections.append(j)
            elif j.source == new:
                # "dropped" waits for the projection's least delay, so its bias goes alone
                projections.append(replace(j, bias=None))
                if new == "left" and j.bias is not None:
                    whole = next(
                        k for k in graph.projections if (k.source, k.target) == (name, j.target)
                    )
                    silent = with_weights(j.operator, 0 * weights_of(j.operator))
                    wait = Delay(np.array(whole.delay.smallest))
                    projections.append(Projection(new, j.target, silent, j.bias, wait))
    split = replace(graph, populations=tuple(populations), projections=tuple(projections))
    validate(split)
    expected, found = run_graph(graph, x), run_graph(split, x)
    for new, k in halves.items():
        np.testing.assert_array_equal(found[new], expected[name][..., k])
    for p in graph.populations:
        if p.name != name:
            np.testing.assert_array_equal(found[p.name], expected[p.name])


@given(graphs(plain_discretizations()), st.integers(0, 6))
@settings(max_examples=30)
def test_two_projections_are_the_sum_of_one(drawn, which: int) -> None:
    """A projection cut into two of parallel weights, biases and the same delay."""
    graph, rng = drawn
    whole = graph.projections[which]
    weight = weights_of(whole.operator)
    part = rng.integers(-64, 64, weight.shape) / 64
    bias = None if whole.bias is None else 0.25 * whole.bias
    rest = None if whole.bias is None else 0.75 * whole.bias
    cut = (
        replace(whole, operator=with_weights(whole.operator, part), bias=bias),
        replace(whole, operator=with_weights(whole.operator, weight - part), bias=rest),
    )
    others = graph.projections[:which] + graph.projections[which + 1 :]
    x = drive(graph, rng)
    expected = run_graph(graph, x)
    for name, values in run_graph(replace(graph, projections=(*others, *cut)), x).items():
        np.testing.assert_array_equal(values, expected[name])


@given(graphs(plain_discretizations()), st.integers(1, 3))
@settings(max_examples=20)
def test_a_delay_at_the_inputs_shifts_everything(drawn, late: int) -> None:
    """Without biases, from rest at 0, more delay behind the inputs is later input."""
    graph, rng = drawn
    bare = [replace(j, bias=None) for j in graph.projections]
    populations = []
    for p in graph.populations:
        zero = [k for k in ("v_leak", "v_reset") if hasattr(p.neuron, k)]
        populations.append(with_neuron(p, **dict.fromkeys(zero, np.zeros(p.shape))))
    slow = [
        replace(j, delay=Delay(j.delay.steps + late, j.delay.axis)) if j.source == "in" else j
        for j in bare
    ]
    x = drive(graph, rng)
    rest = replace(graph, populations=tuple(populations), projections=tuple(bare))
    expected = run_graph(rest, x)
    found = run_graph(replace(rest, projections=tuple(slow)), x)
    for p in graph.populations:
        if not p.is_input:
            np.testing.assert_array_equal(found[p.name][late:], expected[p.name][:-late])
            assert not found[p.name][:late].any()


@given(graphs(plain_discretizations()), st.integers(1, STEPS - 1))
@settings(max_examples=20)
def test_the_future_does_not_change_the_past(drawn, now: int) -> None:
    graph, rng = drawn
    x = drive(graph, rng)
    other = x.copy()
    other[now:] = 1.0 - other[now:]
    before, after, short = (run_graph(graph, v) for v in (x, other, x[:now]))
    for name, values in short.items():
        np.testing.assert_array_equal(before[name][:now], values)
        np.testing.assert_array_equal(after[name][:now], values)
