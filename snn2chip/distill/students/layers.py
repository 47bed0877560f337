"""Layers as plain data: their kinds and options, checks of those out of files, and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from snn2chip.errors import InputFileError, did_you_mean

Layer: TypeAlias = dict[str, Any]
"""One layer: ``kind``, and the options that `LAYERS` lists for that kind."""

Shape: TypeAlias = tuple[int, ...]

_SPIKING = {"v_threshold": float, "surrogate": str, "alpha": float}
LAYERS: dict[str, dict[str, type]] = {
    "flatten": {},
    "linear": {"inputs": int, "outputs": int, "bias": bool},
    "conv2d": {"inputs": int, "outputs": int, "kernel": int, "padding": int, "bias": bool},
    "conv_time": {
        "inputs": int,
        "outputs": int,
        "kernel": int,
        "bins": int,
        "stride": int,
        "padding": int,
        "bias": bool,
    },
    "batchnorm2d": {"channels": int},
    "avgpool2d": {"kernel": int},
    "avgpool_time": {"kernel": int},
    "dropout": {"share": float},
    "residual": {"channels": int, "kernel": int, "neuron": dict},
    "lif": {"tau": float, **_SPIKING},
    "cubalif": {"tau": float, "tau_syn": float, **_SPIKING},
    "iaf": {**_SPIKING},
    "li": {"tau": float},
    "relu": {},
}
"""Layer kinds and their options; times in seconds.

``conv_time`` and ``avgpool_time`` work along the first axis of [channel, time, bin]: a kernel of
``kernel`` steps of time and ``bins`` bins. ``residual`` has a layer of ``neuron`` in it, twice.
"""

OPTIONAL: dict[str, dict[str, type]] = {"lif": {"reset": str}, "conv2d": {"stride": int}}
"""Options that layers may have, and mean nothing special where they are left out."""

MAX_SIZE = 1 << 24
"""Largest layer size that an architecture from a file may name."""

SURROGATES = ("circ", "tanh", "triangle", "heavi_erfc", "super", "atan")

RESETS = ("zero", "subtract")

NEURONS = ("lif", "cubalif", "iaf", "li", "relu")
CONVOLUTIONS = ("conv2d", "conv_time")
POOLS = ("avgpool2d", "avgpool_time")
WEIGHTS = {"linear": "hidden", **dict.fromkeys(CONVOLUTIONS, "conv")}
PARTS = {
    **dict.fromkeys(WEIGHTS, "_weight"),
    "batchnorm2d": "_norm",
    **dict.fromkeys(POOLS, "_pool"),
    **dict.fromkeys(NEURONS, ""),
}
"""Layers that are named after the population whose weights came last, and how."""

_INSIDE = ("lif", "cubalif", "iaf", "relu")
"""Neurons that a residual block may have."""

_CHOICES = {"surrogate": SURROGATES, "reset": RESETS}


def names(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    """One name per layer: neurons after what feeds them, the last ones ``out``, others by kind.

    ``conv1_weight, conv1_norm, conv1, conv1_pool, block1, flatten5, dropout6, out_weight, out``
    """
    kinds = [str(layer["kind"]) for layer in layers]
    last = max(
        (k for k, kind in enumerate(kinds) if kind in NEURONS or kind in WEIGHTS), default=-1
    )
    counts: dict[str, int] = {}
    stem, found = "", []
    for index, kind in enumerate(kinds):
        if kind in WEIGHTS:
            counts[WEIGHTS[kind]] = counts.get(WEIGHTS[kind], 0) + 1
            is_last = not any(k in NEURONS or k == "residual" for k in kinds[index:last])
            stem = "out" if is_last else f"{WEIGHTS[kind]}{counts[WEIGHTS[kind]]}"
        name = f"{stem}{PARTS[kind]}" if stem and kind in PARTS else f"{kind}{index}"
        if kind == "residual":
            counts[kind] = counts.get(kind, 0) + 1
            name = stem = f"block{counts[kind]}"
        found.append(name if name not in found else f"{name}_{index}")
    return found


def check_layer(layer: Mapping[str, Any], index: int) -> None:
    """Refuse a layer with an unknown kind, missing, unknown or senseless options.

    Raises:
        InputFileError: naming the layer.
    """
    kind = layer.get("kind") if isinstance(layer, Mapping) else None
    if not isinstance(kind, str) or kind not in LAYERS:
        raise InputFileError(
            f"layer {index}: kind {kind!r}", remedy=did_you_mean(str(kind), list(LAYERS))
        )
    optional = OPTIONAL.get(kind, {})
    options = LAYERS[kind] | {name: wanted for name, wanted in optional.items() if name in layer}
    if set(layer) - {"kind"} != set(options):
        raise InputFileError(
            f"layer {index} ({kind}): options {sorted(set(layer) - {'kind'})}",
            needs=", ".join(options) or "no options",
        )
    for name, wanted in options.items():
        if wanted is dict:
            _check_inside(layer[name], index)
        elif not _sensible(name, layer[name], wanted):
            raise InputFileError(f"layer {index} ({kind}): {name} = {layer[name]!r}")


def _check_inside(neuron: Any, index: int) -> None:
    """The neurons of a residual block."""
    check_layer(neuron, index)
    if neuron["kind"] not in _INSIDE:
        raise InputFileError(
            f"layer {index} (residual): neurons {neuron['kind']!r}", needs=", ".join(_INSIDE)
        )


def _sensible(name: str, value: Any, wanted: type) -> bool:
    if wanted is float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return 0.0 <= value < 1.0 if name == "share" else 0.0 < value < float("inf")
    if wanted is int:
        least = 0 if name == "padding" else 1
        return type(value) is int and least <= value <= MAX_SIZE
    if name in _CHOICES:
        return value in _CHOICES[name]
    return type(value) is wanted
