"""How arrays lie in memory: C order, or with the channels last.

Arrays have the shape [..., channel, *spatial] everywhere. A convolution over events makes its sums
with the channels last in memory, and what follows keeps that order: a view says it in its strides.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def channels_last(array: Array, lead: int) -> bool:
    """Whether an array [*lead axes, channel, *spatial] has its channels last in memory alone."""
    if array.ndim < lead + 2 or array.flags.c_contiguous:
        return False
    return bool(np.moveaxis(array, lead, -1).flags.c_contiguous)


def in_memory(array: Array, lead: int, last: bool) -> Array:
    """The array in the order of its memory [*lead axes, size], copied where that is another.

    Args:
        last: the channels are wanted last.
    """
    moved = np.moveaxis(array, lead, -1) if last else array
    flat = np.ascontiguousarray(moved)
    return flat.reshape(*array.shape[:lead], prod(array.shape[lead:]))


def as_shape(flat: Array, shape: tuple[int, ...], last: bool) -> Array:
    """The inverse: a view [*lead axes, *shape] of memory [*lead axes, size]."""
    lead = flat.shape[:-1]
    if not last:
        return flat.reshape(*lead, *shape)
    return np.moveaxis(flat.reshape(*lead, *shape[1:], shape[0]), -1, len(lead))
