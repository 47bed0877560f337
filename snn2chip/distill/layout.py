"""The order of images in memory: channels last, as convolutions read and write them fastest."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_STEP_AXES = (0, 1, 3, 4, 2)


def laid_out(images: Tensor) -> Tensor:
    """Images [sample, channel, row, column] with channels last; a copy where they are not."""
    return images.contiguous(memory_format=torch.channels_last)


def memory_axes(values: Tensor) -> tuple[int, ...]:
    """Axes of values [step, sample, *shape] in the order of memory: channels of images may be last.

    The steps may be one and the same memory.
    """
    if values.dim() == 5 and _has_channels_last(values[0]):
        return _STEP_AXES
    return tuple(range(values.dim()))


def put_back(values: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Axes in their own places again, over the same memory."""
    return values.permute(tuple(axes.index(axis) for axis in range(len(axes))))


def step_mean(values: Tensor) -> Tensor:
    """Mean over the steps of values [step, sample, *shape].

    Its gradient lies in memory as the values do, so that it is added to others without a detour.
    """
    mean: Tensor = _StepMean.apply(values)  # type: ignore[no-untyped-call]
    return mean


class _StepMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.steps, ctx.images = len(values), memory_axes(values) == _STEP_AXES
        return values.mean(0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        each = grad / ctx.steps
        each = laid_out(each) if ctx.images else each
        return each.expand(ctx.steps, *each.shape)


def _has_channels_last(images: Tensor) -> bool:
    """Not where a single channel or pixel makes both orders the same."""
    last = images.is_contiguous(memory_format=torch.channels_last)
    return last and not images.is_contiguous()
