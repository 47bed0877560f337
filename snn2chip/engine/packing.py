"""Flags as bits, whatever the order of their memory."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Raster
from snn2chip.engine.kernels.accelerate import kernels
from snn2chip.engine.layout import channels_last, in_memory
from snn2chip.graph.operators import Array


def packed(spikes: Array) -> NDArray[np.uint8]:
    """Bits [step, sample, ceil(size / 8)] of what is not 0 in [step, sample, *shape]."""
    flags = spikes if spikes.dtype == np.bool_ else spikes != 0
    shape = flags.shape[2:]
    module = kernels("snn2chip.engine.kernels.bits")
    if module is None or not flags.size:
        return Raster.pack(flags, shape).bits
    bits = np.empty((*flags.shape[:2], -(-prod(shape) // 8)), np.uint8)
    if channels_last(flags, 2):
        rows = in_memory(flags, 2, True).view(np.uint8)
        module.pack_rows_channels_last(rows, shape[0], bits)
    else:
        rows = flags.reshape(*flags.shape[:2], -1)
        whole = rows if rows.strides[-1] == 1 else np.ascontiguousarray(rows)
        module.pack_rows(whole.view(np.uint8), bits)
    return bits
