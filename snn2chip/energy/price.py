"""Counts times the constants of one cost table: energy by layer and term, unpriced terms named.

Static energy is a line of its own: power x modelled time (mW x ns = pJ), with::

    P = chips (p_static_chip + p_clock_per_mhz clock_mhz) + cores used p_active_core

A term without a price is None, never 0, and listed. Where constants have ranges, everything is
priced twice more, with all of them at their low and at their high ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from snn2chip.energy.congestion import detailed_time
from snn2chip.energy.pricing import memory
from snn2chip.energy.pricing.assumptions import assumptions
from snn2chip.energy.terms import energy, groups, meaning, table_of
from snn2chip.energy.time import Timing, model_time
from snn2chip.energy.types import (
    TIMINGS,
    Counts,
    EnergyRange,
    EnergyReport,
    EnergyTotals,
    Layer,
    LayerCounts,
    LayerEnergy,
)
from snn2chip.errors import ConfigError
from snn2chip.targets.types import Bound, CostTable, Target

_STATIC = "p_static_chip"
_TIMES = ("t_", "cycles_", "clock_")
_NS_PER_US = 1000.0

_Priced = list[tuple[LayerEnergy, list[str]]]
_Timed = Callable[[CostTable], tuple[Timing | None, list[str]]]


def price(
    counts: Counts, target: Target, table_name: str | None = None, timing: str = TIMINGS[0]
) -> EnergyReport:
    """Price counts with a cost table of a target, its default one unless named.

    Args:
        timing: the model of time, one of ``TIMINGS``.

    Raises:
        ConfigError: the target has no such table, or lacks what the model of time needs.
    """
    table = table_of(target, table_name)
    timed = partial(_times, counts, target, timing)
    times, lacking = timed(table)
    priced = [layer_energy(layer, table) for layer in counts.layers]
    chips = _chips(counts, target)
    totals = _totals(counts, table, priced, times, chips)
    steps = None if times is None else times.step_ns
    layers_ns = {} if times is None else times.layers_ns
    return EnergyReport(
        table=table.name,
        label=table.label,
        samples=counts.samples,
        layers=tuple(
            Layer(layer, energies, layers_ns.get(layer.name))
            for layer, (energies, _) in zip(counts.layers, priced, strict=True)
        ),
        dynamic_pj=totals.dynamic_pj,
        static_pj=totals.static_pj,
        total_pj=totals.total_pj,
        latency_us=totals.latency_us,
        step_ns=() if steps is None else tuple(float(ns) for ns in steps.mean(axis=1)),
        bottleneck=None if times is None else times.bottleneck,
        unpriced=_unpriced(table, times, [name for _, names in priced for name in names], lacking),
        assumptions=assumptions(counts, table, times, totals, chips),
        range=_range(counts, table, times, timed, chips),
        real_time=None if times is None else times.real_time,
        cycles=None if times is None else times.cycles,
        links=counts.links,
        timing=timing,
    )


def _times(
    counts: Counts, target: Target, timing: str, table: CostTable
) -> tuple[Timing | None, list[str]]:
    """Times by one of the models, and the names of constants that are lacking."""
    if timing not in TIMINGS:
        raise ConfigError(f"timing {timing!r}", needs=" or ".join(TIMINGS))
    if timing == "detailed":
        return detailed_time(counts, target, table)
    return model_time(counts, table)


def layer_energy(layer: LayerCounts, table: CostTable) -> tuple[LayerEnergy, list[str]]:
    """Energy of a layer by group, and the names of what has no price."""
    if table.formula == "memory":
        return memory.layer_energy(layer, table), []
    parts = {name: energy(layer, group, table) for name, group in groups(table).items()}
    values = {name: value for name, (value, _) in parts.items()}
    columns = {name: values.get(name) for name in ("synapse", "neuron", "packet", "hop")}
    lacking = [name for _, names in parts.values() for name in names]
    return LayerEnergy(**columns, total=_sum(values.values())), lacking


def _chips(counts: Counts, target: Target) -> int:
    """Chips that the mapping spans: more than one where it does not fit."""
    cores = target.limit("cores")
    highest = int(counts.series.cores.max(initial=0))
    return 1 if cores is None else highest // cores + 1


def _totals(
    counts: Counts, table: CostTable, priced: _Priced, timing: Timing | None, chips: int
) -> EnergyTotals:
    dynamic = _sum(energies.total for energies, _ in priced)
    power = _static_mw(table, chips, counts.cores_used)
    if timing is None:
        return EnergyTotals(dynamic, None, dynamic, None)
    elapsed_ns = float(timing.step_ns.sum())
    static = None if power is None else power * elapsed_ns
    latency = elapsed_ns / counts.samples / _NS_PER_US
    return EnergyTotals(dynamic, static, _sum((dynamic, static)), latency)


def _static_mw(table: CostTable, chips: int, cores: int) -> float | None:
    """Power that flows whatever happens; None where none of its parts is known."""
    if table.scope == "all_in":
        return None
    clock, active = table.value("p_clock_per_mhz"), table.value("p_active_core")
    parts = (
        (table.value(_STATIC), chips),
        (None if clock is None else clock * (table.value("clock_mhz") or 0.0), chips),
        (active, cores),
    )
    return _sum(None if power is None else power * number for power, number in parts)


def _range(
    counts: Counts, table: CostTable, times: Timing | None, timed: _Timed, chips: int
) -> EnergyRange | None:
    """The totals at both ends of the constants' ranges; the time where times have any."""
    if not table.has_ranges:
        return None
    moves = any(
        constant.low is not None and name.startswith(_TIMES)
        for name, constant in table.constants.items()
    )

    def end(bound: Bound) -> EnergyTotals:
        moved = table.at(bound)
        taken = timed(moved)[0] if moves else times
        priced = [layer_energy(layer, moved) for layer in counts.layers]
        return _totals(counts, moved, priced, taken, chips)

    return EnergyRange(end("low"), end("high"))


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
    if _STATIC not in table.constants and _STATIC not in table.included:
        names.append(_STATIC)
    lines = [meaning(name) for name in dict.fromkeys([*names, *table.unknown])]
    if _STATIC in table.constants and timing is None:
        lines.append("static energy: its power is known, the time is not")
    return tuple(lines)
