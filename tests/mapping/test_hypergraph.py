"""Mt-KaHyPar's parts: hidden groups are found, and every limit is kept after the repair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Program
from snn2chip.errors import ConfigError
from snn2chip.graph.operators import Sparse
from snn2chip.mapping import Plan, map_program
from snn2chip.mapping.partition import hypergraph
from snn2chip.mapping.partition.estimate import Estimator
from tests.energy.networks import population, program, programs, project, random_activity
from tests.mapping.test_objectives import goal_of
from tests.mapping.test_partition import LOIHI1, limited


def groups(number: int = 4, size: int = 12, seed: int = 0) -> Program:
    """Neurons in hidden groups: each reaches three of its own group, which lies anywhere."""
    rng = np.random.default_rng(seed)
    hidden = rng.permutation(number * size).reshape(number, size)
    ends = np.empty((number * size, 3), np.int32)
    for group in hidden:
        for neuron in group:
            ends[neuron] = np.sort(rng.choice(group, 3, replace=False))
    first = np.arange(0, ends.size + 1, 3)
    neurons = (number * size,)
    operator = Sparse(np.ones(ends.size), ends.reshape(-1), first, neurons, neurons)
    return program([population("a", neurons)], [project("a", "a", operator)])


def test_hidden_groups_are_found() -> None:
    pytest.importorskip("mtkahypar")
    network = groups()
    target = limited(LOIHI1, neurons_per_core=12)
    goal = goal_of(network, random_activity(network, 3, 2, 0))
    estimator = Estimator(network, goal)
    plain, _ = map_program(network, target)
    mapping, found = map_program(network, target, None, Plan("packets", "hypergraph"), goal)
    assert found == ()
    spikes = goal.traffic.spikes["a"].sum()
    assert estimator.totals(mapping.assignment)[0] == spikes, "one packet for every spike"
    assert estimator.totals(plain.assignment)[0] > 2 * spikes


@settings(max_examples=20, deadline=None)
@given(programs(), st.integers(1, 9), st.integers(4, 40), st.integers(1, 30))
def test_the_repair_keeps_what_the_fill_in_order_keeps(
    network: Program, neurons: int, words: int, axons: int
) -> None:
    pytest.importorskip("mtkahypar")
    target = limited(
        LOIHI1,
        neurons_per_core=neurons,
        synaptic_words_per_core=words,
        axons_in_per_core=axons,
        axons_out_per_core=10**6,
    )
    goal = goal_of(network, random_activity(network, 3, 2, 0))
    plan = Plan("packets", "hypergraph", seed=1)
    mapping, found = map_program(network, target, None, plan, goal)
    _, broken = map_program(network, target)
    assert {v.rule for v in found} <= {v.rule for v in broken}
    assert {name: cores.size for name, cores in mapping.assignment.items()} == {
        p.name: p.size for p in network.populations
    }
    again, _ = map_program(network, target, None, plan, goal)
    for name, cores in mapping.assignment.items():
        np.testing.assert_array_equal(cores, again.assignment[name])


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hypergraph, "find_spec", lambda name: None)
    network = groups()
    with pytest.raises(ConfigError, match="hypergraph") as raised:
        map_program(network, LOIHI1, None, Plan("packets", "hypergraph"))
    assert "snn2chip[mapping]" in str(raised.value)
    mapping, _ = map_program(network, LOIHI1, None, Plan("packets"))
    assert "without Mt-KaHyPar" in mapping.notes[0]
