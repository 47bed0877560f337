"""Measured chips against what this tool makes of them: ``python -m benchmarks.silicon``.

Each case builds the published network and its activity, counts and prices it as a run would be,
and stands beside what was measured. Sources are in the cost tables and in docs/energy.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from benchmarks.networks import conv_network
from snn2chip.core import (
    Activity,
    Mapping,
    Place,
    PopulationActivity,
    Program,
    ProgramPopulation,
    ProgramProjection,
    Raster,
    Slice,
)
from snn2chip.energy import EnergyReport, count, price
from snn2chip.graph import Conv, Delay, Dense, Encoding, Operator, Readout
from snn2chip.mapping import map_program
from snn2chip.targets import Target, load_target

PJ_PER_MJ = 1e9
PILOTNET_EVENTS = 2.288e6
PILOTNET_STEPS = 16


@dataclass(frozen=True)
class Case:
    """One measured figure and the modelled one.

    Attributes:
        within: largest share by which they may differ, None where a bracket is all there is.
        low, high: ends of the bracket, where there is one.
    """

    name: str
    unit: str
    measured: float
    modelled: float
    within: float | None
    low: float | None = None
    high: float | None = None

    @property
    def difference(self) -> float:
        """(modelled - measured) / measured."""
        return self.modelled / self.measured - 1.0

    @property
    def holds(self) -> bool:
        """Whether the figure is as near as it should be."""
        if self.within is not None:
            return abs(self.difference) <= self.within
        return (
            self.low is not None
            and self.high is not None
            and (self.low <= self.measured <= self.high)
        )


def population(name: str, kind: str, shape: tuple[int, ...]) -> ProgramPopulation:
    """A population that no one simulates: its activity is given."""
    return ProgramPopulation(name, "input" if kind == "input" else "cuba", kind, shape)


def project(source: str, target: str, operator: Operator) -> ProgramProjection:
    """A projection without delay in 8 bits."""
    return ProgramProjection(source, target, operator, Delay(np.array(0)), {}, 8)


def program(populations: list[ProgramPopulation], projections: list[ProgramProjection]) -> Program:
    """A program of these parts."""
    last = populations[-1].name
    return Program("silicon", "none", tuple(populations), tuple(projections), (last,), Readout(),
                   Encoding())  # fmt: skip


def activity(
    steps: int, rasters: dict[str, tuple[np.ndarray, np.ndarray, tuple[int, ...]]]
) -> Activity:
    """One sample of given spikes and updates, both [step, neuron], with each shape."""
    found = {
        name: PopulationActivity(
            *(Raster.pack(flags.reshape(steps, 1, *shape), shape) for flags in (spikes, updates))
        )
        for name, (spikes, updates, shape) in rasters.items()
    }
    return Activity("given", steps, 1, found, np.zeros((1, 1)))


def frady(inputs: int, active: bool) -> EnergyReport:
    """V1: a query to 76,800 pattern neurons, each input spikes once, 60 steps, no output spike.

    Args:
        active: neurons with state count as active, which is what a simulation of them gives.
    """
    neurons, steps = 76_800, 60
    weights = np.broadcast_to(np.int8(1), (neurons, inputs))
    network = program(
        [population("input", "input", (inputs,)), population("pattern", "IF", (neurons,))],
        [project("input", "pattern", Dense(weights, (inputs,), (neurons,)))],
    )
    spikes = np.zeros((steps, inputs), bool)
    spikes[np.arange(inputs) % steps, np.arange(inputs)] = True
    none = np.zeros((steps, neurons), bool)
    updates = np.full_like(none, active)
    run = activity(
        steps, {"input": (spikes, spikes, (inputs,)), "pattern": (none, updates, (neurons,))}
    )
    chip = load_target("loihi1")
    slices = {
        "input": [Slice(0, inputs - 1, 0)],
        "pattern": [Slice(i * 1024, i * 1024 + 1023, i + 1) for i in range(neurons // 1024)],
    }
    places = {core: Place(core // 4, core // 16, core // 4 % 4) for core in range(76)}
    mapping = Mapping.from_slices("loihi1", slices, places)
    return price(count(network, run, mapping), chip, "davies2018")


def truenorth(period: int) -> float:
    """V2: 1,048,576 neurons with 128 synapses each, one spike per ``period`` ticks of 1 ms; mW.

    A 64th of the chip is counted: 16,384 neurons on 64 cores, each of them with 128 synapses.
    """
    channels, part = 128, 64
    shape = (channels, channels)
    conv = Conv(np.ones((channels, channels, 1)), shape, (1,), ((0, 0),), (1,))
    network = program([population("all", "LIF", shape)], [project("all", "all", conv)])
    neurons = prod(shape)
    spikes = np.arange(neurons) % period == np.arange(period)[:, None]
    run = activity(period, {"all": (spikes, spikes, shape)})
    chip = load_target("truenorth")
    mapping, _ = map_program(network, chip)
    report = price(count(network, run, mapping), chip, "akopyan2015")
    elapsed_ns = (report.latency_us or 0.0) * 1e3
    return (part * (report.dynamic_pj or 0.0) + (report.static_pj or 0.0)) / elapsed_ns


def odin(clock_mhz: float, table: str) -> EnergyReport:
    """V3: all 256 neurons fire through the whole crossbar as fast as the clock allows."""
    size = 256
    network = program(
        [population("input", "input", (size,)), population("core", "LIF", (size,))],
        [project("input", "core", Dense(np.ones((size, size), np.int8), (size,), (size,)))],
    )
    spikes, none = np.ones((1, size), bool), np.zeros((1, size), bool)
    run = activity(1, {"input": (spikes, spikes, (size,)), "core": (none, spikes, (size,))})
    slices = {name: [Slice(0, size - 1, 0)] for name in ("input", "core")}
    mapping = Mapping.from_slices("odin", slices, {0: Place(0, 0, 0)})
    return price(
        count(network, run, mapping), at_clock(load_target("odin"), table, clock_mhz), table
    )


def at_clock(chip: Target, table: str, clock_mhz: float) -> Target:
    """The target at another clock."""
    costs = chip.costs[table]
    clock = replace(costs.constants["clock_mhz"], value=clock_mhz)
    moved = replace(costs, constants={**costs.constants, "clock_mhz": clock})
    return replace(chip, costs={**chip.costs, table: moved})


def pilotnet() -> EnergyReport:
    """V4: lava-dl's PilotNet LIF for 16 steps at the measured events per step, spikes at random."""
    network = conv_network()
    synapses = count_synapses(network)
    rng = np.random.default_rng(0)
    rasters = {}
    for p in network.populations:
        spikes = rng.random((PILOTNET_STEPS, p.size)) < PILOTNET_EVENTS / synapses
        rasters[p.name] = (spikes, np.ones_like(spikes), p.shape)
    chip = load_target("loihi2")
    return price(
        count(network, activity(PILOTNET_STEPS, rasters), map_program(network, chip)[0]), chip
    )


def count_synapses(network: Program) -> int:
    """Synapses of all projections."""
    from snn2chip.graph.linear import synapses

    return sum(synapses(p.operator) for p in network.projections)


def power_mw(report: EnergyReport) -> float:
    """Energy over time, in mW (pJ / ns)."""
    return (report.total_pj or 0.0) / ((report.latency_us or 0.0) * 1e3)


def frady_cases() -> Iterator[Case]:
    """V1, both ends of the published spikes, with neurons counted as inactive and as active."""
    for active, within in ((False, 0.25), (True, None)):
        for inputs in (667, 750):
            report = frady(inputs, active)
            name = f"Loihi 1, kNN query, {inputs} spikes, neurons {'' if active else 'in'}active"
            modelled = (report.dynamic_pj or 0.0) / PJ_PER_MJ
            bracket = {} if within else {"low": 0.0, "high": modelled}
            yield Case(name, "mJ", 1.33, modelled, within, **bracket)


def truenorth_case() -> Case:
    """V2: the point that the fit has not seen."""
    return Case("TrueNorth, 20 Hz x 128 synapses (held out)", "mW", 71.0, truenorth(50), 0.02)


def odin_cases() -> Iterator[Case]:
    """V3: 75 MHz, and the clock at which 256 neurons at 10 Hz keep the core busy."""
    slow = 256 * 10 * 513 / 1e6
    for clock, measured in ((75.0, 477.0), (slow, 35.0)):
        for table in ("frenkel2019", "per_synop"):
            name = f"ODIN, {clock:.3g} MHz, table {table}"
            yield Case(name, "uW", measured, 1e3 * power_mw(odin(clock, table)), 0.01)


def pilotnet_case() -> Case:
    """V4: dynamic energy per frame; Loihi 2 has no published prices, so a bracket is all."""
    report = pilotnet()
    assert report.range is not None
    low, middle, high = (
        (pj or 0.0) / PJ_PER_MJ
        for pj in (report.range.low.dynamic_pj, report.dynamic_pj, report.range.high.dynamic_pj)
    )
    return Case("Loihi 2, PilotNet LIF, dynamic per frame", "mJ", 1.094, middle, None, low, high)


def cases() -> Iterator[Case]:
    """All of them, in the order of the page."""
    yield from frady_cases()
    yield truenorth_case()
    yield from odin_cases()
    yield pilotnet_case()


def main() -> None:
    """Print the table."""
    print(f"{'case':<54} {'measured':>9} {'modelled':>9}  difference")
    for case in cases():
        bracket = "" if case.low in (None, 0.0) else f", bracket {case.low:.3g} to {case.high:.3g}"
        bound = f" (within {case.within:.0%})" if case.within else bracket
        print(
            f"{case.name:<54} {case.measured:>6.4g} {case.unit} {case.modelled:>6.4g} {case.unit}  "
            f"{case.difference:+.1%}{bound}{'' if case.holds else ' DOES NOT HOLD'}"
        )


if __name__ == "__main__":
    main()
