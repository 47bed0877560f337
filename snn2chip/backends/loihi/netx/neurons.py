"""Neurons of a ``.net`` file as parameters of Lava's processes.

CUBA, LOIHI: ``du = iDecay - 1``, ``dv = vDecay``, ``vth = vThMant``, ``bias_exp = 6``; other keys
(refDelay, gradedSpike, wgtExp) are ignored, as netx ignores them. The other kinds are in
``graded`` and ``resonators``. Source: lava-dl 0.6.0, ``netx.hdf5``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.netx.storage import EXPORT_AGAIN, NetLayer, NetNeuron
from snn2chip.errors import InputFileError
from snn2chip.graph.operators import Array, Shape

CUBA = ("CUBA", "LOIHI")
BIAS_EXPONENT = 6

_DEFAULTS = {"iDecay": 0, "vDecay": 4096, "vThMant": 1 << 17}
"""Of a layer without neurons: netx makes it forget its membrane at every step."""

RANGES = {
    "iDecay": (0, 4096),
    "vDecay": (0, 4096),
    "vThMant": (-(2**25), 2**25 - 1),
    "sinDecay": (-4096, 4096),
    "cosDecay": (-4096, 4096),
}
"""12-bit decays; Lava shifts the threshold by six bits in an int32."""

_BIAS_WRAP = 1 << 16


def cuba_parameters(layer: NetLayer, shape: Shape) -> dict[str, NDArray[np.int64]]:
    """Parameters of the model ``cuba``; arrays broadcast to ``shape``.

    Raises:
        InputFileError: values that are no decays or thresholds, or that do not fit the neurons.
    """
    given = layer.neuron or NetNeuron("CUBA", {k: np.array(v) for k, v in _DEFAULTS.items()})
    decay_u, decay_v, threshold = (
        neuron_array(layer, given, key, shape) for key in ("iDecay", "vDecay", "vThMant")
    )
    return {
        "du": decay_u - 1,
        "dv": decay_v,
        "vth": threshold,
        "bias_mant": _mantissas(layer, shape),
        "bias_exp": np.array(BIAS_EXPONENT),
        "v0": np.array(0),
    }


def cuba_notes(layer: NetLayer, made: dict[str, NDArray[np.int64]]) -> Iterator[str]:
    """What Lava computes with, although the chip has not so many bits, or the file says else."""
    if layer.neuron is None:
        yield f"{layer.name}: no neurons in the file, so netx's defaults: vDecay 4096, vThMant 2^17"
    bias = None if layer.kind == "input" else layer.arrays.get("bias")
    if bias is not None and (np.abs(bias) >= _BIAS_WRAP // 2).any():
        yield f"{layer.name}: biases beyond 16 bits wrap, as in Lava"
    elif (np.abs(made["bias_mant"]) >= 1 << 12).any():
        yield f"{layer.name}: biases beyond the chip's 13 bits, which Lava does not enforce"
    if layer.neuron is not None and (made["vth"] >= 1 << 17).any():
        yield f"{layer.name}: thresholds beyond the chip's 17 bits, which Lava does not enforce"


def whole(layer: NetLayer, key: str, array: Array) -> NDArray[np.int64]:
    """Whole numbers of 32 bits, int64; fractions are cut, as netx does.

    Raises:
        InputFileError: NaN, infinity, or numbers beyond 32 bits.
    """
    if not (np.isfinite(array).all() and (np.abs(array.astype(np.float64)) < 2.0**31).all()):
        raise InputFileError(
            f"{layer.name}: {key} holds values that are no 32-bit integers", remedy=EXPORT_AGAIN
        )
    return array.astype(np.int64)


def in_lava_order(
    layer: NetLayer, key: str, array: NDArray[np.int64], shape: Shape
) -> NDArray[np.int64]:
    """An array that broadcasts to ``shape``: one value, one per channel, or one per neuron.

    Arrays per neuron of an image are in Lava's order (W, H, C).

    Raises:
        InputFileError: another shape.
    """
    if array.size == 1:
        return array.reshape(())
    if len(shape) == 1 and array.size == shape[0]:
        return array.reshape(shape)
    if array.shape == (shape[0],):
        return array.reshape(-1, *(1,) * (len(shape) - 1))
    if array.shape == shape[::-1]:
        return array.transpose()
    raise InputFileError(
        f"{layer.name}: {key} has shape {array.shape}",
        needs=f"one value, one for each of {shape[0]} channels, or {shape[::-1]} values in Lava's "
        "order"
        if len(shape) > 1
        else f"one value, or one for each of {shape[0]} neurons",
        remedy=EXPORT_AGAIN,
    )


def neuron_array(
    layer: NetLayer,
    neuron: NetNeuron,
    key: str,
    shape: Shape,
    needed: str = "iDecay, vDecay, vThMant",
) -> NDArray[np.int64]:
    """One data set of a neuron group, in its range; broadcasts to ``shape``.

    Raises:
        InputFileError: it is missing, out of range, or does not fit the neurons.
    """
    if key not in neuron.arrays:
        raise InputFileError(
            f"{layer.name}: neurons without {key}",
            needs=needed,
            remedy=EXPORT_AGAIN,
        )
    array = neuron.arrays[key]
    values = whole(layer, key, array)
    low, high = RANGES[key]
    if array.size == 0 or (values != array).any() or values.min() < low or values.max() > high:
        raise InputFileError(
            f"{layer.name}: {key} holds other values than Loihi's",
            needs=f"whole numbers from {low} to {high}",
            remedy=EXPORT_AGAIN,
        )
    return in_lava_order(layer, key, values, shape)


def bias_array(layer: NetLayer, shape: Shape) -> NDArray[np.int64]:
    """Biases; an input layer's are not its neurons'."""
    if "bias" not in layer.arrays or layer.kind == "input":
        return np.array(0)
    return in_lava_order(layer, "bias", whole(layer, "bias", layer.arrays["bias"]), shape)


def _mantissas(layer: NetLayer, shape: Shape) -> NDArray[np.int64]:
    """Biases in the 16 bits that Lava holds them in."""
    half = _BIAS_WRAP // 2
    return (bias_array(layer, shape) + half) % _BIAS_WRAP - half
