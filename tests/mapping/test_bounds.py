"""Lower bounds hold for every mapping, and are met where they can be."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Program
from snn2chip.mapping import Plan, map_program
from snn2chip.mapping.bounds import bounds
from snn2chip.mapping.partition.estimate import Estimator
from tests.energy.networks import mappings, programs, random_activity, two_layers
from tests.mapping.test_objectives import goal_of
from tests.mapping.test_partition import LOIHI1, limited


@settings(max_examples=40, deadline=None)
@given(st.data(), programs(), st.integers(1, 30))
def test_no_mapping_that_fits_is_below_the_bounds(
    data: st.DataObject, network: Program, neurons: int
) -> None:
    target = limited(LOIHI1, neurons_per_core=neurons)
    goal = goal_of(network, random_activity(network, 3, 2, 0))
    for mapping in (data.draw(mappings(network)), map_program(network, target)[0]):
        least = bounds(network, target, mapping, goal)
        packets, busiest = Estimator(network, goal).totals(mapping.assignment)
        assert least.busiest_ns <= busiest * (1 + 1e-12)
        fits = not {v.rule for v in map_program(network, target, mapping)[1]}
        if fits:
            assert least.packets <= packets
            assert least.cores <= mapping.cores_used


def test_a_dense_network_meets_its_bounds() -> None:
    network = two_layers(6, 8, 3)
    target = limited(LOIHI1, neurons_per_core=4)
    goal = goal_of(network, random_activity(network, 3, 2, 0))
    mapping, _ = map_program(network, target, None, Plan("packets"), goal)
    least = bounds(network, target, mapping, goal)
    packets, _ = Estimator(network, goal).totals(mapping.assignment)
    assert packets == least.packets
    assert least.cores == -(-17 // 4)
    assert mapping.cores_used == 5, "input 4 + 2, hidden 4 + 4, output 3: two share a core"
