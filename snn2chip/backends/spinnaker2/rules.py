"""Limits of SpiNNaker 2's numbers, as named rules that return violations."""

from __future__ import annotations

from snn2chip.backends.latency import DELAY, late_projections
from snn2chip.core import Program, Violation
from snn2chip.targets.types import Target

LIMITS = (DELAY,)
"""Every rule of this module, in the order of the documentation."""


def violations(program: Program, target: Target) -> tuple[Violation, ...]:
    """Every limit that the program breaks."""
    return tuple(late_projections(program, target))
