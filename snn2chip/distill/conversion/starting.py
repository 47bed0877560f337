"""A student that starts as the converted teacher: its weights in units of its own neurons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snn2chip.distill.conversion.chain import NORMS, Link
from snn2chip.errors import ConfigError

REMEDY = (
    "a teacher with the student's own layers: as many, of the same widths and kernels, each with "
    "a ReLU where the student has neurons"
)


@dataclass(frozen=True, eq=False)
class Slot:
    """One weighted layer of a student with what follows it.

    Attributes:
        unit: drive that moves the membrane by one threshold in one step, without its leak; for
            neurons that do not spike, drive that moves it by 1.
    """

    name: str
    weights: nn.Module
    norm: nn.Module | None
    unit: float


def slots_of(student: nn.Module) -> tuple[Slot, ...]:
    """The weighted layers of a sequential student, in order.

    Raises:
        ConfigError: two layers with weights without neurons between them, or parts that are no
            sequence, such as residual blocks.
    """
    slots: list[Slot] = []
    weights: tuple[str, nn.Module] | None = None
    norm: nn.Module | None = None
    for name, module in student.named_children():
        if isinstance(module, nn.Linear | nn.Conv2d):
            if weights is not None:
                raise ConfigError(
                    f"layers {weights[0]!r} and {name!r} of the student",
                    needs="neurons between them, to start as a converted teacher",
                )
            weights = name, module
        elif isinstance(module, NORMS):
            norm = module
        elif hasattr(module, "p") and weights is not None:
            slots.append(Slot(*weights, norm, _unit(module)))
            weights, norm = None, None
        elif any(isinstance(part, nn.Linear | nn.Conv2d) for part in module.modules()):
            raise ConfigError(
                f"part {name!r} ({type(module).__name__}) of the student",
                needs="a plain sequence of layers, to start as a converted teacher",
                remedy="kind = mlp or conv",
            )
    return tuple(slots)


def _unit(neurons: Any) -> float:
    """Norse's membranes: ``v += dt / tau * (i - v)`` of leaky ones, ``v += i`` of the others."""
    parameters = neurons.p
    gain = float(parameters.tau_mem_inv) * float(neurons.dt) if _leaks(parameters) else 1.0
    return float(getattr(parameters, "v_th", 1.0)) / gain


def _leaks(parameters: Any) -> bool:
    return hasattr(parameters, "tau_mem_inv")


def start_as(
    student: nn.Module, links: Sequence[Link], scales: Sequence[float], output_scale: float
) -> None:
    """Writes the balanced weights of a chain into a student of the same layers.

    A student's BatchNorm takes over the teacher's, so that it still has something to normalize;
    where the student has none, the teacher's is folded.

    Args:
        links: the teacher's, not folded.
        scales: ReLU value that a rate of 1 stands for, of the input and then of every link; as
            `Balanced.scales`, the last one unused.
        output_scale: logit that one threshold (or a membrane of 1) of the output stands for.

    Raises:
        ConfigError: other layers; the message lists both.
    """
    slots = slots_of(student)
    _check(slots, links)
    after = (*scales[1:-1], output_scale)
    with torch.no_grad():
        for slot, link, incoming, own in zip(slots, links, scales, after, strict=False):
            _start(slot, link, incoming, slot.unit / own)


def _check(slots: Sequence[Slot], links: Sequence[Link]) -> None:
    mine = [_text(slot.weights.weight, slot.norm is not None) for slot in slots]  # type: ignore[arg-type]
    theirs = [_text(link.weight, link.norm is not None) for link in links]
    fit = len(mine) == len(theirs) and all(
        slot.weights.weight.shape == link.weight.shape and (slot.norm is None or link.norm)
        for slot, link in zip(slots, links, strict=True)
    )
    if not fit:
        raise ConfigError(
            "a student that starts as a converted teacher",
            needs=f"a teacher with its layers: {', '.join(mine)}",
            has=", ".join(theirs),
            remedy=REMEDY,
        )


def _text(weight: Tensor, norm: bool) -> str:
    return "x".join(map(str, weight.shape)) + (" with BatchNorm" if norm else "")


def _start(slot: Slot, link: Link, incoming: float, factor: float) -> None:
    """One layer: inputs are rates of ``incoming``, the output is multiplied by ``factor``."""
    kept: Any = slot.weights
    norm: Any = slot.norm
    if norm is None:
        plain = link.folded()
        kept.weight.copy_(plain.weight * (incoming * factor))
        if kept.bias is not None:
            kept.bias.copy_(plain.bias * factor)
        elif bool(plain.bias.any()):
            raise ConfigError(
                f"layer {slot.name!r} of the student has no bias, its teacher's has one",
                remedy=REMEDY,
            )
        return
    assert link.norm is not None
    kept.weight.copy_(link.weight * incoming)
    shift = link.bias
    if kept.bias is not None:
        kept.bias.copy_(link.bias)
        shift = torch.zeros_like(shift)
    norm.running_mean.copy_(link.norm.mean - shift)
    norm.running_var.copy_(link.norm.var)
    norm.weight.copy_(link.norm.weight * factor)
    norm.bias.copy_(link.norm.bias * factor)
    norm.eps = link.norm.eps
