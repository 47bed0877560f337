"""Delays of dense layers: what netx makes of each shape (lava-dl 0.6.0, ``netx.hdf5``).

A scalar delays every synapse, as many values as outputs delay rows, as many as inputs delay
columns (outputs where there are as many of both), and a matrix each synapse. Delays beyond 62
steps are clamped. Every synapse takes one step of its own besides.
"""

from __future__ import annotations

import numpy as np

from snn2chip.backends.loihi.netx.neurons import whole
from snn2chip.backends.loihi.netx.storage import EXPORT_AGAIN, NetLayer
from snn2chip.errors import InputFileError
from snn2chip.graph import Delay
from snn2chip.graph.operators import Shape

DELAY_MAX = 62


def synapse_delay(
    layer: NetLayer, source_shape: Shape, target_shape: Shape
) -> tuple[Delay, str | None]:
    """The delay of a dense layer's synapses, its own step included, and a note if it was clamped.

    Raises:
        InputFileError: negative delays, or another shape.
    """
    if "delay" not in layer.arrays:
        return Delay(np.array(1)), None
    steps = whole(layer, "delay", layer.arrays["delay"])
    if steps.size == 0 or steps.min() < 0:
        raise InputFileError(
            f"{layer.name}: delay holds negative steps, or none at all", remedy=EXPORT_AGAIN
        )
    clamped = int(np.count_nonzero(steps > DELAY_MAX))
    note = f"{layer.name}: {clamped} delays clamped to {DELAY_MAX} steps" if clamped else None
    steps = 1 + np.minimum(steps, DELAY_MAX)
    sources, targets = int(np.prod(source_shape)), int(np.prod(target_shape))
    if steps.size == 1:
        return Delay(steps.reshape(())), note
    if steps.shape == (targets,):
        return Delay(steps.reshape(target_shape), "target"), note
    if steps.shape == (sources,):
        return Delay(steps.reshape(source_shape), "source"), note
    if steps.shape == (targets, sources):
        return Delay(steps, "synapse"), note
    raise InputFileError(
        f"{layer.name}: delay has shape {steps.shape}",
        needs=f"one value, ({targets},), ({sources},) or ({targets}, {sources})",
        remedy=EXPORT_AGAIN,
    )
