"""An ensemble in words and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snn2chip.pipeline import EnsemblePoint
from snn2chip.report.ensemble.types import EnsembleInfo
from snn2chip.report.numbers import accuracy, energy, plural, share, shown, time

if TYPE_CHECKING:
    from rich.table import Table


def setting(point: EnsemblePoint) -> str:
    """``2 members``, ``confidence 0.9``."""
    if point.policy == "budget":
        return plural(int(point.setting), "member")
    return f"{point.policy} {point.setting:.4g}"


def sentence(info: EnsembleInfo) -> str:
    """Who answers, in words."""
    if info.policy == "budget":
        said = f"a budget of {plural(int(info.setting), 'member')}"
    else:
        word = "below" if info.policy == "entropy" else "above"
        said = f"{info.policy} {word} {info.setting:.4g}"
    mean = f"{info.active_members:.2f} of {plural(len(info.members), 'member')} active in the mean"
    rounds = "" if info.rounds == 1.0 else f", {info.rounds:.2f} rounds"
    return f"{said}: {mean}{rounds}; idle members are {info.idle}"


def member_table(info: EnsembleInfo, width: int) -> Table:
    """A row per member, in their order."""
    from snn2chip.report.terminal.tables import fitted, named

    table = named("Members in their order", "member")
    for head in ("neurons", "synapses", "cores", "active %", "alone"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in info.members:
        counts = (f"{n:,}" for n in (row.neurons, row.synapses, row.cores))
        table.add_row(shown(row.name), *counts, share(row.active), accuracy(row.accuracy))
    return fitted(table, width, ("synapses", "neurons"))


def curve_table(info: EnsembleInfo, width: int) -> Table:
    """A row per setting of the policy; the report's own is marked."""
    from snn2chip.report.terminal.tables import fitted, named

    table = named("Figures per inference by who answers", "setting")
    for head in ("members", "accuracy", "energy", "dynamic", "latency"):
        table.add_column(head, justify="right", no_wrap=True)
    for point in info.curve:
        table.add_row(
            setting(point) + (" *" if point.own else ""),
            f"{point.members:.2f}",
            accuracy(point.accuracy),
            energy(point.energy_nj),
            energy(point.dynamic_nj),
            time(point.latency_us),
        )
    return fitted(table, width, ("dynamic", "latency"))
