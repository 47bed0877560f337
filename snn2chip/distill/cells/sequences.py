"""One Norse cell over a whole sequence [step, sample, *shape], with gradients.

Where numba is installed, LIFBoxCell and IAFCell that start and reset at 0 (or subtract their
threshold) run in `kernels`; every other cell, and any without numba, runs step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import norse.torch as norse
import numpy as np
import torch
from norse.torch.functional.reset import reset_subtract, reset_value
from torch import Tensor, nn

from snn2chip.distill.layout import memory_axes, put_back
from snn2chip.engine.kernels.accelerate import kernels

SURROGATES = ("circ", "tanh", "triangle", "heavi_erfc", "super", "atan")
"""Norse's threshold functions and ours, in the order of their numbers in the kernels."""

_KERNELS = "snn2chip.distill.cells.kernels"


@dataclass(frozen=True, slots=True)
class Box:
    """A cell without synaptic state, as the kernels take it.

    Attributes:
        leak: dt / tau of a leaky cell, else None.
    """

    leak: float | None
    threshold: float
    soft: bool
    surrogate: str
    alpha: float
    through_reset: bool = True


def run_cell(cell: nn.Module, drive: Tensor, through_reset: bool = True) -> Tensor:
    """What a cell sends out at every step of ``drive`` [step, sample, *shape], from its own start.

    Args:
        through_reset: whether gradients flow through the reset, as in Norse; only compiled
            kernels can leave them out.
    """
    drive = drive.float() if drive.dtype == torch.bfloat16 else drive  # neurons stay exact
    box = box_of(cell, through_reset)
    if box is None or drive.dtype != torch.float32 or drive.device.type != "cpu" or not _ready():
        return step_by_step(cell, drive)
    spikes: Tensor = _Spiking.apply(drive, box)  # type: ignore[no-untyped-call]
    return spikes


def step_by_step(cell: nn.Module, drive: Tensor) -> Tensor:
    """The same as `run_cell`, one call of the cell for each step."""
    state, outputs = None, []
    for step in drive:
        y, state = cell(step, state)
        outputs.append(y)
    return torch.stack(outputs)


def box_of(cell: nn.Module, through_reset: bool = True) -> Box | None:
    """The cell as the kernels take it, or None where they do not have it."""
    if type(cell) not in (norse.LIFBoxCell, norse.IAFCell):
        return None
    p: Any = cell.p
    scalars = (p.v_th, p.v_reset, p.alpha, getattr(p, "v_leak", p.v_reset))
    if any(value.numel() != 1 or value.requires_grad for value in scalars):
        return None
    reset = getattr(p, "reset_method", reset_value)
    at_zero = float(p.v_reset) == 0.0 and float(scalars[3]) == 0.0
    if not at_zero or p.method not in SURROGATES or reset not in (reset_value, reset_subtract):
        return None
    leak = float(cell.dt * p.tau_mem_inv) if isinstance(cell, norse.LIFBoxCell) else None
    soft = reset is reset_subtract
    return Box(leak, float(p.v_th), soft, p.method, float(p.alpha), through_reset)


def encode_values(x: Tensor, threshold: float, steps: int, gain: float = 1.0) -> Tensor:
    """Spikes [step, *shape] of the ``if`` encoding of ``x``, in its own type."""
    if x.dtype == torch.float32 and x.device.type == "cpu" and _ready():
        flat = x.detach().contiguous().view(-1)
        spikes = torch.empty((steps, flat.numel()))
        _module().encode(flat.numpy(), spikes.numpy(), gain, threshold)
        return spikes.view(steps, *x.shape)
    drive = x.double() * gain
    v = torch.zeros_like(drive)
    fires = []
    for _ in range(steps):
        v = v + drive
        fired = v > threshold
        v = v.masked_fill(fired, 0.0)
        fires.append(fired)
    return torch.stack(fires).to(x.dtype)


class _Spiking(torch.autograd.Function):
    """Spikes of a box cell; the membranes before the reset are kept for the gradient.

    Images stay in the order of memory that they come in.
    """

    @staticmethod
    def forward(ctx: Any, drive: Tensor, box: Box) -> Tensor:
        ctx.axes = memory_axes(drive)
        drive = drive.permute(ctx.axes).contiguous()
        v, z = torch.empty_like(drive), torch.empty_like(drive)
        steps = len(drive)
        x, membranes, spikes = (a.detach().view(steps, -1).numpy() for a in (drive, v, z))
        leak, threshold = _f32(box.leak or 0.0), _f32(box.threshold)
        leaky = box.leak is not None
        _module().spiking(x, membranes, spikes, leak, threshold, leaky, box.soft)
        ctx.save_for_backward(v)
        ctx.box = box
        return put_back(z, ctx.axes)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (v,), box = ctx.saved_tensors, ctx.box
        out = torch.empty_like(v)
        steps = len(v)
        g, membranes, result = (
            a.detach().view(steps, -1).numpy()
            for a in (grad.permute(ctx.axes).contiguous(), v, out)
        )
        options = (
            _f32(box.leak or 0.0),
            _f32(box.threshold),
            _f32(box.soft),
            SURROGATES.index(box.surrogate),
            _f32(box.alpha),
            _f32(box.through_reset),
        )
        _module().spiking_backward(g, membranes, result, *options)
        return put_back(out, ctx.axes), None


def _ready() -> bool:
    return kernels(_KERNELS) is not None


def _module() -> Any:
    return kernels(_KERNELS)


def _f32(value: float) -> np.float32:
    return np.float32(value)
