"""What a core's events take, for the mapper: the prices of the ``simple`` time model."""

from __future__ import annotations

from snn2chip.energy.terms import KINDS, synop_names
from snn2chip.mapping import Work
from snn2chip.targets.types import CostTable


def work_of(table: CostTable) -> Work | None:
    """Times of a core's events in ns; None where the table times neither neurons nor synapses.

    Cycles count as the time that the table's clock makes of them.
    """
    clock = table.value("clock_mhz")

    def ns(*names: str) -> float:
        for name in names:
            if (value := table.value(f"t_{name}")) is not None:
                return value
            cycles = table.value(f"cycles_{name}")
            if cycles is not None and clock:
                return cycles * 1000.0 / clock
        return 0.0

    inactive, active = ns("neuron_inactive"), ns("neuron_active")
    work = Work(
        visit=ns("neuron") + ns("neuron_access") + inactive,
        update=ns("neuron_update_extra") + max(0.0, active - inactive),
        spike=ns("spike_out_extra"),
        packet_out=ns("packet_out"),
        packet_in=ns("packet_in"),
        synop={
            kind: ns(*(name.removeprefix("t_") for name in synop_names("t", kind)))
            for kind in KINDS
        },
        serial=table.work == "serial",
    )
    return work if any((work.visit, work.update, *work.synop.values())) else None
