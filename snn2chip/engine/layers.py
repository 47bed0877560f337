"""Whole layers: what arrives, the sums and the neurons of a block of steps in one go.

An arithmetic may have such layers for populations that have them simple enough. They give what its
products and scans give, bit for bit; where there is none, those are used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import ProgramPopulation
from snn2chip.engine.arithmetic import Arithmetic, State
from snn2chip.engine.delays import DelayedPart
from snn2chip.engine.devices.device import TorchDevice
from snn2chip.engine.spikes import Spikes
from snn2chip.graph.operators import Array

Parts: TypeAlias = tuple[DelayedPart, ...]


@dataclass(frozen=True, eq=False)
class LayerScan:
    """What a layer did in a block of steps; as ``Scan``, with bits in place of flags.

    Attributes:
        sent: the spikes.
        updated: uint8 [step, sample, ceil(size / 8)], bits.
        membrane: [step, sample, *shape] where nothing spikes, else None.
    """

    sent: Spikes
    updated: NDArray[np.uint8]
    state: State
    membrane: Array | None = None
    records: Mapping[str, Array] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)
    peak_v: float = 0.0
    peak_input: float = 0.0


class Layer(Protocol):
    """One population with all its incoming projections."""

    def pays(self, sources: Sequence[Spikes], record: bool) -> bool:
        """Whether it can run the block, and sums and scans one after the other are no quicker."""

    def __call__(self, sources: Sequence[Spikes], state: State, record: bool) -> LayerScan:
        """Runs a block of steps.

        Args:
            sources: what arrives in these steps, for each part of the projections in turn.
            state: may be overwritten; the scan's own takes its place.
            record: whether to return the states of every step.
        """


@runtime_checkable
class Layered(Protocol):
    """An arithmetic that has layers."""

    def layer(self, population: ProgramPopulation, parts: Parts) -> Layer | None:
        """The layer, or None where it has none for such a population."""


@runtime_checkable
class Portable(Protocol):
    """An arithmetic whose layers another device may compute."""

    def on(self, device: TorchDevice) -> Arithmetic:
        """The same numbers, from that device where it has the layers."""
