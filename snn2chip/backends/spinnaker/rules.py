"""Limits of SpiNNaker's numbers, as named rules that return violations."""

from __future__ import annotations

from collections.abc import Iterator

from snn2chip.backends.latency import DELAY, late_projections
from snn2chip.backends.spinnaker.neurons import BEYOND, FULL
from snn2chip.core import Activity, Limit, Program, ProgramPopulation, Violation
from snn2chip.targets.types import Target

RING = Limit(
    "ring-buffer",
    "ring_buffer_bits",
    "what arrives in a step stays in a slot of the ring buffer, which saturates",
    "calibration data that are as active as these (--calibrate), or a quieter network",
)
STATE = Limit(
    "membrane-drive",
    "state_bits",
    "currents times R stay in s16.15",
    "calibration data that are as active as these (--calibrate), or shorter time constants",
)
LIMITS = (DELAY, RING, STATE)
"""Every rule of this module, in the order of the documentation."""


def violations(
    program: Program, target: Target, activity: Activity | None = None
) -> tuple[Violation, ...]:
    """Every limit that the program breaks, or broke in a run."""
    found = list(late_projections(program, target))
    if activity is not None:
        for population in program.populations:
            found += _counted(population, target, activity)
    return tuple(found)


def _counted(
    population: ProgramPopulation, target: Target, activity: Activity
) -> Iterator[Violation]:
    """What the arithmetic counted in a run."""
    warnings = activity.populations[population.name].warnings
    for rule, name, what in (
        (RING, FULL, "sums beyond a slot of the ring buffer"),
        (STATE, BEYOND, "currents times R beyond s16.15"),
    ):
        if count := warnings.get(name, 0):
            bits = target.formats[rule.key]
            yield rule.broken(
                target.name,
                population.name,
                f"{what}, {count} times in this run",
                f"{bits.value} bits",
                bits.source,
            )
