"""What is listed as unpriced: every event that happened and has no price, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.energy import LayerCounts
from snn2chip.energy.terms import KINDS
from snn2chip.targets import Constant, CostTable
from tests.energy.test_price import COUNTS, INPUT, priced

Names = frozenset[str]

STATES = ("priced", "unknown", "included", "absent")
NAMES = (
    "e_synop", "e_synop_dense", "e_synop_conv", "e_synop_sparse", "e_neuron", "e_packet_out",
    "e_packet_in", "e_hop_ew", "e_hop_ns", "p_static_chip",
)  # fmt: skip


def costs(states: dict[str, str]) -> CostTable:
    def named(state: str) -> tuple[str, ...]:
        return tuple(name for name, given_ in states.items() if given_ == state)

    constants = {name: Constant(2.0, "derived", "a test") for name in named("priced")}
    return CostTable("t", "l", "per_term", constants, named("unknown"), named("included"))


def layer(dense: int, conv: int, identity: int, packets: int, hops: tuple[int, int]) -> LayerCounts:
    events = {"dense": dense, "conv": conv, "identity": identity}
    total = sum(events.values())
    return LayerCounts(
        "hidden", "LIF", (3,), 3, 12, 1, 2, 0.1, total, events, 18, 11, packets, packets, 0, *hops
    )


@settings(max_examples=200)
@given(
    st.fixed_dictionaries({name: st.sampled_from(STATES) for name in NAMES}),
    st.builds(
        layer,
        *(st.integers(0, 2) for _ in range(4)),
        st.tuples(st.integers(0, 2), st.integers(0, 2)),
    ),
)
def test_an_event_is_listed_exactly_where_it_has_no_price(
    states: dict[str, str], hidden: LayerCounts
) -> None:
    quiet = replace(INPUT, spikes=0, packets=0, packets_within_tile=0, hops_x=0, hops_y=0)
    report = priced(costs(states), replace(COUNTS, layers=(quiet, hidden)))
    listed = {line.split(":")[0] for line in report.unpriced}

    def lacks(*names: str) -> bool:
        """Whether none of the names has a price, here or within another one."""
        return not any(states[name] in ("priced", "included") for name in names)

    for kind in KINDS:
        stored = f"e_synop_{'sparse' if kind == 'identity' else kind}"
        if hidden.events_by_operator.get(kind) and lacks(stored, "e_synop"):
            assert {stored, "e_synop"} & listed, kind
    for name, happens in (("e_hop_ew", hidden.hops_x), ("e_hop_ns", hidden.hops_y)):
        assert (name in listed) == (states[name] == "unknown" or bool(happens and lacks(name)))
    assert ("p_static_chip" in listed) == lacks("p_static_chip")
    if lacks("e_packet_out") and lacks("e_packet_in") and hidden.packets:
        assert "e_packet_out" in listed
        assert report.layers[1].energy_pj.packet is None
    for name, state in states.items():
        assert state not in ("priced", "included") or name not in listed
        assert state != "unknown" or name in listed


@given(st.fixed_dictionaries({name: st.sampled_from(STATES) for name in NAMES}))
def test_a_column_is_null_where_nothing_of_it_has_a_price(states: dict[str, str]) -> None:
    report = priced(costs(states))
    energies = report.layers[1].energy_pj
    columns = (
        (energies.neuron, ("e_neuron",)),
        (energies.packet, ("e_packet_out", "e_packet_in")),
    )
    for value, names in columns:
        assert (value is None) == (not any(states[name] == "priced" for name in names))
    known = [v for v in (energies.synapse, energies.neuron, energies.packet, energies.hop) if v]
    assert (energies.total or 0.0) == pytest.approx(sum(known))
