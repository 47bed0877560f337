"""Shapes, weight matrices and convolutions of layers, checked against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.netx.neurons import whole
from snn2chip.backends.loihi.netx.storage import EXPORT_AGAIN, NetLayer
from snn2chip.core import ProgramPopulation
from snn2chip.errors import InputFileError
from snn2chip.graph import Conv
from snn2chip.graph.operators import Array, Shape

_MOST_NEURONS = 2**22
"""Of one layer: a small file could declare any number."""


def shape_of(layer: NetLayer) -> Shape:
    """The shape of a layer's neurons: 1 to 3 positive numbers.

    Raises:
        InputFileError: no shape, or another one.
    """
    values = whole(layer, "shape", _array(layer, "shape")).reshape(-1)
    shape = tuple(int(n) for n in values[:4])
    if not 1 <= len(shape) <= 3 or min(shape) < 1 or prod(shape) > _MOST_NEURONS:
        raise InputFileError(
            f"{layer.name}: shape {list(shape)}",
            needs=f"(neurons,) or (channels, height, width), at most {_MOST_NEURONS} neurons",
            remedy=EXPORT_AGAIN,
        )
    return shape


def cut_fractions(layer: NetLayer) -> Iterator[str]:
    """Notes on weights and biases of which netx takes the whole part only."""
    for key in ("weight", "weight_rec", "weight/real", "weight/imag", "bias"):
        array = layer.arrays.get(key)
        if array is not None and (np.trunc(array) != array).any():
            yield f"{layer.name}: {key} holds fractions, which netx cuts"


def matrix(layer: NetLayer, name: str, targets: int) -> NDArray[np.int64]:
    """Weights [target, source]; a flat array is cut into rows, as netx does.

    Raises:
        InputFileError: no weights, or not for this many targets.
    """
    values = whole(layer, name, _array(layer, name))
    if values.ndim == 1 and values.size and values.size % targets == 0:
        return values.reshape(targets, -1)
    fits = values.ndim >= 2 and prod(values.shape[2:]) == 1 and values.shape[0] == targets
    if not fits or not values.size:
        raise InputFileError(
            f"{layer.name}: {name} has shape {values.shape}",
            needs=f"({targets}, inputs), since the layer has {targets} neurons",
            remedy=EXPORT_AGAIN,
        )
    return values.reshape(values.shape[:2])


def misfit(
    layer: NetLayer, source: ProgramPopulation, flat: bool, parts: Sequence[NDArray[np.int64]]
) -> InputFileError | None:
    """Why a dense layer cannot read its source, or itself.

    Args:
        flat: a flatten layer lies in between.
        parts: weights from the source and, of a recurrent layer, from itself.
    """
    targets, sources = parts[0].shape
    if source.size != sources:
        return InputFileError(
            f"{layer.name}: weights for {sources} inputs",
            has=f"{source.name} with {source.size} neurons, {list(source.shape)}",
            remedy=EXPORT_AGAIN,
        )
    if len(source.shape) > 1 and not flat:
        return InputFileError(
            f"{layer.name}: reads the image {list(source.shape)} of {source.name}",
            needs="a flatten layer in between",
            remedy=EXPORT_AGAIN,
        )
    if any(part.shape != (targets, targets) for part in parts[1:]):
        return InputFileError(
            f"{layer.name}: weight_rec has shape {parts[1].shape}",
            needs=f"({targets}, {targets})",
            remedy=EXPORT_AGAIN,
        )
    return None


def convolution(layer: NetLayer, source: ProgramPopulation, flat: bool, shape: Shape) -> Conv:
    """The convolution from the source's image to neurons of ``shape``.

    The file's kernel (out, in, y, x) is a correlation: netx flips it for Lava, which convolves.

    Raises:
        InputFileError: sizes that do not fit.
    """
    weight = whole(layer, "weight", _array(layer, "weight"))
    if weight.ndim < 4 or prod(weight.shape[4:]) != 1 or not weight.size:
        raise InputFileError(
            f"{layer.name}: weight has shape {weight.shape}",
            needs="(outputs, inputs per group, height, width)",
            remedy=EXPORT_AGAIN,
        )
    if len(source.shape) != 3 or flat:
        raise InputFileError(
            f"{layer.name}: a convolution of {list(source.shape)}, the neurons of {source.name}"
            + (", flattened" if flat else ""),
            needs="an image (channels, height, width)",
            remedy=EXPORT_AGAIN,
        )
    options = (("stride", 1), ("padding", 0), ("dilation", 1))
    stride, padding, dilation = (_pair(layer, key, least) for key, least in options)
    if prod(n + 2 * p for n, p in zip(source.shape[1:], padding, strict=True)) > _MOST_NEURONS:
        raise InputFileError(f"{layer.name}: padding {list(padding)}", remedy=EXPORT_AGAIN)
    kernel, pads = weight.reshape(weight.shape[:4]), tuple((n, n) for n in padding)
    try:
        groups = _pair(layer, "groups", 1)[0]
        made = Conv(kernel, source.shape, stride, pads, dilation, groups)
    except ValueError as error:
        raise InputFileError(f"{layer.name}: {error}", remedy=EXPORT_AGAIN) from None
    if made.target_shape != shape:
        raise InputFileError(
            f"{layer.name}: shape {list(shape)}",
            has=f"a convolution that gives {list(made.target_shape)}",
            remedy=EXPORT_AGAIN,
        )
    return made


def _array(layer: NetLayer, name: str) -> Array:
    if name not in layer.arrays:
        raise InputFileError(f"{layer.name}: {name!r} is missing", remedy=EXPORT_AGAIN)
    return layer.arrays[name]


def _pair(layer: NetLayer, key: str, least: int) -> tuple[int, int]:
    """One number for both axes, or (y, x)."""
    values = whole(layer, key, _array(layer, key)).reshape(-1)
    if values.size not in (1, 2) or values.min() < least or values.max() > _MOST_NEURONS:
        raise InputFileError(
            f"{layer.name}: {key} {values.tolist()[:8]}",
            needs=f"one or two whole numbers of at least {least}",
            remedy=EXPORT_AGAIN,
        )
    return int(values[0]), int(values[-1])
