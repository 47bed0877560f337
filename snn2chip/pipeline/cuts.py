"""How many steps of a run are computed at once, where the user does not say."""

from __future__ import annotations

from math import prod

from snn2chip.core import Program
from snn2chip.graph import Conv, Operator

MOST_VALUES = 1 << 24
"""Values of the largest array of a run: bounds its memory, and changes no integer result."""


def block_steps(program: Program, samples: int, steps: int) -> int | None:
    """Steps computed at once, so that no array has many more than ``MOST_VALUES``.

    Args:
        samples: computed at once.
        steps: of the whole run.

    Returns:
        None for all of them.
    """
    widest = max(
        *(p.size for p in program.populations), *(_width(p.operator) for p in program.projections)
    )
    fitting = max(1, MOST_VALUES // max(1, samples * widest))
    return fitting if fitting < steps else None


def _width(operator: Operator) -> int:
    """Values per step and sample of the largest array of a product.

    Those of a convolution are its windows.
    """
    if not isinstance(operator, Conv):
        return prod(operator.target_shape)
    taps = prod(operator.weight.shape[1:]) * operator.groups
    return taps * prod(operator.target_shape[1:])
