"""Mapping as the options say: the plan, and what a mapping is judged by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from snn2chip.backends import Backend
from snn2chip.core import Activity, Program, Violation
from snn2chip.core import Mapping as CoreMapping
from snn2chip.energy import count, price
from snn2chip.energy.terms import table_of
from snn2chip.energy.work import work_of
from snn2chip.errors import ConfigError
from snn2chip.mapping import Goal, Plan, Traffic, Work, map_program, read_mapping
from snn2chip.pipeline.types import Network, Options
from snn2chip.targets.types import Target

_PJ_PER_UJ = 1e6


def placed_on(
    network: Network,
    program: Program,
    backend: Backend,
    target: Target,
    options: Options,
    activity: Activity | None = None,
) -> tuple[CoreMapping, tuple[Violation, ...]]:
    """The mapping and every violation, of formats and of capacity.

    A compiled folder's mapping stands, unless the user wants another.

    Raises:
        ConfigError: the objective needs prices that the target lacks.
    """
    plan = plan_of(options)
    path: Path | None = options.mapping or (network.mapping if plan == Plan() else None)
    pinned = None if path is None else read_mapping(path, program, target)
    if network.ensemble is not None:
        members = range(len(network.ensemble.members))
        plan = replace(plan, groups=tuple(map(network.ensemble.populations, members)))
    goal = None if plan.objective is None else goal_of(program, target, options, activity)
    mapping, violations = map_program(program, target, pinned, plan, goal)
    return mapping, (*backend.violations(program, target, activity, mapping), *violations)


def plan_of(options: Options) -> Plan:
    """How the options want a network mapped; the seed matters where something is drawn."""
    seed = 0 if options.objective is None else options.seed
    return Plan(options.objective, options.partition, options.chips, options.cores, seed)


def goal_of(program: Program, target: Target, options: Options, activity: Activity | None) -> Goal:
    """What mappings of a program are judged by: its run, where there is one, and the prices.

    Raises:
        ConfigError: an objective that the target's table cannot price.
    """
    traffic = Traffic.of(program, activity)
    table = table_of(target, options.costs)
    work = work_of(table)
    if options.objective == "latency" and work is None:
        raise ConfigError(
            f"--objective latency on {target.name!r}, costs {table.name!r}",
            needs="times of neuron updates or of synaptic events",
            has="none",
            remedy="--objective packets, or a cost table with times",
        )
    if activity is None or options.objective not in ("latency", "energy"):
        return Goal(traffic, work or Work())

    def value(mapping: CoreMapping) -> float:
        report = price(count(program, activity, mapping), target, options.costs, options.timing)
        if options.objective == "latency":
            return float("inf") if report.latency_us is None else report.latency_us
        total = report.total_pj
        return float("inf") if total is None else total / _PJ_PER_UJ / activity.samples

    unit = "us" if options.objective == "latency" else "uJ"
    return Goal(traffic, work or Work(), value, f"{unit} per inference")
