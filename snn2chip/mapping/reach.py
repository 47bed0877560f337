"""Which cores a neuron's spike reaches, and through how many synapses.

The synapses of a core's neurons, seen from the sources, are the transposed structure of the
operator applied to the core's indicator: a convolution is never unrolled.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Mapping, Program
from snn2chip.core.mapping import Slice
from snn2chip.graph.linear import transpose_apply
from snn2chip.graph.operators import Conv, Dense, Identity, Operator

OWN_AXONS = (Dense, Identity)
"""Operators whose axons are counted one by one.

The neurons of all channels at one position of a convolution may share a population axon; no
public formula says how many remain.
"""


def synapses_into(operator: Operator, part: Slice) -> NDArray[np.int64]:
    """Synapses of each source neuron into a slice of the target: [source size]."""
    sources = prod(operator.source_shape)
    match operator:
        case Dense():
            return np.full(sources, part.last - part.first + 1, np.int64)
        case Identity():
            row = np.zeros(sources, np.int64)
            row[part.first : part.last + 1] = 1
            return row
        case Conv():
            return _conv_row(operator, part)


def _conv_row(conv: Conv, part: Slice) -> NDArray[np.int64]:
    """Channels count per group, so that the geometry of one channel is enough."""
    indicator = np.zeros(prod(conv.target_shape))
    indicator[part.first : part.last + 1] = 1.0
    images = indicator.reshape(conv.groups, -1, *conv.target_shape[1:]).sum(axis=1)
    geometry = Conv(
        np.ones((1, 1, *conv.weight.shape[2:])),
        (1, *conv.source_shape[1:]),
        conv.stride,
        conv.padding,
        conv.dilation,
    )
    taps = transpose_apply(geometry, images[:, None]).astype(np.int64)
    return taps.repeat(conv.source_shape[0] // conv.groups, axis=1).reshape(-1)


def destinations(
    program: Program,
    mapping: Mapping,
    source: str,
    kinds: tuple[type, ...] = (Dense, Conv, Identity),
) -> tuple[tuple[int, ...], NDArray[np.bool_]]:
    """Cores that spikes of a population may reach, and whether: [core, source size].

    Two projections into one core share its packet.

    Args:
        kinds: operators that count.
    """
    reach: dict[int, NDArray[np.bool_]] = {}
    for projection in program.outgoing(source):
        if not isinstance(projection.operator, kinds):
            continue
        for part in mapping.cores[projection.target]:
            reached = synapses_into(projection.operator, part) > 0
            reach[part.core] = reach[part.core] | reached if part.core in reach else reached
    cores = tuple(sorted(reach))
    size = program.population(source).size
    if not cores:
        return (), np.zeros((0, size), np.bool_)
    return cores, np.stack([reach[core] for core in cores])
