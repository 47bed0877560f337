"""Spike encoders: values in, input spikes out, [step, sample, *shape]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.graph import Encoding

MAX_VALUES = 2**31
"""Most input spikes of one run: two GiB."""


def encode_if(
    x: NDArray[np.float64], steps: int, threshold: float = 1.0, gain: float = 1.0
) -> NDArray[np.bool_]:
    """Deterministic rate code: one IF neuron per value, which every chip can do.

    At every step v += gain * x; the neuron fires where v > threshold and is reset to zero.

    Args:
        x: values [sample, *shape].

    Returns:
        spikes [step, sample, *shape].
    """
    drive = np.asarray(x, np.float64) * gain
    v = np.zeros_like(drive)
    spikes = np.zeros((steps, *drive.shape), np.bool_)
    for step in range(steps):
        v += drive
        spikes[step] = v > threshold
        v[spikes[step]] = 0.0
    return spikes


def encode(x: NDArray[np.float64], encoding: Encoding, steps: int) -> NDArray[np.bool_]:
    """Spikes [step, sample, *shape] of static values x [sample, *shape].

    Raises:
        UnsupportedError: an encoding that is not there.
        ConfigError: more spikes than memory should hold.
    """
    if encoding.kind != "if":
        raise UnsupportedError(
            f"encoding {encoding.kind!r} of static values is not there yet",
            has="the deterministic encoding 'if'; timed data need no encoding",
            remedy="--encoding if, or data with a step axis",
        )
    if steps * x.size > MAX_VALUES:
        raise ConfigError(
            f"{len(x)} samples x {steps} steps: {steps * x.size:.2g} input values",
            has=f"room for {MAX_VALUES:.2g} (one byte each)",
            remedy="fewer --samples or --steps",
        )
    return encode_if(x, steps, encoding.threshold, encoding.gain)
