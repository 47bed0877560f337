"""What runs of an energy penalty: bills of batches, the weight, and the units that are removed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from snn2chip.distill.energy.budget import Balance
from snn2chip.distill.energy.expense import PJ_PER_NJ, Bill, Expense
from snn2chip.distill.energy.gates import Saliency, choose, unit_costs
from snn2chip.distill.energy.mapped import Mapped, Run, mapped
from snn2chip.distill.energy.shrinking import shrunk, silence, sites_of
from snn2chip.distill.energy.updates import updated
from snn2chip.distill.methods.base import Context, Objective, Signals, Stage, Term
from snn2chip.distill.sequence import encode_spikes
from snn2chip.energy.linear import SpikeCosts
from snn2chip.errors import ConfigError
from snn2chip.graph import Readout

if TYPE_CHECKING:
    from snn2chip.distill.methods.penalties.energy import EnergyPenalty

_MEASURED = 512
"""Training samples on which the input's energy is measured before the training."""

_ROUNDING = 1e-9


def run_of(context: Context) -> Run:
    """How the student of a training is run."""
    recipe = context.recipe
    return Run(
        recipe.encoding.dt,
        recipe.encoding.to_graph(),
        Readout(recipe.student.readout),
        tuple(context.example.shape[1:]),
    )


@dataclass(frozen=True, slots=True)
class Floor:
    """Energy without any spike of a neuron, in nJ per sample."""

    inputs_nj: float
    neurons_nj: float

    @property
    def total_nj(self) -> float:
        """Of both."""
        return self.inputs_nj + self.neurons_nj


class EnergyObjective(Objective):
    """The energy term of one training; what can be refused is refused when it is made."""

    def __init__(self, options: EnergyPenalty, context: Context) -> None:
        super().__init__()
        self._options, self._x = options, context.x[:_MEASURED]
        self._run, self._student = run_of(context), (context.student,)
        self._sites = () if options.floor_nj is None else sites_of(context.student)
        found = mapped(self._run.graph(context.student), options.prices, self._values())
        self._inputs = tuple(p.name for p in found.graph.inputs)
        self._neurons = {
            p.name: p.shape for p in found.graph.populations if p.neuron.spiking and not p.is_input
        }
        rules = updated(self._run.graph(context.student, 1.0))
        self._costs = found.costs
        self._expense = Expense(found.costs, rules, self._inputs, options.guard)
        own = sum(float(found.costs.spike_pj[name].sum()) for name in self._neurons)
        if not own:
            raise _free(found)
        self._budget = options.budget_nj or own / PJ_PER_NJ
        self._begun = self._floor()
        self._refuse(context, found)
        eta = 0.0 if options.budget_nj is None else options.eta
        self._balance = Balance(options.weight, eta, options.most, options.decay)
        self._saliency = Saliency(self._sites)
        self._bills: list[tuple[float, float]] = []

    def forward(self, signals: Signals) -> dict[str, Term]:
        bill = self._expense(signals.spikes)
        ratio = bill.total / self._budget
        weight = float(self._balance.weight)
        if self.training:
            moves = signals.epoch >= self._options.warm_up
            self._balance.update(ratio.item() / self._aim, moves)
            self._bills.append((bill.total.item(), bill.spikes.item()))
            if self._sites:
                self._saliency.watch(signals.spikes)
        terms = {"energy": Term(ratio, weight)}
        if self._options.guard:
            terms["alive"] = Term(self._expense.quiet(signals.spikes), weight)
        return terms

    def start_stage(self, stage: Stage, student: nn.Module) -> None:
        self._reprice(student)

    def after_step(self, student: nn.Module) -> None:
        for site in self._sites:
            silence(student, site, self._units(site.name))

    def end_epoch(self, epoch: int) -> dict[str, float]:
        total, spikes = np.mean(self._bills, axis=0).tolist()
        self._bills.clear()
        found = {"energy_nj": total, "energy_spikes_nj": spikes}
        if self._sites:
            self._remove(epoch)
            found["energy_floor_nj"] = self._floor().total_nj
            self._saliency.clear()
        return {**found, "energy_weight": float(self._balance.weight)}

    @property
    def acceptable(self) -> bool:
        """Whether the last batches kept the budget, and the floor is where it was to be."""
        options = self._options
        floor_nj = float("inf") if options.floor_nj is None else options.floor_nj
        if self._floor().total_nj > floor_nj * (1 + _ROUNDING):
            return False
        if options.budget_nj is None:
            return True
        return 0.0 < self._balance.ratio * self._aim <= 1.0

    @property
    def _aim(self) -> float:
        """Share of the budget that the training aims at."""
        return 1.0 - self._options.margin

    def _units(self, name: str) -> Tensor:
        """Units of a population that there are, bool [unit]."""
        live = self._expense.live(name)
        return live.reshape(len(live), -1).any(1)

    def _values(self) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self._x.numpy().astype(np.float64)
        return values

    def _reprice(self, student: nn.Module) -> None:
        """Map the student anew, without the units that are gone."""
        units = {site.name: self._units(site.name) for site in self._sites}
        small = shrunk(student, units) if units else student
        found = mapped(self._run.graph(small), self._options.prices, self._values())
        live = {n: self._expense.live(n).cpu().numpy() for n in found.costs.spike_pj}
        self._costs = spread(found.costs, live)
        self._expense.reprice(self._costs)

    def _remove(self, epoch: int) -> None:
        """Remove units until the floor is where the schedule wants it after this epoch."""
        options = self._options
        assert options.floor_nj is not None
        begin, end = options.remove_from, options.remove_until
        if not begin <= epoch + 1 <= end:
            return
        share = (epoch + 1 - begin) / max(1, end - begin) if end > begin else 1.0
        now, begun = self._floor().total_nj, self._begun.total_nj
        allowed = options.floor_nj + max(0.0, begun - options.floor_nj) * (1 - share) ** 3
        for _ in range(len(self._sites) * 8):
            if now <= allowed * (1 + _ROUNDING):
                return
            kept = self._chosen((now - allowed) * PJ_PER_NJ)
            for site in self._sites:
                units = torch.from_numpy(kept[site.name])
                live = self._expense.live(site.name)
                live &= units.reshape(-1, *(1,) * (live.ndim - 1))
            self.after_step(self._student[0])
            self._reprice(self._student[0])
            before, now = now, self._floor().total_nj
            if now >= before:
                return

    def _chosen(self, save_pj: float) -> dict[str, NDArray[np.bool_]]:
        """Units that stay where so much of the floor is to be saved."""
        count = max(1, self._saliency.samples)
        sent = {n: (s / count).cpu().numpy() for n, s in self._saliency.sent.items()}
        steps = self._run.encoding.steps or 1
        live = {s.name: self._units(s.name).cpu().numpy() for s in self._sites}
        priced = {}
        for site in self._sites:
            left = int(live[site.name].sum())
            each, fixed = unit_costs(site, self._costs, sent, steps, left)
            floor = fixed[""] + sum(pj for name, pj in fixed.items() if name in self._inputs)
            priced[site.name] = each, floor
        losses = {n: (x / count).numpy() for n, x in self._saliency.loss.items()}
        return choose(self._sites, live, losses, priced, save_pj)

    def _floor(self) -> Floor:
        """What the training samples cost where no neuron fires."""
        sent = encode_spikes(self._x, self._run.encoding)
        spikes: dict[str, Tensor] = {self._inputs[0]: sent}
        for name, shape in self._neurons.items():
            spikes[name] = torch.zeros(()).expand(*sent.shape[:2], *shape)
        bill: Bill = self._expense(spikes)
        inputs = bill.inputs.item()
        return Floor(inputs, bill.total.item() - inputs)

    def _refuse(self, context: Context, found: Mapped) -> None:
        """Refuse a budget that cannot be kept or judged."""
        options = self._options
        if options.budget_nj is None:
            return
        if not context.recipe.data.validation:
            raise ConfigError(
                f"budget_nj = {options.budget_nj:g} without samples to judge it on",
                needs="[data] validation above 0: a budget is met where validation samples meet it",
            )
        floor = self._begun
        least = floor.total_nj if options.floor_nj is None else options.floor_nj
        if options.budget_nj <= min(least, floor.total_nj):
            raise ConfigError(
                f"budget_nj = {options.budget_nj:g} on {found.target.name!r}, "
                f"costs {found.costs.table!r}",
                needs=f"more than the floor of {floor.total_nj:.4g} nJ per inference, which is "
                f"there without any spike of a neuron (input {floor.inputs_nj:.4g}, "
                f"neurons {floor.neurons_nj:.4g})",
                remedy="a larger budget, fewer steps, fewer neurons, or floor_nj, which removes "
                "neurons",
            )


def spread(costs: SpikeCosts, live: dict[str, NDArray[np.bool_]]) -> SpikeCosts:
    """Costs of a student without some neurons, as of the whole one, where those cost nothing.

    Args:
        live: population -> neurons that there are, bool [*shape].
    """

    def whole(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.zeros(live[name].shape)
        found[live[name]] = values.reshape(-1)
        return found

    return replace(
        costs,
        spike_pj={name: whole(name, pj) for name, pj in costs.spike_pj.items()},
        arriving_pj={ends: whole(ends[0], pj) for ends, pj in costs.arriving_pj.items()},
    )


def _free(found: Mapped) -> ConfigError:
    return ConfigError(
        f"an energy penalty on {found.target.name!r}, costs {found.costs.table!r}",
        needs="a price of spikes, synaptic events, packets or hops",
        has="a table in which they cost nothing",
        remedy="another cost table or target",
    )
