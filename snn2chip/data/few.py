"""A few of many samples, for what must not take long: the first, or some of every class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CALIBRATION_SAMPLES = 256
"""Most samples that scales are picked from: what a network does on so many says enough."""


def few(total: int, count: int, y: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Indices of ``count`` samples, fewer where there are no more.

    They are the first ones, unless the labels show that these lack a class, as in files that are
    sorted by class; then they are spread evenly over all.

    Args:
        y: classes [total], or None where they are not known.
    """
    first = np.arange(min(count, total))
    if y is None or len(first) == total or len(np.unique(y[first])) == len(np.unique(y)):
        return first
    return np.linspace(0, total - 1, len(first)).round().astype(np.int64)


def few_first(count: int, y: NDArray[np.int64]) -> NDArray[np.int64]:
    """An order of all samples that begins with `few` of them; the others stay in their order."""
    chosen = few(len(y), count, y)
    rest = np.ones(len(y), np.bool_)
    rest[chosen] = False
    return np.concatenate([chosen, np.flatnonzero(rest)])
