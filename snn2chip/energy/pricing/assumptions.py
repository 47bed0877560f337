"""What the figures of a cost table rest on, one sentence each, for the report."""

from __future__ import annotations

from snn2chip.energy.pricing import memory
from snn2chip.energy.time import Timing
from snn2chip.energy.types import Counts, EnergyTotals
from snn2chip.targets.types import CostTable

_BOARD = "p_board_idle"
_NS_PER_US = 1000.0
_US_PER_S = 1e6
_MW_PER_W = 1e3
_PJ_PER_MJ = 1e9
_LEFT_OUT = "travel over the mesh and congestion are left out"
_DETAILED = (
    "until the last message is taken in, plus the barrier; messages go along x, then y, wait for "
    "links that are full, and are taken in one at a time"
)


_UNICAST = "packets are unicast: one per spike and distinct destination core"
_COPIES = "packets are multicast: one leaves its core per spike, routers copy it where routes part"


def assumptions(
    counts: Counts, table: CostTable, timing: Timing | None, totals: EnergyTotals, chips: int
) -> tuple[str, ...]:
    """Sentences on packets, on what is included, on the time and on the static energy."""
    found = list(memory.ASSUMPTIONS) if table.formula == "memory" else _events(table, counts)
    if timing is not None:
        found += _time(table, timing)
    if totals.static_pj is not None:
        found.append(_static(table, chips, counts.cores_used))
        found += _board(table, counts, totals)
    if table.has_ranges:
        found.append("range: every constant at its low end, and every constant at its high end")
    return tuple(found)


def _board(table: CostTable, counts: Counts, totals: EnergyTotals) -> list[str]:
    """What a whole board takes for the same, where its idle power is known."""
    idle_mw = table.value(_BOARD)
    if idle_mw is None or totals.latency_us is None:
        return []
    time_s = totals.latency_us / _US_PER_S
    dynamic_mj = (totals.dynamic_pj or 0.0) / counts.samples / _PJ_PER_MJ
    return [
        f"a whole board draws {idle_mw / _MW_PER_W:.4g} W idle, all its chips included: "
        f"{idle_mw * time_s + dynamic_mj:.4g} mJ per inference with what is dynamic here"
    ]


def _events(table: CostTable, counts: Counts) -> list[str]:
    found = [_COPIES if counts.copies else _UNICAST]
    if table.scope == "all_in":
        found.append("e_synop is an all-in figure: power of the whole chip over its event rate")
    elif "e_synapse_step" in table.constants:
        found.append("every synapse counts in every step, with a spike or without")
    if table.scope == "per_term":
        found.append("inputs are priced for their packets and hops only")
    if "e_spike_tile" in table.constants:
        found.append("a packet to another tile costs its hops, one within a tile e_spike_tile")
    if table.included:
        found.append("within other prices of the table: " + ", ".join(table.included))
    return found


def _time(table: CostTable, timing: Timing) -> list[str]:
    found = []
    if timing.layers_ns:
        found += [
            f"time of a step: {_DETAILED if timing.model == 'detailed' else _busiest(table)}",
            "time counts every chip step, in which each mapped neuron is visited; energy counts "
            "the steps of each layer's window",
        ]
    if (barrier := table.lookup("t_barrier")) is not None:
        found.append(
            f"barrier: linear between the published times of {min(barrier)} and {max(barrier)} "
            "tiles"
        )
    return found + _ticks(timing)


def _busiest(table: CostTable) -> str:
    if table.work == "serial":
        return f"the busiest core's, which sends and receives one after the other; {_LEFT_OUT}"
    return (
        "the larger of the busiest sender's and the busiest receiver's time, which overlap, plus "
        f"the barrier; {_LEFT_OUT}"
    )


def _ticks(timing: Timing) -> list[str]:
    check = timing.real_time
    if check is None:
        return []
    tick = f"{check.tick_ns / _NS_PER_US:g} us"
    found = [f"a step takes a tick of {tick}, in real time"]
    if check.busiest_ns is None:
        found.append(
            "whether cores do their work within a tick is not checked: no time of "
            "synaptic events and neurons is known (t_synop, t_neuron)"
        )
    elif check.kept:
        found.append(
            f"real time is kept: core {check.core} is busiest, {check.busiest_ns / _NS_PER_US:.3g} "
            f"of {tick}"
        )
    else:
        found.append("real time is not kept: a tick with more work lasts as long as its work")
    return found


def _static(table: CostTable, chips: int, cores: int) -> str:
    parts = []
    if "p_static_chip" in table.constants or "p_clock_per_mhz" in table.constants:
        parts.append(f"{chips} chip{'s' if chips > 1 else ''}")
    if "p_clock_per_mhz" in table.constants:
        parts.append(f"a clock of {table.value('clock_mhz'):g} MHz")
    if "p_active_core" in table.constants:
        parts.append(f"{cores} core{'s' if cores > 1 else ''} in use")
    return f"static energy: {', '.join(parts)} over the modelled time"
