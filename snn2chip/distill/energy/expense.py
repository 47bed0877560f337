"""The dynamic energy of a training batch, differentiable in its spikes.

With c_pj the cost of a spike (``snn2chip.energy.linear``), per sample::

    E = (sum_p sum_j c_pj n_pj + sum_p u_p U_p) / samples + steps k

The value is the price of the same batch on the same mapping. Backward, each spike passes on its
cost, from where the neuron's surrogate gradient takes it; updates are measured and have no
gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from snn2chip.distill.energy.updates import Updated
from snn2chip.energy.linear import SpikeCosts

PJ_PER_NJ = 1000.0


class Bill(NamedTuple):
    """Dynamic energy per sample in nJ, by what it depends on; float64 scalars.

    Attributes:
        spikes: of neurons; the only part that weights move directly.
        inputs: of input spikes, which follow from data and encoding.
        updates: of neuron updates, beyond the price of inactive neurons; no gradient.
        constant: of neurons and synapses that do nothing.
    """

    spikes: Tensor
    inputs: Tensor
    updates: Tensor
    constant: Tensor

    @property
    def total(self) -> Tensor:
        """The report's dynamic energy per inference."""
        return self.spikes + self.inputs + self.updates + self.constant

    @property
    def floor(self) -> Tensor:
        """What is left where no neuron fires, as far as updates do not depend on that."""
        return (self.inputs + self.constant).detach()


class Expense(nn.Module):
    """Prices batches; its costs are buffers, saved and loaded with a training.

    Args:
        costs: on a mapping that stays as it is until `reprice`.
        rules: when neurons count as updated, by population.
        inputs: names of the input populations.
        guard: spikes per sample of a whole population below which its costs push no more.
        values: inputs send values and not spikes (``direct``); each that is not zero counts.
    """

    def __init__(
        self,
        costs: SpikeCosts,
        rules: Mapping[str, Updated],
        inputs: tuple[str, ...],
        guard: float = 0.0,
        values: bool = False,
    ) -> None:
        super().__init__()
        self._inputs, self._guard, self._values = inputs, guard, values
        self._names = tuple(costs.spike_pj)
        for index, name in enumerate(self._names):
            shape = costs.spike_pj[name].shape
            self.register_buffer(f"spike_pj_{index}", torch.zeros(shape, dtype=torch.float64))
            self.register_buffer(f"live_{index}", torch.ones(shape, dtype=torch.bool))
        updated = torch.zeros(len(self._names), dtype=torch.float64)
        self.register_buffer("update_pj", updated)
        self.register_buffer("constant_pj", torch.zeros((), dtype=torch.float64))
        self._rules = dict(rules)
        self.reprice(costs)

    def live(self, name: str) -> Tensor:
        """Neurons of a population that there are, bool [*shape]; written in place."""
        return self.get_buffer(f"live_{self._names.index(name)}")

    def reprice(self, costs: SpikeCosts) -> None:
        """Take other costs of the same populations."""
        for index, name in enumerate(self._names):
            self._cost(index).copy_(torch.from_numpy(costs.spike_pj[name]))
            self.get_buffer("update_pj")[index] = costs.update_pj.get(name, 0.0)
        self.get_buffer("constant_pj").fill_(costs.constant_pj)

    def forward(self, spikes: Mapping[str, Tensor]) -> Bill:
        """The bill of a batch.

        Args:
            spikes: population -> [step, sample, *shape]; an output that does not spike may be
                missing.
        """
        steps, samples = next(iter(spikes.values())).shape[:2]
        neurons, inputs = self._zero(), self._zero()
        for index, name in enumerate(self._names):
            if name not in spikes:
                continue
            part = self._part(index, spikes[name], name in self._inputs)
            if name in self._inputs:
                inputs = inputs + part
            else:
                neurons = neurons + part
        per_sample = samples * PJ_PER_NJ
        constant = self.get_buffer("constant_pj") * steps / PJ_PER_NJ
        return Bill(
            neurons / per_sample, inputs / per_sample, self._updates(spikes) / per_sample, constant
        )

    def quiet(self, spikes: Mapping[str, Tensor]) -> Tensor:
        """How far populations lie below their guard: sum of max(0, 1 - spikes / guard)."""
        lacking = self._zero()
        for name, sent in spikes.items():
            if name not in self._inputs and self._guard:
                each = _counts(sent).sum() / sent.shape[1]
                lacking = lacking + torch.relu(1.0 - each / self._guard)
        return lacking

    def _part(self, index: int, spikes: Tensor, given: bool) -> Tensor:
        """pJ of a population over the batch; of an input's values those that are not zero."""
        counts = _counts((spikes != 0).float() if given and self._values else spikes)
        if not given and counts.detach().sum().item() < self._guard * spikes.shape[1]:
            counts = counts.detach()
        return (counts * self._cost(index)).sum()

    def _updates(self, spikes: Mapping[str, Tensor]) -> Tensor:
        """pJ of updates over the batch."""
        prices = self.get_buffer("update_pj").tolist()
        needed = {n: p for n, p in zip(self._names, prices, strict=True) if p}
        flags = {}
        live = {name: self.live(name).cpu().numpy() for name in needed}
        if any(not self._rules[name].constant(live[name]) for name in needed):
            flags = {name: (x != 0).detach().cpu().numpy() for name, x in spikes.items()}
        steps, samples = next(iter(spikes.values())).shape[:2]
        total = 0.0
        for name, price in needed.items():
            rule, neurons = self._rules[name], live[name]
            number = (
                steps * samples * int(neurons.sum())
                if rule.constant(neurons)
                else rule.count(flags, name, neurons)
            )
            total += price * number
        return self._zero() + total

    def _cost(self, index: int) -> Tensor:
        return self.get_buffer(f"spike_pj_{index}")

    def _zero(self) -> Tensor:
        return torch.zeros((), dtype=torch.float64, device=self.get_buffer("constant_pj").device)


def _counts(spikes: Tensor) -> Tensor:
    """Spikes of each neuron over steps and samples, float64 [*shape].

    Sums of 0 and 1 are exact in float32 up to 2^24, and eight times as fast as in float64.
    """
    return spikes.float().sum((0, 1)).double()
