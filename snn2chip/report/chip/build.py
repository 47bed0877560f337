"""From a result to rows by core, limit, link, chip step and price."""

from __future__ import annotations

from collections import defaultdict

from snn2chip.energy.types import CoreCost, EnergyReport
from snn2chip.mapping.routes import LinkLoads
from snn2chip.mapping.use import LimitUse
from snn2chip.pipeline import Result
from snn2chip.report.chip.types import (
    CoreRow,
    LayerNeed,
    LimitRow,
    LinkRow,
    Load,
    MeshInfo,
    Price,
    StepRow,
    StepTimes,
    Utilization,
)
from snn2chip.targets.types import Target
from snn2chip.targets.vocabulary import COSTS


def mesh(target: Target) -> MeshInfo:
    """The mesh of one chip."""
    return MeshInfo(target.mesh.columns, target.mesh.rows, target.mesh.cores_per_tile)


def cores(result: Result, uses: tuple[LimitUse, ...]) -> tuple[CoreRow, ...]:
    """Rows of the used cores, ascending; empty where costs by core are not known."""
    by_core = result.energy.by_core
    return () if by_core is None else tuple(_core(result, cost, uses) for cost in by_core.cores)


def _core(result: Result, cost: CoreCost, uses: tuple[LimitUse, ...]) -> CoreRow:
    place = result.mapping.places[cost.core]
    return CoreRow(
        core=cost.core,
        chip=place.chip,
        tile=place.tile,
        x=place.x,
        y=place.y,
        layers=dict(sorted(cost.layers.items(), key=lambda item: (-item[1], item[0]))),
        loads=tuple(
            Load(use.limit, use.unit, use.used[cost.core], use.per_core)
            for use in uses
            if use.used.get(cost.core)
        ),
        synaptic_events=cost.counts.synaptic_events,
        neuron_updates=cost.counts.neuron_updates,
        packets_out=cost.counts.packets,
        packets_in=cost.packets_in,
        energy_pj=cost.energy_pj.total,
        busy_ns=cost.busy_ns,
    )


def utilization(result: Result, uses: tuple[LimitUse, ...]) -> Utilization:
    """Required and occupied cores, and the use of each limit."""
    bounds = [use.required_cores for use in uses if use.required_cores is not None]
    apart: dict[str, int] = defaultdict(int)
    for use in uses:
        for need in use.layers:
            apart[need.layer] = max(apart[need.layer], need.required_cores)
    return Utilization(
        required_cores=max(bounds, default=None),
        required_apart=sum(apart.values()) if apart else None,
        occupied_cores=len(
            {core for n in result.mapping.assignment.values() for core in n.tolist()}
        ),
        limits=tuple(map(_limit, uses)),
    )


def _limit(use: LimitUse) -> LimitRow:
    fullest = max(use.used, key=lambda core: use.used[core], default=None)
    return LimitRow(
        limit=use.limit,
        unit=use.unit,
        per_core=use.per_core,
        needed=use.needed,
        required_cores=use.required_cores,
        fullest_core=fullest,
        fullest_used=0 if fullest is None else use.used[fullest],
        mean_used=sum(use.used.values()) / len(use.used) if use.used else 0.0,
        layers=tuple(LayerNeed(n.layer, n.needed, n.required_cores) for n in use.layers),
    )


def links(loads: LinkLoads) -> tuple[LinkRow, ...]:
    """Rows of the links that packets cross."""
    table = (loads.x, loads.y, loads.to_x, loads.to_y, loads.packets)
    return tuple(LinkRow(*row) for row in zip(*(part.tolist() for part in table), strict=True))


def step_times(energy: EnergyReport) -> StepTimes | None:
    """Times of the chip steps, None where no time is modelled."""
    if not energy.step_ns:
        return None
    by_core, number = energy.by_core, len(energy.step_ns)
    known = by_core is not None and bool(by_core.slowest)
    slowest = by_core.slowest if by_core is not None and known else (None,) * number
    barrier = by_core.barrier_ns if by_core is not None else None
    whole = sum(energy.step_ns)
    return StepTimes(
        barrier_ns=barrier,
        barrier_share=None if barrier is None or not whole else barrier * number / whole,
        steps=tuple(
            StepRow(step, float(ns), found)
            for step, (ns, found) in enumerate(zip(energy.step_ns, slowest, strict=True))
        ),
    )


def prices(result: Result) -> tuple[Price, ...]:
    """Every constant of the cost table that priced the run."""
    table = result.target.costs.get(result.energy.table)
    constants = table.constants.items() if table else ()
    return tuple(
        Price(
            name=name,
            meaning=COSTS[name].meaning if name in COSTS else "",
            value=constant.value,
            unit=COSTS[name].unit if name in COSTS else "",
            grade=constant.grade,
            source=constant.source,
            low=constant.low,
            high=constant.high,
            range_source=constant.range_source,
        )
        for name, constant in constants
    )
