"""Norse's cells with the surrogate gradient ``atan``, which Norse does not have.

Its derivative at x = v - threshold is alpha/2 / (1 + (pi/2 alpha x)^2) (Fang et al. 2021,
arXiv:2007.05785, and SpikingJelly's ``surrogate.ATan``). Cells and what they compute forward are
Norse's: only the function of a step is replaced, with Norse's equations in its order of sums.
"""

from __future__ import annotations

from math import pi
from typing import Any

import torch
from norse.torch.functional.iaf import IAFFeedForwardState
from norse.torch.functional.lif import LIFFeedForwardState
from norse.torch.functional.lif_box import LIFBoxFeedForwardState
from torch import Tensor, nn


class _Atan(torch.autograd.Function):
    """1 where x > 0, else 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, alpha: Tensor) -> Tensor:
        ctx.save_for_backward(x, alpha)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        x, alpha = ctx.saved_tensors
        slope = alpha / 2 / (1 + (pi / 2 * alpha * x) ** 2)
        return gradients[0] * slope.to(x.dtype), None


def atan(x: Tensor, alpha: Tensor) -> Tensor:
    """Spikes of x = v - threshold, with the derivative above."""
    spikes: Tensor = _Atan.apply(x, alpha)  # type: ignore[no-untyped-call]
    return spikes


def _lif_box(x: Tensor, state: Any, p: Any, dt: float) -> tuple[Tensor, Any]:
    v = state.v + dt * p.tau_mem_inv * (x + p.v_leak - state.v)
    z = atan(v - p.v_th, p.alpha)
    return z, LIFBoxFeedForwardState(v=p.reset_method(z, v, p.v_reset, p.v_th))


def _iaf(x: Tensor, state: Any, p: Any, dt: float) -> tuple[Tensor, Any]:
    v = state.v + x
    z = atan(v - p.v_th, p.alpha)
    return z, IAFFeedForwardState(v=(1 - z) * v + z * p.v_reset)


def _lif(x: Tensor, state: Any, p: Any, dt: float) -> tuple[Tensor, Any]:
    i = state.i + x
    v = state.v + dt * p.tau_mem_inv * ((p.v_leak - state.v) + i)
    z = atan(v - p.v_th, p.alpha)
    after = LIFFeedForwardState(v=(1 - z) * v + z * p.v_reset, i=i + -dt * p.tau_syn_inv * i)
    return z, after


_STEPS = {"LIFBoxCell": _lif_box, "IAFCell": _iaf, "LIFCell": _lif}


def with_surrogate(cell: Any, name: str) -> nn.Module:
    """The cell, with ``atan`` where that is its surrogate; it is changed in place."""
    if name == "atan":
        cell.activation = _STEPS[type(cell).__name__]
    module: nn.Module = cell
    return module
