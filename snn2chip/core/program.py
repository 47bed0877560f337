"""Program: a graph in one target's numbers, ready to run, map and emit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.graph import Delay, Encoding, Operator, Readout
from snn2chip.graph.operators import Shape

Parameters = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class ProgramPopulation:
    """Neurons of one model with parameters in the target's numbers.

    Attributes:
        model: the target's name of the model (``input``, ``cuba``, ...); the arithmetic knows it.
        kind: NIR's name of the model it realises, for reports.
        parameters: arrays that broadcast to ``shape``.
        spiking: False where the membrane itself is the output.
        scale: target units of v per unit of v in the graph, broadcasting to ``shape``.
        offset: the graph's v at the target's zero, broadcasting to ``shape``.
        latency: steps L(p) that the chip lags behind the graph.
    """

    name: str
    model: str
    kind: str
    shape: Shape
    parameters: Parameters = field(default_factory=dict)
    spiking: bool = True
    scale: NDArray[np.float64] = field(default_factory=lambda: np.ones(()))
    offset: NDArray[np.float64] = field(default_factory=lambda: np.zeros(()))
    latency: int = 0

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def is_input(self) -> bool:
        return self.model == "input"


@dataclass(frozen=True, eq=False)
class ProgramProjection:
    """Synapses with weights in the target's numbers.

    Attributes:
        operator: with the target's weights.
        model: the target's name of the synapse's model; arithmetics with one model ignore it.
        delay: graph delay in steps; the chip's own is ``chip_delay``.
        parameters: of the synapse format (``exponent``, ``weight_bits``, ...), 0-d arrays.
        weight_bits: bits of a stored weight.
    """

    source: str
    target: str
    operator: Operator
    delay: Delay = field(default_factory=Delay)
    parameters: Parameters = field(default_factory=dict)
    weight_bits: int = 64
    model: str = "spikes"

    @property
    def name(self) -> str:
        return f"{self.source}->{self.target}"


@dataclass(frozen=True, eq=False)
class Program:
    """A network in the numbers of one arithmetic.

    Attributes:
        arithmetic: name of the arithmetic that runs it (``float64``, ``loihi-chip``, ...).
        populations: topological order as far as cycles allow, inputs first.
        outputs: populations that answer, the first one through ``readout``.
        hosted: projections of values (encoding ``direct``) whose sums the host computes before a
            run: a constant current of every target neuron. They are synapses of no core.
        notes: lossy choices made on the way here, one sentence each, for the report.
        readout_groups: scores of the readout, each of as many neurons in a row of the first output;
            None for a score per neuron.
    """

    name: str
    arithmetic: str
    populations: tuple[ProgramPopulation, ...]
    projections: tuple[ProgramProjection, ...]
    outputs: tuple[str, ...]
    readout: Readout
    encoding: Encoding
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    readout_groups: int | None = None
    hosted: tuple[ProgramProjection, ...] = ()

    def population(self, name: str) -> ProgramPopulation:
        """The population called ``name``."""
        for population in self.populations:
            if population.name == name:
                return population
        raise KeyError(name)

    @property
    def inputs(self) -> tuple[ProgramPopulation, ...]:
        return tuple(p for p in self.populations if p.is_input)

    def incoming(self, name: str) -> tuple[ProgramProjection, ...]:
        """Projections into the population called ``name``."""
        return tuple(p for p in self.projections if p.target == name)

    def outgoing(self, name: str) -> tuple[ProgramProjection, ...]:
        """Projections out of the population called ``name``."""
        return tuple(p for p in self.projections if p.source == name)

    def on_host(self, name: str) -> bool:
        """Whether a population is an input whose values the host multiplies: it has no core."""
        return any(p.source == name for p in self.hosted) and not self.outgoing(name)

    @property
    def max_latency(self) -> int:
        return max(p.latency for p in self.populations)


def chip_delay(program: Program, projection: ProgramProjection) -> NDArray[np.int64]:
    """Steps D = d + L(target) - L(source) >= 1 between a spike and its arrival on the chip."""
    source, target = program.population(projection.source), program.population(projection.target)
    return projection.delay.steps + target.latency - source.latency
