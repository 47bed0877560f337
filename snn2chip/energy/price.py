"""Counts times the constants of one cost table: energy by layer and term, unpriced terms named.

Static energy is a line of its own: power x modelled time (mW x ns = pJ). A term without a price
is None, never 0, and listed.
"""

from __future__ import annotations

from collections.abc import Iterable

from snn2chip.energy.terms import ENERGY, energy, meaning, table_of
from snn2chip.energy.time import Timing, model_time
from snn2chip.energy.types import Counts, EnergyReport, Layer, LayerCounts, LayerEnergy
from snn2chip.targets.types import CostTable, Target

_STATIC = "p_static_chip"
_NS_PER_US = 1000.0


def price(counts: Counts, target: Target, table_name: str | None = None) -> EnergyReport:
    """Price counts with a cost table of a target, its default one unless named.

    Raises:
        ConfigError: the target has no such table.
    """
    table = table_of(target, table_name)
    timing, lacking = model_time(counts, table)
    priced = [layer_energy(layer, table) for layer in counts.layers]
    dynamic = _sum(energies.total for energies, _ in priced)
    chips = _chips(counts, target)
    static = _static(timing, table, chips)
    steps = None if timing is None else timing.step_ns
    return EnergyReport(
        table=table.name,
        label=table.label,
        samples=counts.samples,
        layers=tuple(
            Layer(layer, energies, None if timing is None else timing.layers_ns[layer.name])
            for layer, (energies, _) in zip(counts.layers, priced, strict=True)
        ),
        dynamic_pj=dynamic,
        static_pj=static,
        total_pj=_sum((dynamic, static)),
        latency_us=None if steps is None else float(steps.sum()) / counts.samples / _NS_PER_US,
        step_ns=() if steps is None else tuple(float(ns) for ns in steps.mean(axis=1)),
        bottleneck=None if timing is None else timing.bottleneck,
        unpriced=_unpriced(table, timing, [name for _, names in priced for name in names], lacking),
        assumptions=_assumptions(table, timing, static, chips),
        links=counts.links,
    )


def layer_energy(layer: LayerCounts, table: CostTable) -> tuple[LayerEnergy, list[str]]:
    """Energy of a layer by group, and the names of what has no price."""
    if table.scope == "all_in":
        synapse, lacking = energy(layer, ENERGY["synapse"], table)
        return LayerEnergy(synapse, None, None, None, synapse), lacking
    parts = {name: energy(layer, group, table) for name, group in ENERGY.items()}
    total = _sum(value for value, _ in parts.values())
    columns = LayerEnergy(**{name: value for name, (value, _) in parts.items()}, total=total)
    return columns, [name for _, names in parts.values() for name in names]


def _chips(counts: Counts, target: Target) -> int:
    """Chips that the mapping spans: more than one where it does not fit."""
    cores = target.limit("cores")
    highest = int(counts.series.cores.max(initial=0))
    return 1 if cores is None else highest // cores + 1


def _static(timing: Timing | None, table: CostTable, chips: int) -> float | None:
    """Static energy in pJ of all chips over all samples."""
    power = table.value(_STATIC)
    if power is None or timing is None or table.scope == "all_in":
        return None
    return power * chips * float(timing.step_ns.sum())


def _sum(values: Iterable[float | None]) -> float | None:
    """Sum of what is priced; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _unpriced(
    table: CostTable, timing: Timing | None, energies: list[str], times: list[str]
) -> tuple[str, ...]:
    """One line for each term without a price, each once."""
    names = [*energies, *times]
    if table.scope == "all_in":
        return tuple(meaning(name) for name in dict.fromkeys(names))
    if _STATIC not in table.constants:
        names.append(_STATIC)
    lines = [meaning(name) for name in dict.fromkeys([*names, *table.unknown])]
    if _STATIC in table.constants and timing is None:
        lines.append("static energy: its power is known, the time is not")
    return tuple(lines)


def _assumptions(
    table: CostTable, timing: Timing | None, static: float | None, chips: int
) -> tuple[str, ...]:
    """What the figures rest on, one sentence each."""
    found = [
        "packets are unicast: one per spike and distinct destination core",
        "inputs are priced for their packets and hops only",
    ]
    if table.scope == "all_in":
        found.append("e_synop is an all-in figure: power of the whole chip over its event rate")
    if "e_spike_tile" in table.constants:
        found.append("a packet to another tile costs its hops, one within a tile e_spike_tile")
    if timing is not None:
        found += [
            "time of a step: the larger of the busiest sender's and the busiest receiver's time, "
            "which overlap, plus the barrier; travel over the mesh and congestion are left out",
            "time counts every chip step, in which each mapped neuron is visited; energy counts "
            "the steps of each layer's window",
        ]
        if (barrier := table.lookup("t_barrier")) is not None:
            found.append(
                f"barrier: linear between the published times of {min(barrier)} and {max(barrier)} "
                "tiles"
            )
    if static is not None:
        found.append(
            f"static energy: {chips} chip{'s' if chips > 1 else ''} over the modelled time"
        )
    return tuple(found)
