"""A program's links as layers of a ``.net`` file; the inverse of ``program``.

What netx reads stands in ``storage``; the other keys (``inFeatures``, ``kernelSize``, ``refDelay``
and so on) are those that lava-dl's own exporter writes. Synaptic delays are those of the graph:
netx starts each layer one step after the one before, which is a projection's own step.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.integers import scaled_bias, whole
from snn2chip.backends.loihi.netx.neurons import BIAS_EXPONENT
from snn2chip.backends.loihi.netx.storage import NetLayer, NetNeuron
from snn2chip.backends.loihi.netx.writing.chain import Link
from snn2chip.core import ProgramPopulation, ProgramProjection
from snn2chip.graph import Conv, Dense, Sparse
from snn2chip.graph.compose import to_dense
from snn2chip.graph.operators import Array, Identity, Operator, Shape

MOST_ONE_TO_ONE = 1 << 12
"""Neurons of a one-to-one projection that becomes a matrix."""

_Arrays = dict[str, Array]


def net_layers(chain: tuple[Link, ...]) -> tuple[NetLayer, ...]:
    """The layers of a path that ``.net`` can hold, the input's first."""
    shape = as_layer(chain[0].forward.operator).source_shape
    found = [NetLayer(0, "input", {"shape": np.array(shape)})]
    image = len(shape) > 1
    for link in chain:
        operator = as_layer(link.forward.operator)
        if image and isinstance(operator, Dense):
            size = np.array([prod(operator.source_shape)])
            found.append(NetLayer(len(found), "flatten", {"shape": size}))
            image = False  # netx would transpose a row of neurons as if it were one
        found.append(_layer(len(found), link, operator))
    return tuple(found)


def layer_of(layers: tuple[NetLayer, ...], chain: tuple[Link, ...]) -> dict[str, int]:
    """Index of the layer that holds each population's neurons; the input's is 0."""
    built = [layer.index for layer in layers if layer.kind not in ("input", "flatten")]
    names = [link.population.name for link in chain]
    return {chain[0].forward.source: 0, **dict(zip(names, built, strict=True))}


def as_layer(operator: Operator) -> Dense | Conv:
    """The operator as one that ``.net`` has: a matrix, or a convolution of images.

    One-to-one synapses become a convolution of their channels where all of a channel are alike,
    else a diagonal matrix; a convolution of one axis is one of images with a single row. Single
    synapses become a matrix, with zeros where there is none.
    """
    if isinstance(operator, Dense):
        return operator
    if isinstance(operator, Conv):
        return operator if len(operator.stride) == 2 else _with_rows(operator)
    if isinstance(operator, Sparse):
        return to_dense(operator)
    by_channel = _by_channel(operator)
    if by_channel is not None:
        return by_channel
    diagonal = np.diag(operator.scale.reshape(-1))
    return Dense(diagonal, operator.source_shape, operator.target_shape)


def is_convolution(operator: Operator) -> bool:
    """Whether ``as_layer`` makes a convolution of it."""
    if isinstance(operator, Identity):
        return _by_channel(operator) is not None
    return isinstance(operator, Conv)


def _by_channel(operator: Identity) -> Conv | None:
    """One-to-one synapses of an image that are alike within each channel."""
    scale = operator.scale.reshape(operator.source_shape[0], -1)
    image = len(operator.source_shape) == 3 and operator.source_shape == operator.target_shape
    if not image or (scale != scale[:, :1]).any():
        return None
    weight, none = scale[:, :1].reshape(-1, 1, 1, 1), ((0, 0), (0, 0))
    return Conv(weight, operator.source_shape, (1, 1), none, (1, 1), len(weight))


def effective(weights: Array, projection: ProgramProjection) -> NDArray[np.int64] | None:
    """Weights times 2^exponent, as a file without exponents holds them; None where not whole."""
    exponent = int(projection.parameters["exponent"])
    integers = whole(weights)
    if exponent >= 0:
        return integers << exponent
    return None if (integers & ((1 << -exponent) - 1)).any() else integers >> -exponent


def biases(population: ProgramPopulation) -> NDArray[np.int64]:
    """mantissa << exponent of a population, in the membrane's unit; broadcasts to its shape."""
    mantissa, exponent = (whole(population.parameters[k]) for k in ("bias_mant", "bias_exp"))
    return scaled_bias(mantissa, exponent)


def _with_rows(operator: Conv) -> Conv:
    """One axis as images of one row."""
    channels, size = operator.source_shape
    return Conv(
        operator.weight[:, :, np.newaxis],
        (channels, 1, size),
        (1, *operator.stride),
        ((0, 0), *operator.padding),
        (1, *operator.dilation),
        operator.groups,
    )


def layer_shape(operator: Dense | Conv) -> Shape:
    """Of the neurons behind it, as the file has them: matrices lead to a row of neurons."""
    shape = operator.target_shape
    return shape if isinstance(operator, Conv) else (prod(shape),)


def _layer(index: int, link: Link, operator: Dense | Conv) -> NetLayer:
    weight, shape = _whole_weights(link.forward), layer_shape(operator)
    if isinstance(operator, Conv):
        kind, arrays = "conv", _conv(operator, weight)
    else:
        kind, arrays = "dense", {**_dense(weight), **_delay(link.forward, weight)}
    if link.recurrent is not None:
        again = _whole_weights(link.recurrent).astype(np.int32)
        kind, arrays = "dense_rec", {**arrays, "weight_rec": again}
    neuron = NetNeuron("CUBA", dict(_neuron(link.population, shape)))
    return NetLayer(index, kind, {**arrays, **_bias(link.population, shape)}, neuron)


def _whole_weights(projection: ProgramProjection) -> NDArray[np.int64]:
    weights = effective(as_layer(projection.operator).weight, projection)
    assert weights is not None, "holds.misfits refuses such a program"
    return weights


def _dense(weight: NDArray[np.int64]) -> _Arrays:
    return {
        "shape": np.array(weight.shape[:1]),
        "inFeatures": np.array(weight.shape[1]),
        "outFeatures": np.array(weight.shape[0]),
        "weight": weight.astype(np.int32),
    }


def _conv(operator: Conv, weight: NDArray[np.int64]) -> _Arrays:
    return {
        "shape": np.array(operator.target_shape),
        "inChannels": np.array(operator.source_shape[0]),
        "outChannels": np.array(operator.target_shape[0]),
        "kernelSize": np.array(weight.shape[2:]),
        "stride": np.array(operator.stride),
        "padding": np.array([before for before, _ in operator.padding]),
        "dilation": np.array(operator.dilation),
        "groups": np.array(operator.groups),
        "weight": weight.astype(np.int32),
    }


def _delay(projection: ProgramProjection, weight: NDArray[np.int64]) -> _Arrays:
    """A delay per synapse [target, source]: netx mistakes shorter forms for one another."""
    steps, axis = projection.delay.steps, projection.delay.axis
    if not steps.any():
        return {}
    flat = steps.reshape(-1)
    spread = {"source": flat[np.newaxis], "target": flat[:, np.newaxis]}.get(axis, steps)
    return {"delay": np.broadcast_to(spread, weight.shape).astype(np.int32)}


def _neuron(population: ProgramPopulation, shape: Shape) -> Iterator[tuple[str, Array]]:
    p = population.parameters
    yield "iDecay", compact(whole(p["du"]) + 1, population.shape, shape)
    yield "vDecay", compact(whole(p["dv"]), population.shape, shape)
    yield "vThMant", compact(whole(p["vth"]), population.shape, shape)


def _bias(population: ProgramPopulation, shape: Shape) -> _Arrays:
    values = biases(population)
    if not values.any():
        return {}
    mantissas = compact(values >> BIAS_EXPONENT, population.shape, shape)
    if mantissas.ndim == 0:  # netx wants one value for each neuron or channel
        mantissas = np.broadcast_to(mantissas, shape[:1])
    return {"bias": mantissas.astype(np.int32)}


def compact(values: NDArray[Any], own: Shape, shape: Shape) -> NDArray[Any]:
    """Values of neurons in the fewest numbers that say the same.

    Args:
        values: broadcast to ``own``, the population's shape.
        shape: of the layer, with as many neurons.

    Returns:
        One value, one per channel of an image, or one per neuron, images in Lava's (W, H, C).
    """
    if values.size == 1 or (values == values.reshape(-1)[0]).all():
        return values.reshape(-1)[:1].reshape(())
    each = np.broadcast_to(values, own).reshape(shape)
    if len(shape) < 3:
        return each.reshape(-1)
    channels = each.reshape(shape[0], -1)
    return channels[:, 0] if (channels == channels[:, :1]).all() else each.transpose()
