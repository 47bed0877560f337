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
from snn2chip.distill.energy.mapped import MEASURED, Mapped, Run, mapped, spread_evenly
from snn2chip.distill.energy.shrinking import shrunk, silence, sites_of
from snn2chip.distill.energy.updates import updated
from snn2chip.distill.methods.base import Context, Objective, Signals, Stage, Term
from snn2chip.distill.sequence import encode_spikes
from snn2chip.energy.linear import SpikeCosts
from snn2chip.errors import ConfigError
from snn2chip.graph import Readout

if TYPE_CHECKING:
    from snn2chip.distill.methods.penalties.energy import EnergyPenalty


ALIVE = 0.5
"""Share of the guard's spikes that a population fires in an epoch which may be kept."""


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
    """The energy term of one training; what can be refused is refused when it is made.

    Attributes:
        begun_nj: mean energy of the epoch before units were removed first.
        done: epochs of the stage.
    """

    begun_nj: Tensor
    done: Tensor

    def __init__(self, options: EnergyPenalty, context: Context) -> None:
        super().__init__()
        self._options = options
        self._x = context.x[torch.from_numpy(spread_evenly(len(context.x), MEASURED))]
        self._run, self._student = run_of(context), (context.student,)
        self._sites = () if options.remove_to_nj is None else sites_of(context.student)
        found = mapped(self._run.graph(context.student), options.prices, self._values())
        self._inputs = tuple(p.name for p in found.graph.inputs)
        self._neurons = {
            p.name: p.shape for p in found.graph.populations if p.neuron.spiking and not p.is_input
        }
        rules = updated(self._run.graph(context.student, 1.0))
        self._costs = found.costs
        self._expense = Expense(
            found.costs, rules, self._inputs, options.guard, self._run.encoding.kind == "direct"
        )
        own = sum(float(found.costs.spike_pj[name].sum()) for name in self._neurons)
        if not own:
            raise _free(found)
        self._budget = options.budget_nj or own / PJ_PER_NJ
        self._refuse(context, found)
        eta = 0.0 if options.budget_nj is None else options.eta
        self._balance = Balance(options.weight, eta, options.most, options.decay)
        self._saliency = Saliency(self._sites)
        self._bills: list[tuple[float, float]] = []
        self._sent: dict[str, list[float]] = {name: [] for name in self._neurons}
        self._alive = True
        self.register_buffer("begun_nj", torch.zeros((), dtype=torch.float64))
        self.register_buffer("done", torch.zeros((), dtype=torch.int64))

    def forward(self, signals: Signals) -> dict[str, Term]:
        bill = self._expense(signals.spikes)
        ratio = bill.total / self._budget
        weight = float(self._balance.weight) * self._grown(signals.epoch)
        if self.training:
            moves = signals.epoch >= self._still
            self._balance.update(ratio.item() / self._aim, moves)
            self._bills.append((bill.total.item(), bill.spikes.item()))
            for name, sent in self._sent.items():
                fired = signals.spikes[name].detach()
                sent.append(float(fired.sum()) / fired.shape[1])
            if self._sites:
                self._saliency.watch(signals.spikes)
        terms = {"energy": Term(ratio, weight)}
        if self._options.guard:
            terms["alive"] = Term(self._expense.quiet(signals.spikes), weight)
        return terms

    def _grown(self, epoch: int) -> float:
        """Share of a fixed weight that counts in an epoch."""
        options = self._options
        if options.budget_nj is not None or not options.warm_up:
            return 1.0
        return min(1.0, epoch / options.warm_up)

    def start_stage(self, stage: Stage, student: nn.Module) -> None:
        self._reprice(student)

    def after_step(self, student: nn.Module) -> None:
        for site in self._sites:
            silence(student, site, self._units(site.name))

    def end_epoch(self, epoch: int) -> dict[str, float]:
        total, spikes = np.mean(self._bills, axis=0).tolist()
        self._bills.clear()
        least = min(float(np.mean(sent)) for sent in self._sent.values())
        self._alive = least >= ALIVE * self._options.guard
        for sent in self._sent.values():
            sent.clear()
        found = {"energy_nj": total, "energy_spikes_nj": spikes}
        self.done.fill_(epoch + 1)
        if self._sites:
            self._remove(epoch + 1, total)
            found["energy_floor_nj"] = self._floor().total_nj
            self._saliency.clear()
        return {**found, "energy_weight": float(self._balance.weight)}

    @property
    def acceptable(self) -> bool:
        """Whether the last batches kept the budget with every population alive.

        Where units are removed, every one that is to go must be gone.
        """
        options = self._options
        if not self._alive:
            return False
        if self._sites and int(self.done) < options.remove_until:
            return False
        if options.budget_nj is None:
            return True
        return 0.0 < self._balance.ratio * self._aim <= 1.0

    @property
    def _still(self) -> int:
        """Epochs before the weight moves: not while units that cost much are still there."""
        options = self._options
        return max(options.warm_up, options.remove_until) if self._sites else options.warm_up

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
        self._costs = scattered(found.costs, live)
        self._expense.reprice(self._costs)

    def _remove(self, done: int, now_nj: float) -> None:
        """Remove units that cost as much as the schedule wants less after so many epochs."""
        options = self._options
        assert options.remove_to_nj is not None
        if not options.remove_from <= done <= options.remove_until:
            return
        if not self.begun_nj:
            self.begun_nj.fill_(now_nj)
        span = options.remove_until - options.remove_from + 1
        left = (options.remove_until - done) / span
        more = max(0.0, float(self.begun_nj) - options.remove_to_nj)
        allowed = options.remove_to_nj + more * left**3
        if now_nj <= allowed:
            return
        self._reprice(
            self._student[0]
        )  # a training that was taken up again has its costs of before
        kept = self._chosen((now_nj - allowed) * PJ_PER_NJ)
        for site in self._sites:
            live = self._expense.live(site.name)
            live &= torch.from_numpy(kept[site.name]).reshape(-1, *(1,) * (live.ndim - 1))
        self.after_step(self._student[0])
        self._reprice(self._student[0])

    def _chosen(self, save_pj: float) -> dict[str, NDArray[np.bool_]]:
        """Units that stay where so much is to be saved."""
        count = max(1, self._saliency.samples)
        sent = {n: (s / count).cpu().numpy() for n, s in self._saliency.sent.items()}
        steps = self._run.encoding.steps or 1
        live = {s.name: self._units(s.name).cpu().numpy() for s in self._sites}
        priced = {
            s.name: unit_costs(s, self._costs, sent, steps, int(live[s.name].sum()))
            for s in self._sites
        }
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
        """Refuse a budget that cannot be kept or judged, and units that would not be removed."""
        options, epochs = self._options, context.recipe.training.epochs
        if self._sites and options.remove_until > epochs:
            raise ConfigError(
                f"remove_until = {options.remove_until} of a training of {epochs} epochs",
                needs="epochs in which everything that is to go is removed",
                remedy=f"remove_until of at most {epochs}, or more training.epochs",
            )
        if options.budget_nj is None:
            return
        if not context.recipe.data.validation:
            raise ConfigError(
                f"budget_nj = {options.budget_nj:g} without samples to judge it on",
                needs="[data] validation above 0: a budget is met where validation samples meet it",
            )
        floor = self._floor()
        if options.budget_nj <= floor.total_nj and not self._sites:
            raise ConfigError(
                f"budget_nj = {options.budget_nj:g} on {found.target.name!r}, "
                f"costs {found.costs.table!r}",
                needs=f"more than the floor of {floor.total_nj:.4g} nJ per inference, which is "
                f"there without any spike of a neuron (input {floor.inputs_nj:.4g}, "
                f"neurons {floor.neurons_nj:.4g})",
                remedy="a larger budget, fewer steps, fewer neurons, or remove_to_nj, which "
                "removes neurons",
            )


def scattered(costs: SpikeCosts, live: dict[str, NDArray[np.bool_]]) -> SpikeCosts:
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
