"""What the engine asks of an arithmetic: exact synaptic sums and a scan of neurons over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import ProgramPopulation, ProgramProjection
from snn2chip.graph.operators import Array, Operator

State: TypeAlias = Mapping[str, Array]
Product: TypeAlias = Callable[[NDArray[Any]], Array]
Flags: TypeAlias = NDArray[np.bool_]


@runtime_checkable
class CountingProduct(Protocol):
    """A product that knows as well where events arrive."""

    def __call__(self, spikes: NDArray[Any]) -> Array:
        """As ``Product``."""

    def sums_and_arrivals(self, spikes: NDArray[Any]) -> tuple[Array, Flags]:
        """Sums [n, *target_shape], and flags of the same shape."""


@dataclass(frozen=True, eq=False)
class Scan:
    """What neurons did in a block of steps.

    Attributes:
        output: [step, sample, *shape]; spikes of ``spike_dtype``, or the membrane where
            nothing spikes.
        updated: bool [step, sample, *shape].
        state: after the last step.
        records: recorded states [step, sample, *shape], by name.
        warnings: counted events by name.
        peak_v, peak_input: largest magnitudes seen.
        membrane_changes: as ``PopulationActivity`` has them.
    """

    output: Array
    updated: NDArray[np.bool_]
    state: State
    records: Mapping[str, Array] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)
    peak_v: float = 0.0
    peak_input: float = 0.0
    membrane_changes: int | None = None


class Arithmetic(Protocol):
    """The numbers of one target. Implementations are stateless."""

    @property
    def name(self) -> str:
        """As ``Program.arithmetic`` says it."""

    @property
    def exact(self) -> bool:
        """Whether no result depends on how samples and steps are cut: then the engine may cut."""

    def product(self, projection: ProgramProjection, operator: Operator) -> Product:
        """A function from spikes [n, *source_shape] to synaptic sums [n, *target_shape].

        ``operator`` is the projection's own or the part of it that has one delay.
        """

    def initial(self, population: ProgramPopulation, samples: int) -> State:
        """State before the first step; arrays [sample, *shape]."""

    def spike_dtype(self, population: ProgramPopulation) -> np.dtype[Any]:
        """Of the spikes that a population sends: bool, or whole numbers."""

    def known(self, population: ProgramPopulation, state: State) -> Array | None:
        """What a population sends in the next step whatever arrives, or None where that counts."""

    def scan(
        self,
        population: ProgramPopulation,
        state: State,
        current: Array,
        arrived: NDArray[np.bool_],
        record: bool,
    ) -> Scan:
        """Runs the neurons over the steps of ``current`` [step, sample, *shape].

        Args:
            state: may be overwritten; the scan's own takes its place.
            arrived: where at least one synaptic event arrived, [step, sample, *shape]; a view
                that is to be read only.
            record: whether to return the states of every step.
        """
