"""Orders of a population's neurons that make compact pieces of an image when cut.

The image is cut into strips of rows; a strip is walked column by column, all rows and channels of
a column before the next one, and the next strip backwards. Cores that are filled in this order hold
rectangles of the image with all their channels, which share kernels and are reached by the same
spikes. With channels in chunks, each chunk is walked for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from snn2chip.graph.operators import Shape
from snn2chip.mapping.partition.needs import Neurons

_MOST_STRIPS = 12
_MOST_CHUNKS = 4


def orders(shape: Shape) -> Iterator[Neurons]:
    """The neurons' own order, then orders by strips, each once.

    Args:
        shape: (channels, *space); a population without space has its own order only.
    """
    size = prod(shape)
    yield np.arange(size)
    if len(shape) < 2 or prod(shape[1:]) == 1:
        return
    channels, columns = shape[0], shape[-1]
    rows = size // channels // columns
    seen = {np.arange(size).tobytes()}
    for chunks in _powers(channels, _MOST_CHUNKS):
        for strips in _spread(rows, _MOST_STRIPS):
            order = strip_order((channels, rows, columns), chunks, strips)
            if (key := order.tobytes()) not in seen:
                seen.add(key)
                yield order


def strip_order(shape: tuple[int, int, int], chunks: int, strips: int) -> Neurons:
    """One order: so many chunks of channels, the rows in so many strips."""
    neurons = np.arange(prod(shape)).reshape(shape)
    pieces = []
    for chunk in np.array_split(neurons, chunks, axis=0):
        for k, strip in enumerate(np.array_split(chunk, strips, axis=1)):
            walked = strip.transpose(2, 1, 0)
            pieces.append(walked[:: -1 if k % 2 else 1].reshape(-1))
    return np.concatenate(pieces)


def _powers(size: int, most: int) -> list[int]:
    """1, 2, 4, ... up to ``size``, at most so many."""
    return [1 << k for k in range(most) if 1 << k <= size]


def _spread(size: int, most: int) -> list[int]:
    """1 to ``size``, or numbers of strips whose heights differ."""
    heights = {-(-size // strips): strips for strips in range(size, 0, -1)}
    found = sorted(heights.values())
    if len(found) <= most:
        return found
    return [found[k] for k in np.unique(np.linspace(0, len(found) - 1, most).round().astype(int))]
