"""Fewer spikes by a price on firing rates, without asking where the spikes go."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from snn2chip.distill.methods.base import Context, Objective, Penalty, Signals, Term
from snn2chip.distill.tables import at_least, whole


@dataclass(frozen=True, slots=True)
class RatePenalty(Penalty):
    """``weight x sum over populations of mean(rate^power)``, rate = spikes per neuron and step.

    Attributes:
        power: 1 or 2: L1 or L2 of the rates (Louis et al., arXiv 2406.18350).
        output: the output population counts too.
    """

    weight: float = 1.0
    power: int = 1
    output: bool = True

    def __post_init__(self) -> None:
        at_least("weight", self.weight, 0)
        whole("power", self.power, 1, 2)

    def objective(self, context: Context) -> Objective:
        return _Rate(self)


class _Rate(Objective):
    def __init__(self, options: RatePenalty) -> None:
        super().__init__()
        self._options = options

    def forward(self, signals: Signals) -> dict[str, Term]:
        names = [name for name in signals.spikes if name != "input"]
        kept = names if self._options.output else [n for n in names if n != "out"]
        means = [(signals.spikes[n].mean(0) ** self._options.power).mean() for n in kept]
        if not means:
            return {}
        return {"rate": Term(torch.stack(means).sum(), self._options.weight)}
