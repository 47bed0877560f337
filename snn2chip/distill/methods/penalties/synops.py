"""The SynOps loss (Sorbaro et al. 2020, arXiv:1912.01268): spikes weighed by their fan-out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import norse.torch as norse
import torch
from torch import Tensor

from snn2chip.distill.losses.activity import synaptic_events, target_distance
from snn2chip.distill.methods.base import Context, Objective, Penalty, Signals, Term
from snn2chip.distill.tables import at_least, positive
from snn2chip.errors import ConfigError
from snn2chip.frontends.checkpoint import nodes_of_module
from snn2chip.frontends.nir.metadata import Metadata
from snn2chip.frontends.nir.read import graph_of
from snn2chip.graph import Readout
from snn2chip.graph.linear import fan_out


@dataclass(frozen=True, slots=True)
class SynOpsPenalty(Penalty):
    """``weight x events / events at a rate of 1``, or ``weight x ((events - target) / target)^2``.

    Events are the synaptic events of a sample, as reports count them: of each spike as many as
    its neuron has outgoing synapses. Those of the input are left out, since no weight moves them.

    Attributes:
        target: synaptic events per sample to come near to; the fewer the better where left out.
    """

    counts_synapses: ClassVar[bool] = True

    weight: float = 1.0
    target: float | None = None

    def __post_init__(self) -> None:
        at_least("weight", self.weight, 0)
        if self.target is not None:
            positive("target", self.target)

    def objective(self, context: Context) -> Objective:
        return _SynOps(self, context)


class _SynOps(Objective):
    def __init__(self, options: SynOpsPenalty, context: Context) -> None:
        super().__init__()
        self._options = options
        self._fan_out = hidden_fan_out(context)
        if not self._fan_out:
            raise ConfigError(
                "a penalty on synaptic events",
                needs="a spiking population that feeds another one",
                has="a student without hidden neurons",
            )
        steps = context.recipe.encoding.steps
        self._most = steps * sum(float(values.sum()) for values in self._fan_out.values())

    def forward(self, signals: Signals) -> dict[str, Term]:
        options = self._options
        events = synaptic_events(signals.spikes, self._fan_out)
        if options.target is not None:
            return {"synops": Term(target_distance(events, options.target), options.weight)}
        return {"synops": Term(events / self._most, options.weight)}


def hidden_fan_out(context: Context) -> dict[str, Tensor]:
    """Outgoing synapses of every neuron [*shape], of all populations that feed another one.

    Counted in the graph that is exported, so they are those of the report: pools are part of the
    synapses behind them.
    """
    recipe = context.recipe
    metadata = Metadata(
        dt=recipe.encoding.dt,
        preset="norse",
        encoding=recipe.encoding.to_graph(),
        readout=Readout(recipe.student.readout),
    )
    return fan_out_of(context.student, metadata, tuple(context.example.shape[1:]))


def fan_out_of(
    student: norse.SequentialState, metadata: Metadata, shape: tuple[int, ...]
) -> dict[str, Tensor]:
    """As `hidden_fan_out`, of a student whose samples have a shape; it is left in its mode."""
    training = student.training
    nodes, _ = nodes_of_module(student.eval(), metadata, shape, "student")
    graph = graph_of(nodes, "student", None, None, None)
    student.train(training)
    found: dict[str, Tensor] = {}
    shapes: Mapping[str, tuple[int, ...]] = {p.name: p.shape for p in graph.populations}
    inputs = {p.name for p in graph.inputs}
    for projection in graph.projections:
        if projection.source in inputs:
            continue
        counts = torch.from_numpy(fan_out(projection.operator)).float()
        counts = counts.reshape(shapes[projection.source])
        found[projection.source] = found.get(projection.source, 0.0) + counts
    return found
