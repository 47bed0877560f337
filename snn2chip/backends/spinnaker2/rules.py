"""Limits of SpiNNaker 2's numbers, as named rules that return violations."""

from __future__ import annotations

from snn2chip.backends import multicast
from snn2chip.backends.latency import DELAY, late_projections
from snn2chip.core import Mapping, Program, Violation
from snn2chip.targets.types import Target

LIMITS = (DELAY, *multicast.LIMITS)
"""Every rule of this module, in the order of the documentation."""


def violations(
    program: Program, target: Target, mapping: Mapping | None = None
) -> tuple[Violation, ...]:
    """Every limit that the program breaks, on the cores of a mapping too."""
    found = tuple(late_projections(program, target))
    return found if mapping is None else (*found, *multicast.violations(program, target, mapping))
