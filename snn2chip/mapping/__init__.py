"""Mapping programs onto chips: partition, place, limits, and ``mapping.json``."""

from __future__ import annotations

from snn2chip.core import Mapping, Program, Violation
from snn2chip.graph.operators import Conv
from snn2chip.mapping.file import check_coverage, read_mapping, write_mapping
from snn2chip.mapping.limits import violations
from snn2chip.mapping.map import mapped
from snn2chip.mapping.memory import SHARED_KERNELS, memory_of, total_words
from snn2chip.mapping.objective import OBJECTIVES, PARTITIONS, Goal, Plan, Traffic, Work
from snn2chip.targets.types import Target

__all__ = [
    "OBJECTIVES",
    "PARTITIONS",
    "Goal",
    "Plan",
    "Traffic",
    "Work",
    "assumptions",
    "map_program",
    "read_mapping",
    "total_words",
    "write_mapping",
]


def map_program(
    program: Program,
    target: Target,
    pinned: Mapping | None = None,
    plan: Plan | None = None,
    goal: Goal | None = None,
) -> tuple[Mapping, tuple[Violation, ...]]:
    """Neurons on cores, and every limit that this breaks.

    A network that needs more cores than there are is mapped all the same, onto cores numbered
    beyond the last chip.

    Args:
        pinned: a mapping to take as it is; only its limits are checked.
        plan: how to map; the sequential fill unless given.
        goal: what is known of the network's traffic; one spike of every neuron unless given.

    Raises:
        InputFileError: ``pinned`` does not cover every neuron once.
    """
    if pinned is None:
        goal = Goal(Traffic.of(program, None)) if goal is None else goal
        mapping = mapped(program, target, Plan() if plan is None else plan, goal)
    else:
        check_coverage(pinned, program)
        mapping = pinned
    return mapping, violations(program, target, mapping)


def assumptions(program: Program, target: Target) -> tuple[str, ...]:
    """What the limits of a mapping rest on, one sentence each, for the report."""
    found = []
    convolves = any(isinstance(p.operator, Conv) for p in program.projections)
    if memory_of(target) is not None:
        found.append(
            f"synaptic memory: {target.resources['axon_header_bits'].source}; "
            "delays, routing tables and neuron states are not counted"
        )
        if convolves:
            found.append(SHARED_KERNELS)
    if convolves and target.limit("axons_in_per_core") is not None:
        found.append("axons of convolutions are not counted: channels may share population axons")
    found += [f"{name}: no public number is known, not checked" for name in target.unknown]
    return tuple(found)
