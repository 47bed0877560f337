"""Encoders: static values in, what the inputs send out, [step, sample, *shape]."""

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


def encode(
    x: NDArray[np.float64], encoding: Encoding, steps: int
) -> NDArray[np.bool_] | NDArray[np.float64]:
    """What the inputs send of static values x [sample, *shape]: spikes, or with ``direct`` values.

    Raises:
        UnsupportedError: an encoding that is not there.
        ConfigError: more values than memory should hold.
    """
    if encoding.kind not in ("if", "direct"):
        raise UnsupportedError(
            f"encoding {encoding.kind!r} of static values is not there yet",
            has="the deterministic encoding 'if', and 'direct', the value itself at every step; "
            "timed data need no encoding",
            remedy="--encoding if, or data with a step axis",
        )
    width = 1 if encoding.kind == "if" else 8
    if steps * x.size > MAX_VALUES // width:
        raise ConfigError(
            f"{len(x)} samples x {steps} steps: {steps * x.size:.2g} input values",
            has=f"room for {MAX_VALUES // width:.2g} ({width} bytes each)",
            remedy="fewer --samples or --steps",
        )
    if encoding.kind == "direct":
        values = encoding.gain * np.asarray(x, np.float64)
        return np.repeat(values[np.newaxis], steps, axis=0)
    return encode_if(x, steps, encoding.threshold, encoding.gain)
