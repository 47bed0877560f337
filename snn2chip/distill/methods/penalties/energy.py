"""Energy of a chip in the loss: the price that its report would show of the same batch.

``L = task + weight x E / B``, with E the dynamic energy per inference on a mapping that is frozen
for each stage, and B the budget. With a budget the weight follows the energy::

    weight <- clip(weight + eta (mean(E) / B - 1), 0, most)        after the warm-up

Without one it stays, and B is what one spike of every neuron costs, so that at equal costs the term
is the mean number of spikes of a neuron.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from snn2chip.distill.energy.budget import Balance
from snn2chip.distill.energy.expense import PJ_PER_NJ, Bill, Expense
from snn2chip.distill.energy.judging import Judged, priced_on, verdict
from snn2chip.distill.energy.mapped import Mapped, Prices, Run, mapped
from snn2chip.distill.energy.updates import updated
from snn2chip.distill.methods.base import Context, Objective, Penalty, Signals, Stage, Term
from snn2chip.distill.sequence import encode_spikes
from snn2chip.distill.tables import at_least, between, positive, whole
from snn2chip.errors import ConfigError
from snn2chip.graph import Readout

_MEASURED = 512
"""Training samples on which the input's energy is measured before the training."""


@dataclass(frozen=True, slots=True)
class EnergyPenalty(Penalty):
    """Fewer and cheaper spikes, by the prices of one chip.

    Attributes:
        target, table: the chip, and one of its cost tables; None for its default one.
        budget_nj: dynamic energy per inference that is to be kept, input and updates included.
        weight: of the term; with a budget the one that it begins with.
        eta: step of the weight per batch and per budget of excess.
        most: largest weight.
        warm_up: epochs before the weight moves.
        decay: of the mean of E over batches.
        margin: share of the budget that the training leaves free, because validation samples and
            integers cost a little more or less.
        guard: spikes per sample that a whole population is to keep: below, its costs push no
            more, and what lacks is a term of the loss, ``alive``, as heavy as that of the energy.
        mapped_for, partition, chips: the mapping's objective, how neurons are split, and chips
            that it may take, as of ``snn2chip simulate``.
    """

    target: str = "loihi2"
    table: str | None = None
    budget_nj: float | None = None
    weight: float = 0.0
    eta: float = 0.01
    most: float = 100.0
    warm_up: int = 1
    decay: float = 0.9
    margin: float = 0.01
    guard: float = 0.5
    mapped_for: str | None = None
    partition: str = "auto"
    chips: int = 1

    def __post_init__(self) -> None:
        for name in ("weight", "eta", "guard"):
            at_least(name, getattr(self, name), 0)
        positive("most", self.most)
        whole("warm_up", self.warm_up, 0, 1_000_000)
        between("decay", self.decay, 0.0, 1.0, closed=True)
        between("margin", self.margin, 0.0, 1.0, closed=True)
        if self.budget_nj is not None:
            positive("budget_nj", self.budget_nj)
        elif not self.weight:
            raise ConfigError(
                "an energy penalty of weight 0 without a budget",
                needs="budget_nj = ..., or a weight above 0",
            )
        _ = self.prices.options

    @property
    def prices(self) -> Prices:
        """Whose prices, and how the student is mapped."""
        return Prices(self.target, self.table, self.mapped_for, self.partition, self.chips)

    def objective(self, context: Context) -> Objective:
        """The energy term.

        Raises:
            ConfigError: no such target or table; one in which spikes cost nothing; a budget below
                what input and idle neurons cost, or without samples to judge it on.
            UnsupportedError: what the target has not.
        """
        return _Energy(self, context)

    def verdict(self, judged: Judged) -> Mapping[str, str]:
        """What the integer program costs on the validation samples, and whether that is within."""
        (figures,) = priced_on(judged, [self.prices])
        return verdict(figures, self.budget_nj)


class _Energy(Objective):
    def __init__(self, options: EnergyPenalty, context: Context) -> None:
        super().__init__()
        self._options, self._x = options, context.x
        self._run = run_of(context)
        found = self._mapped(context.student)
        rules = updated(self._run.graph(context.student, 1.0))
        inputs = tuple(p.name for p in found.graph.inputs)
        self._expense = Expense(found.costs, rules, inputs, options.guard)
        own = [found.costs.spike_pj[n].sum() for n in found.costs.spike_pj if n not in inputs]
        if not any(own):
            raise ConfigError(
                f"an energy penalty on {found.target.name!r}, costs {found.costs.table!r}",
                needs="a price of spikes, synaptic events, packets or hops",
                has="a table in which they cost nothing",
                remedy="another cost table or target",
            )
        self._budget = options.budget_nj or float(sum(own)) / PJ_PER_NJ
        if options.budget_nj is not None:
            self._refuse(context, found, options.budget_nj)
        eta = 0.0 if options.budget_nj is None else options.eta
        self._balance = Balance(options.weight, eta, options.most, options.decay)
        self._bills: list[tuple[float, float]] = []

    def forward(self, signals: Signals) -> dict[str, Term]:
        bill = self._expense(signals.spikes)
        ratio = bill.total / self._budget
        weight = float(self._balance.weight)
        if self.training:
            aim = 1.0 - self._options.margin
            moves = signals.epoch >= self._options.warm_up
            self._balance.update(float(ratio.detach()) / aim, moves)
            self._bills.append((bill.total.item(), bill.spikes.item()))
        terms = {"energy": Term(ratio, weight)}
        if self._options.guard:
            terms["alive"] = Term(self._expense.quiet(signals.spikes), max(1.0, weight))
        return terms

    def start_stage(self, stage: Stage, student: nn.Module) -> None:
        self._expense.reprice(self._mapped(student).costs, self._expense.rules)

    def end_epoch(self, epoch: int) -> dict[str, float]:
        total, spikes = np.mean(self._bills, axis=0).tolist()
        self._bills.clear()
        weight = float(self._balance.weight)
        return {"energy_nj": total, "energy_spikes_nj": spikes, "energy_weight": weight}

    @property
    def acceptable(self) -> bool:
        """Whether the last batches kept the budget."""
        if self._options.budget_nj is None:
            return True
        mean = self._balance.ratio * (1.0 - self._options.margin)
        return 0.0 < mean <= 1.0

    def _mapped(self, student: nn.Module) -> Mapped:
        x = self._x[:_MEASURED].numpy().astype(np.float64)
        return mapped(self._run.graph(student), self._options.prices, x)

    def _refuse(self, context: Context, found: Mapped, budget_nj: float) -> None:
        """Refuse a budget that cannot be kept or judged."""
        if not context.recipe.data.validation:
            raise ConfigError(
                f"budget_nj = {budget_nj:g} without samples to judge it on",
                needs="[data] validation above 0: a budget is met where validation samples meet it",
            )
        silent = self._silent(found)
        floor = float(silent.total)
        if budget_nj <= floor:
            parts = f"input {float(silent.inputs):.4g}, neurons {floor - float(silent.inputs):.4g}"
            raise ConfigError(
                f"budget_nj = {budget_nj:g} on {found.target.name!r}, costs {found.costs.table!r}",
                needs=f"more than the floor of {floor:.4g} nJ per inference, which is there "
                f"without any spike of a neuron ({parts})",
                remedy="a larger budget, fewer steps, a smaller encoding gain, fewer neurons",
            )

    def _silent(self, found: Mapped) -> Bill:
        """The bill of training samples where no neuron fires."""
        encoding = found.graph.encoding
        sent = encode_spikes(self._x[:_MEASURED], encoding)
        spikes: dict[str, Tensor] = {found.graph.inputs[0].name: sent}
        for population in found.graph.populations:
            if population.neuron.spiking and not population.is_input:
                spikes[population.name] = torch.zeros(*sent.shape[:2], *population.shape)
        bill: Bill = self._expense(spikes)
        return bill


def run_of(context: Context) -> Run:
    """How the student of a training is run."""
    recipe = context.recipe
    return Run(
        recipe.encoding.dt,
        recipe.encoding.to_graph(),
        Readout(recipe.student.readout),
        tuple(context.example.shape[1:]),
    )
