"""A student as a chip has it: BatchNorm inside the convolutions, decays of the chip's bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import norse.torch as norse
import torch
from torch import Tensor, nn

from snn2chip.distill.students import (
    CONVOLUTIONS,
    NEURONS,
    POOLS,
    WEIGHTS,
    Layer,
    build_student,
    names,
)
from snn2chip.errors import UnsupportedError

NORM = "batchnorm2d"
WHOLE = ("residual", "cubalif")
"""Layers that stand for more than one layer of weights, or one state, of a chip."""


@dataclass(frozen=True, slots=True)
class Site:
    """A layer with weights, and the projection that it becomes.

    Attributes:
        layer: name of its module.
        target: name of the neurons that it feeds.
        gain: of the pools before it: a composed weight is ``gain`` times the module's.
    """

    layer: str
    target: str
    gain: float


def sites(layers: Sequence[Layer]) -> tuple[Site, ...]:
    """The weights of a student without BatchNorm, in order.

    Raises:
        UnsupportedError: between two neuron layers there is not one layer with weights with all
            pools before it, so that its weights are not the chip's one by one.
    """
    found: list[Site] = []
    weights, gain = "", 1.0
    for name, layer in zip(names(layers), layers, strict=True):
        kind = layer["kind"]
        if kind in WHOLE:
            raise UnsupportedError(
                f"layer {name!r} ({kind})",
                needs="layers of neurons without a synaptic current, in a row",
                remedy="train without [quantization]; simulate and compile quantize afterwards",
            )
        late = bool(weights) and (kind in WEIGHTS or kind in POOLS)
        early = not weights and kind in NEURONS
        if late or early or kind == NORM:
            raise UnsupportedError(
                f"layer {name!r} ({kind})",
                needs="pools, then one Linear or Conv2d (with BatchNorm), then neurons",
                has="another order, in which weights on the chip are sums of several",
                remedy="fine-tune a network whose layers come in this order",
            )
        if kind in WEIGHTS:
            weights = name
        elif kind in POOLS:
            gain /= layer["kernel"] ** (2 if kind == "avgpool2d" else 1)
        elif kind in NEURONS:
            found.append(Site(weights, name, gain))
            weights, gain = "", 1.0
    return tuple(found)


def check_layers(layers: Sequence[Layer], dt: float) -> None:
    """Refuse a student that cannot be fine-tuned, whatever its weights are.

    Raises:
        UnsupportedError: as `fold_norms` and `sites`.
    """
    with torch.random.fork_rng(devices=[]):
        student = build_student(layers, dt).eval()
    sites(fold_norms(layers, student, dt)[0])


def fold_norms(
    layers: Sequence[Layer], student: norse.SequentialState, dt: float
) -> tuple[list[Layer], norse.SequentialState]:
    """The same student without BatchNorm, whose means and factors go into the Conv2d before it.

    Returns:
        The layers, every Conv2d before a BatchNorm with a bias; and a new module in evaluation
        mode.

    Raises:
        UnsupportedError: a BatchNorm behind something else than a Conv2d.
    """
    kept: list[Layer] = []
    tensors: list[dict[str, Tensor]] = []
    for layer, module in zip(layers, student, strict=True):
        if layer["kind"] != NORM:
            kept.append(dict(layer))
            tensors.append(dict(module.state_dict()))
            continue
        if not kept or kept[-1]["kind"] not in CONVOLUTIONS:
            raise UnsupportedError(
                "a BatchNorm that does not follow a convolution",
                remedy="fine-tune a network with BatchNorm right behind its convolutions",
            )
        kept[-1]["bias"] = True
        tensors[-1] = _folded(tensors[-1], module)
    return kept, built(kept, tensors, dt)


def _folded(conv: Mapping[str, Tensor], norm: nn.Module) -> dict[str, Tensor]:
    """Weight and bias of a convolution with its BatchNorm, computed in float64."""
    mean, variance, weight, bias = (
        getattr(norm, name).detach().double()
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    factor = weight / (variance + float(norm.eps)).sqrt()  # type: ignore[arg-type]
    own = conv["bias"].double() if "bias" in conv else torch.zeros_like(mean)
    return {
        "weight": (conv["weight"].double() * factor[:, None, None, None]).float(),
        "bias": (bias + (own - mean) * factor).float(),
    }


def with_losses(
    layers: Sequence[Layer], student: norse.SequentialState, dt: float, losses: Mapping[str, float]
) -> tuple[list[Layer], norse.SequentialState]:
    """The same student with other time constants.

    Args:
        losses: name of neurons -> share of the membrane lost per step. Where it is 0 the time
            constant stays: none is long enough.
    """
    changed = []
    for name, layer in zip(names(layers), layers, strict=True):
        loss = losses.get(name, 0.0)
        changed.append({**layer, "tau": dt / loss} if "tau" in layer and loss else dict(layer))
    return changed, built(changed, [dict(module.state_dict()) for module in student], dt)


def built(
    layers: Sequence[Layer], tensors: Sequence[Mapping[str, Tensor]], dt: float
) -> norse.SequentialState:
    """A new module with these tensors, layer by layer, in evaluation mode."""
    student = build_student(layers, dt)
    for module, state in zip(student, tensors, strict=True):
        module.load_state_dict(state)
    return student.eval()
