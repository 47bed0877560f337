"""Values for an input layer with neurons: biases, written only when they change.

netx feeds such a layer through its neurons' bias mantissa, which stays until it is written again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, InputFileError
from snn2chip.graph.operators import Array

BIAS_MIN, BIAS_MAX = -(2**15), 2**15 - 1
"""Lava holds a bias mantissa in 16 bits."""

_MOST_VALUES = 2**27


def bias_writes(x: Array, timed: bool, steps: int, name: str) -> NDArray[np.int32]:
    """What is added to the bias at each step, [step, sample, *shape].

    Args:
        x: bias mantissas [sample, *shape], or [sample, step, *shape] where ``timed``; after its
            end the last value stays.

    Raises:
        InputFileError: values that are no bias mantissas.
        ConfigError: more values than memory should hold.
    """
    if x.dtype != np.bool_ and ((x != np.rint(x)) | (x < BIAS_MIN) | (x > BIAS_MAX)).any():
        raise InputFileError(
            f"data {name!r}: values that are no bias mantissas",
            needs=f"whole numbers from {BIAS_MIN} to {BIAS_MAX}, as Lava's net.in_layer takes them",
            remedy="apply the layer's transform first: (weight * x + bias).astype(int), with "
            "the weight and bias that `snn2chip info` shows",
        )
    levels = x.astype(np.int32) if timed else x.astype(np.int32)[:, np.newaxis]
    levels = np.moveaxis(levels[:, :steps], 1, 0)
    if steps * levels[0].size > _MOST_VALUES:
        raise ConfigError(
            f"{levels.shape[1]} samples x {steps} steps: {steps * levels[0].size:.2g} input values",
            has=f"room for {_MOST_VALUES:.2g} (four bytes each)",
            remedy="fewer --samples or --steps",
        )
    writes = np.zeros((steps, *levels.shape[1:]), np.int32)
    writes[: len(levels)] = np.diff(levels, axis=0, prepend=0)
    return writes
