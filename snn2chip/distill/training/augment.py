"""Random small changes of training images: rotation, shift, zoom, shear, brightness."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from snn2chip.distill.recipe import AugmentationConfig


def augment(x: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Images x [sample, channel, height, width] in [0, 1], a share of them changed.

    Changed pixels are rounded to the data's grey levels.
    """
    if config.share == 0.0:
        return x
    samples = len(x)

    def draw(largest: float) -> Tensor:
        return (2.0 * torch.rand(samples, generator=generator) - 1.0) * largest

    maps = _affine_maps(config, x.shape, draw(1.0), draw(1.0), draw(1.0), draw(1.0), draw(1.0))
    factor = 1.0 + draw(config.brightness)
    changed = torch.rand(samples, generator=generator) < config.share
    moved = grid_sample(
        x, affine_grid(maps, list(x.shape), align_corners=False), align_corners=False
    )
    moved = ((moved * factor[:, None, None, None]).clamp(0.0, 1.0) * config.levels).round()
    moved = moved / config.levels
    return torch.where(changed[:, None, None, None], moved, x)


def _affine_maps(
    config: AugmentationConfig,
    shape: torch.Size,
    angle: Tensor,
    zoom: Tensor,
    shear: Tensor,
    down: Tensor,
    right: Tensor,
) -> Tensor:
    """Maps [sample, 2, 3] from output to input coordinates, of draws [sample] in [-1, 1]."""
    angle = angle * math.radians(config.rotate_deg)
    scale = 1.0 + zoom * config.zoom
    maps = torch.zeros(len(angle), 2, 3)
    maps[:, 0, 0] = maps[:, 1, 1] = torch.cos(angle) / scale
    maps[:, 1, 0] = torch.sin(angle) / scale
    maps[:, 0, 1] = -maps[:, 1, 0] + shear * config.shear
    maps[:, 0, 2] = right * config.shift_px * 2.0 / shape[3]
    maps[:, 1, 2] = down * config.shift_px * 2.0 / shape[2]
    return maps
