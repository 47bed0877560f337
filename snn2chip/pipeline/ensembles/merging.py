"""Energy reports of parts of a run as one: totals add up, means are over the samples of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest

import numpy as np

from snn2chip.energy import (
    CoreCost,
    CoreCosts,
    EnergyRange,
    EnergyReport,
    EnergyTotals,
    InputCounts,
    Layer,
    LayerCounts,
    LayerEnergy,
    RealTime,
)
from snn2chip.mapping.routes import NO_LINKS, LinkLoads, added_loads

_COUNTED = (
    "spikes", "synaptic_events", "neuron_steps", "neuron_updates", "packets", "packets_sent",
    "packets_within_tile", "packets_between_chips", "hops_x", "hops_y", "chip_hops",
)  # fmt: skip
_TERMS = ("synapse", "neuron", "packet", "hop", "total")


def merged(reports: Sequence[EnergyReport], samples: int, steps: int) -> EnergyReport:
    """One report of several, of the same network, target and table.

    Args:
        reports: of runs of parts of the samples, a sample being in several of them where it was
            shown several times; a layer may be missing in some.
        samples: of the whole run, by which means are taken.
        steps: graph steps per sample, which a layer's spike rate is of.
    """
    first = reports[0]
    longest = max(reports, key=lambda r: (r.latency_us or 0.0) * r.samples)

    def mean(of: Callable[[EnergyReport], float | None]) -> float | None:
        total = _sum(None if (x := of(r)) is None else x * r.samples for r in reports)
        return None if total is None else total / samples

    return replace(
        first,
        samples=samples,
        layers=_layers(reports, samples * steps),
        dynamic_pj=_sum(r.dynamic_pj for r in reports),
        static_pj=_sum(r.static_pj for r in reports),
        total_pj=_sum(r.total_pj for r in reports),
        latency_us=mean(lambda r: r.latency_us),
        step_ns=_steps(reports, samples),
        bottleneck=longest.bottleneck,
        unpriced=_all(r.unpriced for r in reports),
        assumptions=_all(r.assumptions for r in reports),
        range=_range(reports, samples),
        real_time=_real_time([r for r in reports if r.real_time is not None]),
        cycles=mean(lambda r: r.cycles),
        by_core=_by_core(reports, longest, samples * steps),
        links=_links([r.links for r in reports]),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    """Of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _all(lines: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for each in lines for line in each))


def _layers(reports: Sequence[EnergyReport], occasions: int) -> tuple[Layer, ...]:
    order = dict.fromkeys(layer.counts.name for r in reports for layer in r.layers)
    of = {name: [] for name in order}  # type: dict[str, list[Layer]]
    for report in reports:
        for layer in report.layers:
            of[layer.counts.name].append(layer)
    return tuple(
        Layer(
            _counts([layer.counts for layer in each], occasions),
            _energies([layer.energy_pj for layer in each]),
            _sum(layer.time_ns for layer in each),
        )
        for each in of.values()
    )


def _counts(parts: Sequence[LayerCounts], occasions: int) -> LayerCounts:
    """Totals of one layer, or core."""
    first = parts[0]
    summed = {name: sum(getattr(part, name) for part in parts) for name in _COUNTED}
    operators = dict.fromkeys(kind for part in parts for kind in part.events_by_operator)
    size = first.neurons * occasions
    return replace(
        first,
        **summed,
        spike_rate=summed["spikes"] / size if size else 0.0,
        events_by_operator={
            kind: sum(part.events_by_operator.get(kind, 0) for part in parts)
            for kind in sorted(operators)
        },
        inputs=tuple(_input(each) for each in zip(*(part.inputs for part in parts), strict=True)),
    )


def _input(parts: Sequence[InputCounts]) -> InputCounts:
    return replace(
        parts[0],
        spikes=sum(part.spikes for part in parts),
        synaptic_events=sum(part.synaptic_events for part in parts),
    )


def _energies(parts: Sequence[LayerEnergy]) -> LayerEnergy:
    return LayerEnergy(*(_sum(getattr(part, term) for part in parts) for term in _TERMS))


def _steps(reports: Sequence[EnergyReport], samples: int) -> tuple[float, ...]:
    """Mean time per sample that goes into each chip step, over all rounds."""
    columns = zip_longest(*(r.step_ns for r in reports), fillvalue=0.0)
    weights = [r.samples for r in reports]
    return tuple(float(np.dot(column, weights)) / samples for column in columns)


def _range(reports: Sequence[EnergyReport], samples: int) -> EnergyRange | None:
    ranges = [(r.range, r.samples) for r in reports if r.range is not None]
    if len(ranges) < len(reports):
        return None

    def end(totals: list[tuple[EnergyTotals, int]]) -> EnergyTotals:
        elapsed = _sum(None if t.latency_us is None else t.latency_us * n for t, n in totals)
        return EnergyTotals(
            _sum(t.dynamic_pj for t, _ in totals),
            _sum(t.static_pj for t, _ in totals),
            _sum(t.total_pj for t, _ in totals),
            None if elapsed is None else elapsed / samples,
        )

    return EnergyRange(end([(r.low, n) for r, n in ranges]), end([(r.high, n) for r, n in ranges]))


def _real_time(reports: Sequence[EnergyReport]) -> RealTime | None:
    """The longest work of a tick; the share of late work is the mean over what was shown."""
    known = [(r.real_time, r.samples) for r in reports if r.real_time is not None]
    if not known:
        return None
    worst = max((found for found, _ in known), key=lambda found: found.busiest_ns or 0.0)
    shown = sum(n for _, n in known)
    late = _sum(None if found.late is None else found.late * n for found, n in known)
    return replace(worst, late=None if late is None else late / shown)


def _by_core(
    reports: Sequence[EnergyReport], longest: EnergyReport, occasions: int
) -> CoreCosts | None:
    """Costs by core; which core each step waits for is that of the reports that lasts longest."""
    if longest.by_core is None:
        return None
    of: dict[int, list[CoreCost]] = {}
    for report in reports:
        for cost in () if report.by_core is None else report.by_core.cores:
            of.setdefault(cost.core, []).append(cost)
    cores = tuple(
        CoreCost(
            core=core,
            layers=max((cost.layers for cost in of[core]), key=len),
            counts=_counts([cost.counts for cost in of[core]], occasions),
            packets_in=sum(cost.packets_in for cost in of[core]),
            energy_pj=_energies([cost.energy_pj for cost in of[core]]),
            busy_ns=_sum(cost.busy_ns for cost in of[core]),
        )
        for core in sorted(of)
    )
    return replace(longest.by_core, cores=cores)


def _links(loads: Sequence[LinkLoads]) -> LinkLoads:
    known = [each for each in loads if each.packets.size]
    return added_loads(known) if known else NO_LINKS
