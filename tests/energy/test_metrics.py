"""NeuroBench's metrics against a count over explicit lists of synapses."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.core import Activity, Program
from snn2chip.energy.metrics import neurobench
from snn2chip.graph import Conv, Dense, Discretization, Encoding, Graph, ModuleSize, Projection
from snn2chip.graph.linear import apply
from snn2chip.graph.operators import Identity, weights_of, with_weights
from tests.energy.networks import programs, random_activity, two_layers
from tests.energy.oracle import synapse_list


def described(program: Program, **changes: object) -> Graph:
    """A graph of a program's operators: all that the metrics ask of it."""
    projections = tuple(Projection(p.source, p.target, p.operator) for p in program.projections)
    graph = Graph("net", (), projections, program.outputs, Discretization("norse", 1e-3))
    return replace(graph, **changes)  # type: ignore[arg-type]


def pruned(program: Program, seed: int) -> Program:
    """The program with random integer weights, many of them zero."""
    rng = np.random.default_rng(seed)
    projections = tuple(
        p
        if isinstance(p.operator, Identity)
        else replace(
            p,
            operator=with_weights(
                p.operator, rng.integers(-1, 2, weights_of(p.operator).shape).astype(float)
            ),
        )
        for p in program.projections
    )
    return replace(program, projections=projections)


def weight_at(operator: Conv | Dense, source: int, target: int) -> float:
    """A weight by definition: what a single spike of the source gives the target."""
    if isinstance(operator, Dense):
        return float(operator.weight[target, source])
    spike = np.zeros(operator.source_shape)
    spike.flat[source] = 1.0
    return float(apply(operator, spike).flat[target])


@given(network=programs(), seed=st.integers(0, 2**31 - 1), steps=st.integers(1, 4))
def test_operations_are_those_of_a_list_of_synapses(
    network: Program, seed: int, steps: int
) -> None:
    program, samples = pruned(network, seed), 2
    activity = random_activity(program, steps, samples, seed)
    dense = effective = 0
    for p in program.projections:
        if isinstance(p.operator, Identity):
            continue
        spikes = activity.populations[p.source].spikes.unpack().reshape(steps, samples, -1)
        pairs = synapse_list(p.operator)
        dense += len(pairs) * steps
        arriving = [(t, s) for t, s in product(range(steps), range(samples))]
        arriving = [(t, s) for t, s in arriving if t + p.delay.smallest < steps]
        alive = [i for i, j in pairs if weight_at(p.operator, i, j) != 0.0]
        effective += sum(int(spikes[t, s, alive].sum()) for t, s in arriving)
    found = neurobench(described(program), program, activity)
    assert found.synaptic_operations.dense == dense
    assert found.synaptic_operations.effective_acs == effective / samples
    assert found.synaptic_operations.effective_macs == 0.0


def run(**changes: object) -> tuple[Program, Activity]:
    program = pruned(replace(two_layers(), **changes), 1)  # type: ignore[arg-type]
    return program, random_activity(program, 5, 3, 2)


def test_sparsity_leaves_inputs_and_biases_out() -> None:
    program, activity = run()
    found = neurobench(described(program), program, activity)
    weights = np.concatenate([weights_of(p.operator).ravel() for p in program.projections])
    assert found.connection_sparsity == round(float((weights == 0).mean()), 4)
    flags = {n: activity.populations[n].spikes.unpack() for n in ("hidden", "out")}
    together = np.concatenate([f.ravel() for f in flags.values()])
    assert found.activation_sparsity == pytest.approx(1.0 - together.mean(), rel=1e-12)
    layers = {name: pytest.approx(1.0 - f.mean(), rel=1e-12) for name, f in flags.items()}
    assert found.activation_sparsity_by_layer == layers


def test_values_are_multiplied() -> None:
    program, activity = run(encoding=Encoding("direct", steps=5))
    spiking = neurobench(described(program), replace(program, encoding=Encoding()), activity)
    found = neurobench(described(program), program, activity).synaptic_operations
    assert found.effective_macs > 0.0 < found.effective_acs
    together = found.effective_macs + found.effective_acs
    assert together == pytest.approx(spiking.synaptic_operations.effective_acs, rel=1e-12)


def test_footprint_of_a_chip_and_of_a_module() -> None:
    program, activity = run()
    weights = sum(weights_of(p.operator).size for p in program.projections)
    graph = described(program)
    assert neurobench(graph, program, activity).footprint_bytes == weights
    narrow = tuple(replace(p, weight_bits=3) for p in program.projections)
    found = neurobench(graph, replace(program, projections=narrow), activity)
    assert found.footprint_bytes == -(-weights * 3 // 8)
    trained = replace(program, arithmetic="float64")
    assert neurobench(graph, trained, activity).footprint_bytes == 4 * weights
    exported = replace(graph, module=ModuleSize(weights + 7, 1234))
    found = neurobench(exported, trained, activity)
    assert (found.footprint_bytes, found.parameter_count) == (1234, weights + 7)


def test_membranes_are_counted_where_the_arithmetic_counts_them() -> None:
    program, activity = run()
    updated = sum(activity.populations[n].updated.total() for n in ("hidden", "out"))
    assert neurobench(described(program), program, activity).membrane_updates == updated / 3
    counted = {name: replace(p, membrane_changes=10) for name, p in activity.populations.items()}
    known = replace(activity, populations=counted)
    assert neurobench(described(program), program, known).membrane_updates == 20 / 3
