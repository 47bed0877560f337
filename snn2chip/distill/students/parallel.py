"""Students side by side, which learn parts of one teacher's features."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from snn2chip.distill.students.modules import Student


class Parallel(nn.Module):
    """Members that share the input; what they give lies side by side.

    Attributes:
        sizes: how many values each member gives.
        mean: [value] of what they give, over training samples.
        order: which of a teacher's features each value stands for.
        centre, spread: of these features over training samples.
    """

    mean: Tensor
    order: Tensor
    centre: Tensor
    spread: Tensor

    def __init__(self, members: Mapping[str, nn.Module], values: int) -> None:
        super().__init__()
        for name, member in members.items():
            self.add_module(name, member)
        self.sizes = tuple(_values(member) for member in members.values())
        self.register_buffer("mean", torch.zeros(values))
        self.register_buffer("order", torch.arange(values))
        self.register_buffer("centre", torch.zeros(values))
        self.register_buffer("spread", torch.ones(values))

    def members(self) -> list[Student]:
        """In their order."""
        return [member for member in self.children() if isinstance(member, Student)]

    def describe(self, order: Tensor, features: Tensor) -> None:
        """Take centre and spread of features [sample, value] that are in the members' order."""
        self.order.copy_(order)
        self.centre.copy_(features.mean(0))
        spread = features.std(0, correction=0)
        self.spread.copy_(torch.where(spread > 0, spread, torch.ones_like(spread)))

    def standardised(self, features: Tensor) -> Tensor:
        """A teacher's features [sample, feature] in the members' order, mean 0 and spread 1."""
        return (features[:, self.order] - self.centre) / self.spread


def _values(member: nn.Module) -> int:
    """What the last matrix of a member gives."""
    last = [module for module in member.children() if isinstance(module, nn.Linear)][-1]
    return last.out_features
