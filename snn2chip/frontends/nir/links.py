"""One projection as a chain of NIR's linear nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir.nodes import Param, per_axis
from snn2chip.graph import Conv, Delay, Dense, Identity, Projection, Sparse
from snn2chip.graph.operators import Array, Shape

Link: TypeAlias = tuple[str, Mapping[str, Param]]
"""Kind and parameters of a node."""


def projection_links(
    projection: Projection, source: Shape, target: Shape, dt: float
) -> Iterator[Link]:
    """The nodes of a projection, the first applied first.

    Args:
        source, target: shapes of the populations in the file.

    Raises:
        UnsupportedError: something that NIR has no node for.
    """
    before, after = _delays(projection.delay, source, target, projection.name)
    if before is not None:
        yield "Delay", {"delay": before * dt}
    shape = source
    match projection.operator:
        case Identity():
            yield from _identity(projection, projection.operator, source)
        case Dense():
            if len(source) > 1:
                yield _flatten(source)
            yield _dense(projection, projection.operator)
            shape = (projection.operator.weight.shape[0],)
        case Conv():
            yield _convolution(projection, projection.operator)
            shape = projection.operator.target_shape
        case Sparse():
            raise UnsupportedError(
                f"projection {projection.name}: a list of single synapses",
                needs="a node for sparse weights",
                has="Linear, Affine and convolutions",
                remedy="a dense operator, where its matrix is small enough",
            )
    if shape != target:
        if len(target) > 1:
            raise UnsupportedError(
                f"projection {projection.name}: from shape {list(shape)} to {list(target)}",
                needs="a reshape",
                has="Flatten only",
            )
        yield _flatten(shape)
    if after is not None:
        yield "Delay", {"delay": after * dt}


def _flatten(shape: Shape) -> Link:
    return "Flatten", {"input_type": np.array(shape, np.int64), "start_dim": 0, "end_dim": -1}


def _delays(
    delay: Delay, source: Shape, target: Shape, name: str
) -> tuple[Array | None, Array | None]:
    """Steps before and after the weights, or None where there are none."""
    if delay.largest == 0:
        return None, None
    match delay.axis:
        case "all":
            return None, np.full(target, int(delay.steps))
        case "source":
            return delay.steps.reshape(source), None
        case "target":
            return None, delay.steps.reshape(target)
        case "synapse":
            columns = delay.steps[0] - delay.steps[0].min()
            rows = delay.steps[:, 0] - columns[0]
            if (rows[:, None] + columns[None, :] != delay.steps).any() or (rows < 0).any():
                raise UnsupportedError(
                    f"projection {name}: a delay per synapse",
                    has="Delay nodes before and after the weights",
                    remedy="delays that are sums of one per source and one per target",
                )
            return columns.reshape(source), rows.reshape(target)


def _identity(projection: Projection, operator: Identity, source: Shape) -> Iterator[Link]:
    if projection.bias is not None:
        raise UnsupportedError(
            f"projection {projection.name}: a bias without weights",
            has="biases of Affine and of convolutions",
            remedy="write the weights as a diagonal matrix",
        )
    if (operator.scale != 1.0).any():
        yield "Scale", {"scale": operator.scale.reshape(source)}


def _dense(projection: Projection, operator: Dense) -> Link:
    if projection.bias is None:
        return "Linear", {"weight": operator.weight}
    return "Affine", {"weight": operator.weight, "bias": projection.bias.reshape(-1)}


def _convolution(projection: Projection, operator: Conv) -> Link:
    axes = len(operator.stride)
    if axes not in (1, 2):
        raise UnsupportedError(
            f"projection {projection.name}: a convolution over {axes} axes",
            has="Conv1d and Conv2d",
        )
    return f"Conv{axes}d", {
        "input_shape": per_axis(operator.source_shape[1:]),
        "weight": operator.weight,
        "stride": per_axis(operator.stride),
        "padding": _padding(projection, operator),
        "dilation": per_axis(operator.dilation),
        "groups": operator.groups,
        "bias": _channel_bias(projection, operator),
    }


def _padding(projection: Projection, operator: Conv) -> Param:
    """Equal padding on both sides that gives the same result, or ``same``.

    Zeros behind the image that the kernel does not reach may be added or left out.
    """
    spans = [d * (k - 1) for k, d in zip(operator.weight.shape[2:], operator.dilation, strict=True)]
    before = tuple(a for a, _ in operator.padding)
    equal = all(
        (size + 2 * a - span - 1) // stride + 1 == positions
        for size, a, span, stride, positions in zip(
            operator.source_shape[1:],
            before,
            spans,
            operator.stride,
            operator.target_shape[1:],
            strict=True,
        )
    )
    if equal:
        return per_axis(before)
    if operator.padding == tuple((span // 2, span - span // 2) for span in spans):
        return "same"
    raise UnsupportedError(
        f"projection {projection.name}: a convolution padded by {operator.padding}",
        has="equal padding before and behind, or 'same'",
        remedy="keep the layers that it was composed of in the NIR file",
    )


def _channel_bias(projection: Projection, operator: Conv) -> Array:
    if projection.bias is None:
        return np.zeros(operator.weight.shape[0])
    flat = projection.bias.reshape(operator.weight.shape[0], -1)
    if (flat != flat[:, :1]).any():
        raise UnsupportedError(
            f"projection {projection.name}: a bias that varies within a channel",
            needs="a bias per neuron, as padding behind a biased layer makes it",
            has="one bias per channel",
            remedy="keep the layers that it was composed of in the NIR file",
        )
    return flat[:, 0].copy()
