"""The hardware-agnostic network: populations, projections, and how a run is driven and read.

Frozen data without algorithms; ``validate`` checks it, ``text`` prints it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, prod
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, did_you_mean
from snn2chip.graph.operators import Array, Operator, Shape
from snn2chip.neurons import Discretization, Input, Neuron

ReadoutKind = Literal["spike_count", "v_last", "v_max", "v_mean"]
EncodingKind = Literal["none", "if", "rate", "latency", "direct"]
DelayAxis = Literal["all", "source", "target", "synapse"]


@dataclass(frozen=True, eq=False)
class Delay:
    """Steps between a spike and its arrival; 0 within the step it is fired in.

    Attributes:
        steps: int64, shape () for ``all``, [*source_shape], [*target_shape], or, for a dense
            operator, [target size, source size].
    """

    steps: NDArray[np.int64] = field(default_factory=lambda: np.zeros((), np.int64))
    axis: DelayAxis = "all"

    @property
    def largest(self) -> int:
        return int(self.steps.max(initial=0))

    @property
    def smallest(self) -> int:
        return int(self.steps.min()) if self.steps.size else 0


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons that share a model.

    Attributes:
        neuron: NIR's continuous parameters, arrays of the population's shape.
    """

    name: str
    neuron: Neuron
    shape: Shape

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def is_input(self) -> bool:
        return isinstance(self.neuron, Input)


@dataclass(frozen=True, eq=False)
class Projection:
    """The synapses from one population to another: one linear operator, a bias and a delay.

    Attributes:
        bias: float [*target_shape] added at every step, or None.
    """

    source: str
    target: str
    operator: Operator
    bias: Array | None = None
    delay: Delay = field(default_factory=Delay)

    @property
    def name(self) -> str:
        return f"{self.source}->{self.target}"


@dataclass(frozen=True, slots=True)
class Readout:
    """What the answer of a run is: the argmax of a score over the output population.

    ``spike_count`` sums spikes; ``v_last``, ``v_max``, ``v_mean`` read the membrane of a
    population that does not spike.
    """

    kind: ReadoutKind = "spike_count"

    def __post_init__(self) -> None:
        if self.kind not in get_args(ReadoutKind):
            raise ConfigError(
                f"unknown readout {self.kind!r}",
                remedy=did_you_mean(self.kind, get_args(ReadoutKind)),
            )


MOST_STEPS = 2**16
"""Of one encoded value: a file that says more would make every command that runs it run for ever;
``--steps`` takes any number."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How values become input spikes.

    Attributes:
        steps: length of a sample in steps, or None where the data are timed already.
        threshold: of the ``if`` encoder's neurons, which add the value at every step, fire above
            the threshold and are reset to zero.
        gain: factor on the values before they are encoded.
        byte_scale: what stored bytes (uint8) are divided by when they are loaded: 255 where a
            network was trained on images with values from 0 to 1; 1 leaves them as they are.
    """

    kind: EncodingKind = "none"
    steps: int | None = None
    threshold: float = 1.0
    gain: float = 1.0
    byte_scale: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(EncodingKind):
            raise ConfigError(
                f"unknown encoding {self.kind!r}",
                remedy=did_you_mean(self.kind, get_args(EncodingKind)),
            )
        if self.steps is not None and not 1 <= self.steps <= MOST_STEPS:
            raise ConfigError(
                f"encoding: {self.steps} steps", needs=f"a whole number from 1 to {MOST_STEPS}"
            )
        for name in ("threshold", "gain", "byte_scale"):
            value = getattr(self, name)
            if not 0.0 < value < inf:
                raise ConfigError(f"encoding: {name} {value}", needs="a positive, finite number")

    def to_dict(self) -> dict[str, str | int | float | None]:
        """What files keep of it, for ``Encoding(**...)``; a byte scale of 1 is left out."""
        table: dict[str, str | int | float | None] = {
            "kind": self.kind,
            "steps": self.steps,
            "threshold": self.threshold,
            "gain": self.gain,
        }
        return table if self.byte_scale == 1.0 else {**table, "byte_scale": self.byte_scale}


@dataclass(frozen=True, slots=True)
class ModuleSize:
    """What the PyTorch module held that a network was exported from.

    Attributes:
        parameters: numbers that training changes.
        bytes: of these and of the module's buffers; states of a run are left out.
    """

    parameters: int
    bytes: int


@dataclass(frozen=True, eq=False)
class Graph:
    """A spiking network of one discretization.

    Attributes:
        populations: in topological order as far as cycles allow, inputs first.
        outputs: names of the populations that the network's outputs read, the answer first.
        classes: names of the output classes, or empty.
        data: name of the data set that the network was trained on, or "".
        split_seed: seed of that data set's split into training and test samples.
        module: of the module that it was exported from; None where the file does not say.
    """

    name: str
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    outputs: tuple[str, ...]
    discretization: Discretization
    readout: Readout = field(default_factory=Readout)
    encoding: Encoding = field(default_factory=Encoding)
    classes: tuple[str, ...] = ()
    data: str = ""
    split_seed: int = 0
    module: ModuleSize | None = None

    def population(self, name: str) -> Population:
        """The population called ``name``."""
        for population in self.populations:
            if population.name == name:
                return population
        raise KeyError(name)

    @property
    def inputs(self) -> tuple[Population, ...]:
        return tuple(p for p in self.populations if p.is_input)

    def incoming(self, name: str) -> tuple[Projection, ...]:
        """Projections into the population called ``name``."""
        return tuple(p for p in self.projections if p.target == name)
