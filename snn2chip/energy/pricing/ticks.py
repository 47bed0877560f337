"""The check of real time: a chip with ticks must do the work of a tick within it."""

from __future__ import annotations

from snn2chip.core import Limit, Violation
from snn2chip.energy.types import EnergyReport
from snn2chip.targets.types import Target

_NS_PER_US = 1000.0

REAL_TIME = Limit(
    "real-time",
    "t_tick",
    "a core does the work of each tick within the tick",
    "fewer neurons or synapses on the core, fewer spikes, or a longer tick",
)


def late_ticks(report: EnergyReport, target: Target) -> tuple[Violation, ...]:
    """A violation where the work of some core takes longer than a tick, else nothing."""
    check = report.real_time
    if check is None or check.busiest_ns is None or check.late is None or check.kept:
        return ()
    found = REAL_TIME.broken(
        target.name,
        f"core {check.core} with population {check.layer!r}",
        f"{check.busiest_ns / _NS_PER_US:.4g} us in its busiest tick; "
        f"{100 * check.late:.2g} % of all cores' ticks are too long",
        f"ticks of {check.tick_ns / _NS_PER_US:g} us",
        target.costs[report.table].constants["t_tick"].source,
    )
    return (found,)
