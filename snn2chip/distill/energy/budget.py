"""How strongly energy counts in a loss: fixed, or moved until a budget is kept.

With E the energy of a batch and B the budget, after every batch behind the warm-up::

    mean   <- d mean + (1 - d) E / B               corrected for its start
    weight <- clip(weight + eta (mean - 1), 0, most)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Balance(nn.Module):
    """The factor of an energy term, and the mean energy that moves it; both are saved.

    Args:
        weight: that it begins with.
        eta: step of the weight per batch and per budget of excess; 0 keeps it.
        most: largest weight.
        decay: d, of the mean over batches.
    """

    weight: Tensor
    mean: Tensor
    kept: Tensor

    def __init__(self, weight: float, eta: float, most: float, decay: float) -> None:
        super().__init__()
        self._eta, self._most, self._decay = eta, most, decay
        self.register_buffer("weight", torch.tensor(weight, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros((), dtype=torch.float64))
        self.register_buffer("kept", torch.ones((), dtype=torch.float64))

    @property
    def ratio(self) -> float:
        """Mean of E / B over the last batches; 0 before the first."""
        weight = 1.0 - float(self.kept)
        return float(self.mean) / weight if weight else 0.0

    def update(self, ratio: float, moves: bool) -> None:
        """After a batch of E / B; the weight stays where it is unless it ``moves``."""
        self.mean.mul_(self._decay).add_((1.0 - self._decay) * ratio)
        self.kept.mul_(self._decay)
        if moves and self._eta:
            self.weight.add_(self._eta * (self.ratio - 1.0)).clamp_(0.0, self._most)
