"""A student on the chip that its loss is priced on: its program, its mapping, its costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from snn2chip.backends import find_backend
from snn2chip.backends.reference import ReferenceBackend
from snn2chip.core import Activity, Program
from snn2chip.core import Mapping as CoreMapping
from snn2chip.data import encode
from snn2chip.distill.energy.shrinking import plain
from snn2chip.energy import EnergyReport
from snn2chip.energy.linear import SpikeCosts, spike_costs
from snn2chip.engine import simulate
from snn2chip.frontends.checkpoint import nodes_of_module
from snn2chip.frontends.nir.metadata import Metadata
from snn2chip.frontends.nir.read import graph_of
from snn2chip.graph import Encoding, Graph, Readout
from snn2chip.pipeline import Network, Options
from snn2chip.pipeline.placing import placed_on
from snn2chip.pipeline.results.finish import energy_of
from snn2chip.targets import load_target
from snn2chip.targets.types import Target

Sent = Mapping[str, NDArray[np.bool_] | NDArray[np.float64]]


MEASURED = 512
"""Training samples on which the input's energy is measured before the training."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Whose prices, and how a student is mapped for them.

    Attributes:
        target: name of a bundled target, or the path of a target file.
        table: one of its cost tables; its default one where it is None.
        objective, partition, chips: as in ``snn2chip.pipeline.Options``; the defaults are those
            of ``snn2chip simulate``.
    """

    target: str = "loihi2"
    table: str | None = None
    objective: str | None = None
    partition: str = "auto"
    chips: int = 1

    @property
    def options(self) -> Options:
        """What the pipeline is told."""
        return Options(
            target=self.target,
            costs=self.table,
            objective=self.objective,
            partition=self.partition,
            chips=self.chips,
        )


@dataclass(frozen=True, eq=False)
class Mapped:
    """A student's program in its target's numbers, on cores.

    Attributes:
        graph: of the student.
        costs: of single spikes, on this mapping.
    """

    graph: Graph
    program: Program
    mapping: CoreMapping
    target: Target
    costs: SpikeCosts

    def report(self, activity: Activity) -> EnergyReport:
        """A run counted and priced on this mapping, as ``snn2chip simulate`` does it."""
        return energy_of(self.program, self.mapping, self.target, self.costs.table, activity)


@dataclass(frozen=True, slots=True)
class Run:
    """How a student is run.

    Attributes:
        dt: length of a step in seconds.
        shape: of one sample.
    """

    dt: float
    encoding: Encoding
    readout: Readout
    shape: tuple[int, ...]

    def graph(self, student: nn.Module, biases: float | None = None) -> Graph:
        """The graph of a student as it is now, which is left as it is.

        Args:
            biases: a value for all of them: which neurons have one then shows even before the
                first step of a training.
        """
        copy = plain(student)
        if biases is not None:
            for name, parameter in copy.named_parameters():
                if name.rpartition(".")[2] == "bias":
                    nn.init.constant_(parameter, biases)
        metadata = Metadata(dt=self.dt, encoding=self.encoding, readout=self.readout)
        nodes, _ = nodes_of_module(copy, metadata, self.shape, "student")
        return graph_of(nodes, "student", None, None, None)


def mapped(graph: Graph, prices: Prices, x: NDArray[np.float64]) -> Mapped:
    """A graph on its target's cores, with the costs of its spikes.

    Args:
        x: a few samples, values [sample, *input_shape], whose spikes weigh the mapping where it
            has an objective.

    Raises:
        ConfigError: no such target or table, or one without prices.
        UnsupportedError: what the target has not.
    """
    options, target = prices.options, load_target(prices.target)
    backend = find_backend(target.family)
    activity = None if prices.objective is None else float_run(graph, encoded(graph, x))
    program = backend.realise(graph, target)
    network = Network(graph, graph.name)
    mapping, _ = placed_on(network, program, backend, target, options, activity)
    costs = spike_costs(program, mapping, target, prices.table)
    return Mapped(graph, program, mapping, target, costs)


def spread_evenly(total: int, count: int) -> NDArray[np.int64]:
    """Indices of ``count`` of all samples, fewer where there are no more; files may be sorted."""
    return np.linspace(0, total - 1, min(count, total)).round().astype(np.int64)


def float_run(graph: Graph, spikes: Sent) -> Activity:
    """What the float graph does."""
    backend = ReferenceBackend()
    return simulate(backend.program(graph), spikes, backend.arithmetic(graph))[0]


def encoded(graph: Graph, x: NDArray[np.float64]) -> Sent:
    """What the input sends of values x [sample, *input_shape], by the input's name."""
    assert graph.encoding.steps is not None
    return {graph.inputs[0].name: encode(x, graph.encoding, graph.encoding.steps)}
