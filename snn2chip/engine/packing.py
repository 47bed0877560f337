"""Flags as bits, whatever the order of their memory."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Raster
from snn2chip.engine.events import load
from snn2chip.engine.layout import channels_last, in_memory
from snn2chip.graph.operators import Array


def packed(spikes: Array) -> NDArray[np.uint8]:
    """Bits [step, sample, ceil(size / 8)] of what is not 0 in [step, sample, *shape]."""
    flags = spikes if spikes.dtype == np.bool_ else spikes != 0
    shape = flags.shape[2:]
    module = load()
    if module is None or not channels_last(flags, 2):
        return Raster.pack(flags, shape).bits
    lead, size = flags.shape[:2], prod(shape)
    rows = in_memory(flags, 2, True).view(np.uint8).reshape(-1, size // shape[0], shape[0])
    bits = np.empty((len(rows), -(-size // 8)), np.uint8)
    module.pack_channels_last(rows, bits)
    return bits.reshape(*lead, -1)
