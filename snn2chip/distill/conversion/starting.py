"""A student that starts as the converted teacher: its weights in units of its own neurons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snn2chip.distill.conversion.balance import activation_scales, rate_scale
from snn2chip.distill.conversion.chain import NORMS, Link, chain_of
from snn2chip.distill.conversion.spiking import half_biased
from snn2chip.errors import ConfigError

REMEDY = (
    "a teacher with the student's own layers: as many, of the same widths and kernels, each with "
    "a ReLU where the student has neurons"
)


@dataclass(frozen=True, eq=False)
class Slot:
    """One weighted layer of a student with what follows it.

    Attributes:
        unit: drive that moves the membrane by one threshold in one step, but for its leak; for
            neurons that do not spike, drive that holds it at 1.
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
                remedy='kind = "mlp", "conv" or "audio", or start = "scratch"',
            )
    return tuple(slots)


def _unit(neurons: Any) -> float:
    """Norse's membranes: ``v += dt / tau * (i - v)`` of leaky ones, ``v += i`` of the others.

    A synaptic current adds up to ``tau_syn / dt`` times its input.
    """
    parameters = neurons.p
    if not hasattr(parameters, "v_th"):
        return 1.0
    unit = float(parameters.v_th)
    if hasattr(parameters, "tau_mem_inv"):
        unit /= float(parameters.tau_mem_inv) * float(neurons.dt)
    if hasattr(parameters, "tau_syn_inv"):
        unit *= float(parameters.tau_syn_inv) * float(neurons.dt)
    return unit


@dataclass(frozen=True, slots=True)
class Start:
    """How a teacher is converted into a student's first weights.

    Attributes:
        percentile: of the activations that a rate of 1 stands for; 100 is max-norm.
        half: half a threshold is spread over the biases of the T steps (Deng, Gu 2021,
            arXiv:2103.00476), which rounds rates where they would be cut.
    """

    percentile: float = 99.9
    half: bool = True

    def __post_init__(self) -> None:
        if not 0.0 < self.percentile <= 100.0:
            needs = "more than 0, at most 100 (max-norm)"
            raise ConfigError(f"percentile = {self.percentile}", needs=needs)


def start_from(
    student: nn.Module,
    teacher: nn.Module | None,
    x: Tensor,
    encoded: Tensor,
    start: Start,
    output_scale: float | None = None,
) -> None:
    """Writes a converted teacher into a student of the same layers.

    Args:
        x: calibration samples [sample, *shape] of the training split.
        encoded: the same samples as the student gets them [step, sample, *shape].
        output_scale: logit that one threshold (or a membrane of 1) of the output stands for; the
            largest logit where it is left out.

    Raises:
        ConfigError: a teacher without PyTorch layers, a silent one, or one of other layers.
        UnsupportedError: layers that have no spiking counterpart.
    """
    if teacher is None:
        raise ConfigError(
            "a student that starts as a converted teacher",
            needs="a teacher of PyTorch layers",
            has="one that gives outputs only, such as an ONNX file",
            remedy="[teacher] with the student's kind and widths",
        )
    links = chain_of(teacher)
    scales = activation_scales(links, x.double(), start.percentile)
    if start.half:
        links = half_biased(links, len(encoded), scales)
    input_scale = rate_scale(x.double(), encoded.double().mean(0))
    last = scales[-1] if output_scale is None else output_scale
    start_as(student, links, (input_scale, *scales), last)


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
