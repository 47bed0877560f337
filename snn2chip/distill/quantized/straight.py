"""Fake quantization of a student's weights: rounded on the way forward, straight on the way back.

The rounding is the back end's own (``snn2chip.quantize``), so what is trained cannot differ from
what is exported. Gradients pass where the range cuts nothing, and stop where it does (Bengio,
Leonard, Courville 2013, arXiv:1308.3432).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import norse.torch as norse
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from snn2chip.distill.quantized.folding import Site
from snn2chip.quantize import Fake, Grid, fake_biases, fake_weights, per_target

Rounding = Callable[[NDArray[np.float64]], Fake]


class StraightThrough(torch.autograd.Function):
    """``rounding`` forward; backward the gradient itself where nothing was cut, else 0."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rounding: Rounding) -> Tensor:
        """The rounded values, in the type of ``values``."""
        fake = rounding(_numbers(values))
        ctx.save_for_backward(torch.from_numpy(fake.inside).to(values.device))
        return torch.from_numpy(fake.values).to(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """The gradient of ``values``; the rounding has none."""
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None


def _numbers(values: Tensor) -> NDArray[np.float64]:
    return values.detach().cpu().double().numpy()


class FakeQuantized(nn.Module):
    """The parametrization of one weight or bias: what its target makes of it.

    Args:
        site: where the parameter is.
        grid: may be replaced between steps of the training.
    """

    def __init__(self, site: Site, grid: Grid) -> None:
        super().__init__()
        self.site = site
        self.grid = grid

    def forward(self, values: Tensor) -> Tensor:
        """The values that the program holds, as floats."""
        rounded: Tensor = StraightThrough.apply(values, self.rounding)  # type: ignore[no-untyped-call]
        return rounded

    def rounding(self, values: NDArray[np.float64]) -> Fake:
        """Values [target, ...] as weights, or [target] as biases."""
        grid = self.grid
        if values.ndim == 1:
            scale, origin = (per_target(x, 1) for x in (grid.bias_scale, grid.bias_origin))
            return fake_biases(values, scale, origin, grid.bias_bits, grid.bias_exponent)
        scale = per_target(grid.weight_scale, values.ndim) * self.site.gain
        return fake_weights(values, scale, grid.weight_bits)

    def cut(self, weights: Tensor) -> Tensor:
        """Weights [target, ...] as near as the target's scale allows without becoming another."""
        grid = self.grid
        scale = per_target(grid.weight_scale, weights.ndim) * self.site.gain
        low, high = (
            torch.from_numpy(end / scale).to(weights) for end in (grid.weight_low, grid.weight_high)
        )
        return weights.clamp(low, high)


def attach(
    student: norse.SequentialState, places: Sequence[Site], grids: Mapping[str, Grid]
) -> None:
    """Makes every weight and bias of the student pass through its grid, by target's name."""
    for site in places:
        module = student.get_submodule(site.layer)
        for name in _parameters(module):
            fake = FakeQuantized(site, grids[site.target])
            parametrize.register_parametrization(module, name, fake)


def regrid(student: norse.SequentialState, grids: Mapping[str, Grid]) -> None:
    """Replaces the grids by those that a target derived from the weights, by target's name."""
    for module in student.modules():
        if isinstance(module, FakeQuantized):
            module.grid = grids[module.site.target]


def keep_inside(student: norse.SequentialState) -> None:
    """Cuts the trained weights to their range, so that the target derives the same scale again."""
    with torch.no_grad():
        for module in student.modules():
            if parametrize.is_parametrized(module, "weight"):
                chain: Any = module.parametrizations.weight
                chain.original.copy_(chain[0].cut(chain.original))


def tensors(student: norse.SequentialState, rounded: bool) -> list[dict[str, Tensor]]:
    """Weights and biases module by module: ``rounded`` as the program holds them, or as trained."""
    return [
        {
            name: (getattr(module, name) if rounded else _original(module, name)).detach().clone()
            for name in _parameters(module)
        }
        for module in student
    ]


def _parameters(module: nn.Module) -> list[str]:
    return [name for name in ("weight", "bias") if getattr(module, name, None) is not None]


def _original(module: nn.Module, name: str) -> Tensor:
    original: Tensor = module.parametrizations[name].original  # type: ignore[index, union-attr, unused-ignore]
    return original
