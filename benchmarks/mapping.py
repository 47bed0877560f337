"""How good mappings are, beside filling in order and beside lower bounds, and how quickly made.

    python -m benchmarks.mapping [--write docs/mapping.md] [--skip-million]

The network has the layer shapes of SANA-FE's DVS gesture example (input 32x32, convolutions of 3x3
to 16, 32, 64 and 11 channels, 11 answers: 18,678 neurons, 3.56 million synapses), with random
spikes; cores and times are those of SANA-FE's Loihi. "Its example" splits each layer into as many
runs of neurons as that example does: 1, 4, 16, 16, 4 and 1. A million neurons with 8 synapses each
show the speed. Ends with 7 where something that must hold does not.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.limits import machine, versions
from benchmarks.page import BEGIN, END, Check
from snn2chip.core import (
    Activity,
    Mapping,
    PopulationActivity,
    Program,
    ProgramPopulation,
    ProgramProjection,
    Raster,
    Violation,
)
from snn2chip.energy import count, price
from snn2chip.energy.work import work_of
from snn2chip.files import write_text
from snn2chip.graph import Conv, Dense, Encoding, Operator, Readout, Sparse
from snn2chip.mapping import Goal, Plan, Traffic, map_program
from snn2chip.mapping.bounds import Bounds, bounds
from snn2chip.mapping.map import placed
from snn2chip.targets import Constant, Target, load_target

MISSED = 7
COSTS = "sanafe_nahuku"
EXAMPLE = (1, 4, 16, 16, 4, 1)
RATES = (0.05, 0.03, 0.03, 0.02, 0.02, 0.01)
STEPS = 200
FEWER_PACKETS, MORE_CORES, MOST_SECONDS = 4.0, 1.2, 60.0


@dataclass(frozen=True)
class Quality:
    """One mapping: what it does, and the seconds that making it took."""

    name: str
    cores: int
    packets: int
    hops: int
    busiest_link: int
    latency_us: float
    energy_uj: float
    seconds: float


def gesture() -> Program:
    """The layers of SANA-FE's DVS gesture example, with weights of 1."""
    operators: list[Operator] = []
    shape: tuple[int, ...] = (1, 32, 32)
    for channels, stride in ((16, 2), (32, 1), (64, 1), (11, 1)):
        weight = np.ones((channels, shape[0], 3, 3), np.int64)
        operators.append(Conv(weight, shape, (stride,) * 2, ((0, 0), (0, 0)), (1, 1)))
        shape = operators[-1].target_shape
    operators.append(Dense(np.ones((11, prod(shape)), np.int64), shape, (11,)))
    return _chain("gesture", operators)


def million(neurons: int = 1 << 20, synapses: int = 8) -> Program:
    """Neurons with random synapses onto each other; a synapse that is drawn twice is kept once."""
    drawn = np.random.default_rng(0).integers(0, neurons, (neurons, synapses))
    drawn.sort(axis=1)
    kept = np.diff(drawn, axis=1, prepend=-1) > 0
    first = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    targets = drawn[kept].astype(np.int32)
    operator = Sparse(np.ones(targets.size, np.int8), targets, first, (neurons,), (neurons,))
    population = ProgramPopulation("neurons", "cuba", "LIF", (neurons,))
    projection = ProgramProjection("neurons", "neurons", operator, weight_bits=8)
    return _program("random", (population,), (projection,))


def random_activity(program: Program, steps: int = STEPS) -> Activity:
    """Random spikes at the rates of the layers; neurons differ, and six in ten are updated."""
    rng, runs = np.random.default_rng(0), {}
    for population, rate in zip(program.populations, RATES, strict=True):
        shape = (steps, 1, *population.shape)
        spikes = rng.random(shape) < rate * (0.2 + 1.6 * rng.random(population.shape))
        updated = spikes | (rng.random(shape) < 0.6)
        runs[population.name] = PopulationActivity(
            Raster.pack(spikes, population.shape), Raster.pack(updated, population.shape)
        )
    return Activity("random", steps, 1, runs, np.zeros((1, 11)))


def example_mapping(program: Program, target: Target) -> Mapping:
    """Each layer in as many equal runs of neurons as SANA-FE's example takes cores."""
    first, assignment = 0, dict[str, NDArray[np.int32]]()
    for population, cores in zip(program.populations, EXAMPLE, strict=True):
        each = population.size // cores
        numbers = np.minimum(np.arange(population.size) // each, cores - 1) + first
        assignment[population.name] = numbers.astype(np.int32)
        first += cores
    return placed(assignment, target, 1)


def measure_quality() -> tuple[list[Quality], Bounds, tuple[Violation, ...]]:
    """Every objective on the gesture network, after its example and the fill in order."""
    program, target = gesture(), load_target("loihi1")
    activity = random_activity(program)
    work = work_of(target.costs[COSTS])
    assert work is not None, "the table has times"

    def value(objective: str, mapping: Mapping) -> float:
        report = price(count(program, activity, mapping), target, COSTS)
        found = report.latency_us if objective == "latency" else report.total_pj
        assert found is not None, "the table has prices"
        return found

    traffic = Traffic.of(program, activity)
    rows = [_quality("its example", program, activity, example_mapping(program, target), target, 0)]
    broken: list[Violation] = []
    plans = [Plan(objective) for objective in (None, "packets", "latency", "cores", "energy")]
    for plan in (*plans, Plan("latency", cores=sum(EXAMPLE))):
        objective = plan.objective
        goal = Goal(traffic, work, lambda mapping, name=str(objective): value(name, mapping))
        begun = time.perf_counter()
        mapping, found = map_program(program, target, None, plan, goal)
        took = time.perf_counter() - begun
        broken += found
        cores = "" if plan.cores is None else f" --cores {plan.cores}"
        name = "in order" if objective is None else f"`--objective {objective}{cores}`"
        rows.append(_quality(name, program, activity, mapping, target, took))
        if objective == "packets":
            least = bounds(program, target, mapping, goal)
    return rows, least, tuple(broken)


def measure_million() -> tuple[float, int, tuple[Violation, ...]]:
    """Seconds, cores and broken limits of a million neurons on 1,024 cores without axon limits."""
    program, target = million(), load_target("loihi1")
    limits = {name: c for name, c in target.resources.items() if not name.startswith("axons")}
    limits["cores"] = Constant(1024, "derived", "this benchmark")
    begun = time.perf_counter()
    mapping, found = map_program(program, replace(target, resources=limits))
    return time.perf_counter() - begun, mapping.cores_used, found


def checks(rows: list[Quality], least: Bounds) -> list[Check]:
    """What must hold of the gesture network."""
    example, _, packets, *_ = rows
    fewer = example.packets / packets.packets
    most = max(row.cores for row in rows[1:-1]) / least.cores
    return [
        Check(
            "packets of the example over packets of --objective packets",
            f"{fewer:.1f}",
            f"at least {FEWER_PACKETS:g}",
            fewer >= FEWER_PACKETS,
        ),
        Check(
            "cores over the least that the limits need",
            f"{most:.2f}",
            f"at most {MORE_CORES:g}",
            most <= MORE_CORES,
        ),
    ]


def table(rows: list[Quality], least: Bounds) -> str:
    """The mappings as Markdown."""
    lines = [
        "| mapping | cores | packets | of the bound | hops | busiest link | us per sample "
        "| energy | made in |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.name} | {row.cores} | {row.packets:,} | {row.packets / least.packets:.2f} x "
        f"| {row.hops:,} | {row.busiest_link:,} | {row.latency_us:,.0f} "
        f"| {row.energy_uj:,.1f} uJ | {row.seconds:.1f} s |"
        for row in rows
    ]
    return "\n".join(
        [
            *lines,
            f"| lower bound, time on {rows[2].cores} cores | {least.cores} "
            f"| {least.packets:,.0f} | 1 | | | "
            f"{least.busiest_ns / 1000:,.0f} | | |",
        ]
    )


def write(page: Path, text: str, found: list[Check]) -> None:
    """Keep the figures between the marks of a page."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    figures = "\n".join(
        [
            f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; {versions()}.",
            *("", text, ""),
            *("| must hold | found | wanted |", "|---|---:|---:|"),
            *(f"| {c.what} | {c.found} | {c.wanted if c.holds else '**missed**'} |" for c in found),
        ]
    )
    write_text(page, f"{before}{BEGIN}\n{figures}\n{END}{rest.partition(END)[2]}")


def main() -> int:
    """Measure, print, and say what was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="keep the tables in this page")
    parser.add_argument("--skip-million", action="store_true", help="leave the large network out")
    chosen = parser.parse_args()
    rows, least, broken = measure_quality()
    text, found = table(rows, least), checks(rows, least)
    found.append(Check("limits broken", str(len(broken)), "none", not broken))
    if not chosen.skip_million:
        seconds, cores, broken = measure_million()
        large = f"{seconds:.1f} s, {cores} cores, {len(broken)} limits broken"
        holds = seconds <= MOST_SECONDS and not broken
        found.append(Check("a million neurons mapped", large, f"{MOST_SECONDS:g} s", holds))
        text += f"\n\nA million neurons with 8 random synapses each, in order: {large}."
    print("\n".join([text, "", *map(str, found)]))
    if chosen.write is not None:
        write(chosen.write, text, found)
    return 0 if all(check.holds for check in found) else MISSED


def _quality(
    name: str, program: Program, activity: Activity, mapping: Mapping, target: Target, took: float
) -> Quality:
    counts = count(program, activity, mapping)
    report = price(counts, target, COSTS)
    assert report.latency_us is not None, "the table has times"
    assert report.total_pj is not None, "the table has prices"
    return Quality(
        name,
        mapping.cores_used,
        sum(layer.packets for layer in counts.layers),
        counts.links.traversals,
        counts.links.largest,
        report.latency_us,
        report.total_pj / 1e6,
        took,
    )


def _chain(name: str, operators: list[Operator]) -> Program:
    names = ["input", *(f"layer{k}" for k in range(1, len(operators) + 1))]
    shapes = [operators[0].source_shape, *(operator.target_shape for operator in operators)]
    populations = tuple(
        ProgramPopulation(each, "input" if each == "input" else "cuba", "LIF", shape)
        for each, shape in zip(names, shapes, strict=True)
    )
    projections = tuple(
        ProgramProjection(source, target, operator, weight_bits=8)
        for source, target, operator in zip(names, names[1:], operators, strict=False)
    )
    return _program(name, populations, projections)


def _program(
    name: str,
    populations: tuple[ProgramPopulation, ...],
    projections: tuple[ProgramProjection, ...],
) -> Program:
    last = populations[-1].name
    return Program(name, "random", populations, projections, (last,), Readout(), Encoding())


if __name__ == "__main__":
    sys.exit(main())
