"""Threshold balancing: one factor per layer, so that a neuron's rate says its ReLU value.

With activations a of layer l divided by their largest value ``s_l``, all rates lie in [0, 1] and
every threshold can be 1::

    W_l  ->  W_l * s_(l-1) / s_l          b_l  ->  b_l / s_l

Diehl et al. (2015) take the maximum over the data ("max-norm"); Rueckauer et al. (2017,
10.3389/fnins.2017.00682) a percentile such as 99.9, which a few outliers cannot spoil.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from snn2chip.distill.conversion.chain import Link, relu_values
from snn2chip.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Balanced:
    """A chain in units of its thresholds, which are 1.

    Attributes:
        links: with BatchNorm folded, weights and biases scaled.
        scales: ReLU value that a rate of 1 stands for, of the input and then of every link; the
            last one is that of the logits.
    """

    links: tuple[Link, ...]
    scales: tuple[float, ...]


def activation_scales(
    links: Sequence[Link], x: Tensor, percentile: float = 100.0, batch: int = 512
) -> tuple[float, ...]:
    """The percentile of every link's values, over samples and neurons together.

    Args:
        x: calibration samples [sample, *shape], in the links' float type; of the training split.
        percentile: in (0, 100]; 100 is the maximum, and it is exact. Others are taken batch by
            batch, and the largest of the batches counts.

    Raises:
        ConfigError: a layer that no sample makes positive: it would have no rate.
    """
    found = [0.0] * len(links)
    with torch.no_grad():
        for part in torch.split(x, batch):
            for index, values in enumerate(relu_values(links, part)):
                found[index] = max(found[index], _percentile(values, percentile))
    for link, scale in zip(links, found, strict=True):
        if not scale > 0.0:
            raise ConfigError(
                f"layer {link.name!r} of the network to convert is silent",
                needs="positive values for some calibration samples",
                has=f"its {percentile:g}th percentile is {scale:g}",
                remedy="other samples, a higher percentile, or a teacher that is trained",
            )
    return tuple(found)


def _percentile(values: Tensor, percentile: float) -> float:
    if percentile >= 100.0:
        return float(values.max())
    flat = values.flatten()
    rank = min(max(round(percentile / 100.0 * flat.numel()), 1), flat.numel())
    return float(flat.kthvalue(rank).values)


def balanced(links: Sequence[Link], scales: Sequence[float], input_scale: float = 1.0) -> Balanced:
    """The chain with every threshold 1.

    Args:
        scales: of every link, such as `activation_scales` gives.
        input_scale: value that an input rate of 1 stands for: 1 where values in [0, 1] are given
            as they are, `rate_scale` where they are encoded.
    """
    before = (input_scale, *scales)
    scaled = []
    for link, incoming, own in zip(links, before, scales, strict=False):
        plain = link.folded()
        scaled.append(replace(plain, weight=plain.weight * (incoming / own), bias=plain.bias / own))
    return Balanced(tuple(scaled), before)


def rate_scale(x: Tensor, rates: Tensor) -> float:
    """The value that an input rate of 1 stands for: least squares of x = scale * rate.

    Args:
        x: values [sample, *shape].
        rates: spikes per step of the same values, once encoded.
    """
    return float((x * rates).sum() / (rates * rates).sum())
