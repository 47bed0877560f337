"""Feature distillation: a teacher's values before its ReLU against a student's mean rates.

Heo et al. (2019, arXiv:1904.01866, "A comprehensive overhaul of feature distillation"), which
KDSNN (Xu et al., CVPR 2023, arXiv:2304.05627) takes over for spiking students.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

RARE = 1e-3
"""Share of negative values below which the margin is taken at `FAR` standard deviations."""

FAR = 3.0


def gaussian_margin(mean: Tensor, std: Tensor) -> Tensor:
    """E[t | t < 0] of a normal t, for each channel: what a margin ReLU cuts negative values to.

    ::

        mean - std * pdf(mean / std) / cdf(-mean / std)

    Where less than `RARE` of the values are negative this is no stable number, and ``-3 std`` is
    taken, as the authors do; where the deviation is 0 the margin is the mean itself, if that is
    negative.

    Args:
        mean: of the teacher's values before its ReLU [channel]: the BatchNorm's bias.
        std: their deviation [channel]: the BatchNorm's weight, of either sign.
    """
    mean, std = mean.double(), std.double().abs()
    ratio = mean / std.clamp_min(torch.finfo(torch.float64).tiny)
    share = 0.5 * torch.special.erfc(ratio / math.sqrt(2.0))
    density = torch.exp(-0.5 * ratio**2) / math.sqrt(2.0 * math.pi)
    margin = torch.where(share > RARE, mean - std * density / share.clamp_min(RARE), -FAR * std)
    return torch.where(std > 0.0, margin, mean.clamp_max(0.0)).float()


def measured_margin(values: Tensor) -> Tensor:
    """E[t | t < 0] of each channel, counted; 0 where no value is negative.

    Args:
        values: of a teacher without BatchNorm, before its ReLU [sample, channel, ...].
    """
    by_channel = values.transpose(0, 1).flatten(1)
    negative = by_channel < 0.0
    sums = (by_channel * negative).sum(1)
    return sums / negative.sum(1).clamp_min(1)


def margin_relu(values: Tensor, margin: Tensor) -> Tensor:
    """max(values, margin of the channel); values [sample, channel, ...], margin [channel]."""
    return torch.maximum(values, margin.reshape(-1, *(1,) * (values.ndim - 2)))


def partial_distance(teacher: Tensor, student: Tensor) -> Tensor:
    """Squared difference, averaged over samples and summed over features, 0 where s <= t <= 0.

    A teacher's negative value only says "silent", so a student below it is right already.

    Args:
        teacher: after the margin ReLU [sample, ...].
        student: after its adapter, in the same shape.
    """
    wrong = (student > teacher) | (teacher > 0.0)
    return ((student - teacher) ** 2 * wrong).flatten(1).sum(1).mean()


def layer_weights(layers: int) -> list[float]:
    """1 for the last of the layers, and half as much for each one before it."""
    return [0.5 ** (layers - index - 1) for index in range(layers)]
