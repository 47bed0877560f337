"""Energy of a chip in the loss: the price that its report would show of the same batch.

``L = task + weight x E / B``, with E the dynamic energy per inference on a mapping that is frozen
for each stage, and B the budget. With a budget the weight follows the energy::

    weight <- clip(weight + eta (mean(E) / B - 1), 0, most)        after the warm-up

Without one it grows to its value in the warm-up and stays, and B is what one spike of every neuron
costs, so that at equal costs the term is the mean number of spikes of a neuron.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import norse.torch as norse

from snn2chip.distill.energy.judging import Judged, priced_on, verdict
from snn2chip.distill.energy.mapped import Prices
from snn2chip.distill.energy.objective import EnergyObjective
from snn2chip.distill.energy.shrinking import shrunk, shrunk_layers
from snn2chip.distill.methods.base import Context, Objective, Penalty
from snn2chip.distill.recipe.bounds import MAX_COUNT
from snn2chip.distill.tables import at_least, between, positive, whole
from snn2chip.errors import ConfigError

if TYPE_CHECKING:
    from snn2chip.distill.checkpoint import CheckpointMetadata


@dataclass(frozen=True, slots=True)
class EnergyPenalty(Penalty):
    """Fewer and cheaper spikes, by the prices of one chip.

    Attributes:
        target, table: the chip, and one of its cost tables; None for its default one.
        budget_nj: dynamic energy per inference that is to be kept, input and updates included.
        weight: of the term; with a budget the one that it begins with.
        eta: step of the weight per batch and per budget of excess.
        most: largest weight.
        warm_up: epochs before the weight moves; without a budget it grows from 0 in so many.
        decay: of the mean of E over batches.
        margin: share of the budget that the training leaves free, because validation samples and
            integers cost a little more or less.
        guard: spikes per sample that a whole population is to keep: below, its costs push no
            more, and what lacks is a term of the loss, ``alive``, as heavy as that of the energy.
        remove_to_nj: neurons and channels are removed, those first that matter least for what they
            cost, until an inference costs about so much.
        remove_from, remove_until: epochs after which the first and the last are removed; the weight
            of a budget moves afterwards.
        mapped_for, partition, chips: the mapping's objective, how neurons are split, and chips
            that it may take, as of ``snn2chip simulate``.
    """

    prices_synapses: ClassVar[bool] = True
    counts_synapses: ClassVar[bool] = True

    target: str = "loihi2"
    table: str | None = None
    budget_nj: float | None = None
    weight: float = 0.0
    eta: float = 0.2
    most: float = 100.0
    warm_up: int = 1
    decay: float = 0.9
    margin: float = 0.01
    guard: float = 0.5
    remove_to_nj: float | None = None
    remove_from: int = 1
    remove_until: int = 5
    mapped_for: str | None = None
    partition: str = "auto"
    chips: int = 1

    def __post_init__(self) -> None:
        for name in ("weight", "eta", "guard"):
            at_least(name, getattr(self, name), 0)
        positive("most", self.most)
        whole("warm_up", self.warm_up, 0, MAX_COUNT)
        whole("remove_from", self.remove_from, 1, MAX_COUNT)
        whole("remove_until", self.remove_until, self.remove_from, MAX_COUNT)
        between("decay", self.decay, 0.0, 1.0, closed=True)
        between("margin", self.margin, 0.0, 1.0, closed=True)
        if self.budget_nj is not None:
            positive("budget_nj", self.budget_nj)
        elif not self.weight and self.remove_to_nj is None:
            raise ConfigError(
                "an energy penalty of weight 0 without a budget",
                needs="budget_nj = ..., remove_to_nj = ..., or a weight above 0",
            )
        if self.remove_to_nj is not None:
            positive("remove_to_nj", self.remove_to_nj)
        _ = self.prices.options

    @property
    def removes(self) -> bool:
        """Whether neurons and channels are removed."""
        return self.remove_to_nj is not None

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
        return EnergyObjective(self, context)

    def finished(
        self, student: norse.SequentialState, metadata: CheckpointMetadata
    ) -> tuple[norse.SequentialState, CheckpointMetadata]:
        """The student without the neurons that were removed."""
        if self.remove_to_nj is None:
            return student, metadata
        small = shrunk(student)
        layers = tuple(shrunk_layers(metadata.architecture, small))
        return small, replace(metadata, architecture=layers)

    def verdict(self, judged: Judged) -> Mapping[str, str]:
        """What the integer program costs on the validation samples, and whether that is within."""
        (figures,) = priced_on(judged, [self.prices])
        return verdict(figures, self.budget_nj)
