"""Activity: what a run did, kept apart from any cost: counted once, priced often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from snn2chip.graph.operators import Shape

_MOST_IN_A_BYTE = 255
"""Flags whose sum an unsigned byte holds."""


@dataclass(frozen=True, eq=False)
class Raster:
    """One bit per step, sample and neuron.

    Attributes:
        bits: uint8 [step, sample, ceil(size / 8)], the first neuron in the highest bit.
        shape: the population's shape.
    """

    bits: NDArray[np.uint8]
    shape: Shape

    @classmethod
    def pack(cls, flags: NDArray[np.bool_], shape: Shape) -> Raster:
        """From flags [step, sample, *shape]."""
        flat = flags.reshape(*flags.shape[:2], prod(shape))
        return cls(np.packbits(flat, axis=-1), shape)

    @property
    def steps(self) -> int:
        return int(self.bits.shape[0])

    @property
    def samples(self) -> int:
        return int(self.bits.shape[1])

    def unpack(self, first: int = 0, last: int | None = None) -> NDArray[np.bool_]:
        """Flags [step, sample, *shape] of the steps ``first`` to ``last`` (exclusive)."""
        part = self.bits[first:last]
        flat = np.unpackbits(part, axis=-1, count=prod(self.shape))
        return flat.view(np.bool_).reshape(*part.shape[:2], *self.shape)

    def total(self) -> int:
        """Number of flags that are set."""
        return int(np.bitwise_count(self.bits).sum(dtype=np.int64))

    def per_step(self) -> NDArray[np.int64]:
        """Flags set per [step, sample]."""
        counts: NDArray[np.int64] = np.bitwise_count(self.bits).sum(axis=-1, dtype=np.int64)
        return counts

    def per_neuron(self) -> NDArray[np.int64]:
        """Flags set per neuron over all steps and samples, [*shape]."""
        rows = self.bits.reshape(-1, self.bits.shape[-1])
        size = prod(self.shape)
        counts = np.zeros(size, np.int64)
        for first in range(0, len(rows), _MOST_IN_A_BYTE):
            flags = np.unpackbits(rows[first : first + _MOST_IN_A_BYTE], axis=-1, count=size)
            counts += flags.sum(axis=0, dtype=np.uint8)
        return counts.reshape(self.shape)


@dataclass(frozen=True, eq=False)
class PopulationActivity:
    """What one population did in its window of graph steps [0, N).

    Attributes:
        spikes: which neurons fired.
        updated: whose state was non-zero at the step's start, or who had input or a bias, or fired.
        warnings: counted events of the arithmetic, such as ``u_wrapped`` or ``v_saturated``.
        peak_v, peak_input: largest magnitudes of the membrane before a reset and of one step's
            summed input, in the arithmetic's own units; calibration reads them.
        membrane_changes: neurons whose membrane differs from the end of the step before, summed
            over steps and samples, and every neuron at the first step; None where the arithmetic
            does not count them.
    """

    spikes: Raster
    updated: Raster
    warnings: Mapping[str, int] = field(default_factory=dict)
    peak_v: float = 0.0
    peak_input: float = 0.0
    membrane_changes: int | None = None


@dataclass(frozen=True, eq=False)
class Activity:
    """A run of a program on a batch of samples.

    Attributes:
        arithmetic: of the program that ran.
        steps: N, graph steps per sample.
        samples: number of samples.
        populations: by name, inputs included.
        scores: [sample, output neuron]; the readout of the first output population.
        running_scores: [step, sample, output neuron]; the readout of the steps up to each one, as
            a run of so many steps would give it, or None where it was not asked for.
    """

    arithmetic: str
    steps: int
    samples: int
    populations: Mapping[str, PopulationActivity]
    scores: NDArray[np.float64]
    running_scores: NDArray[np.float64] | None = None

    def first_steps(self, steps: int) -> Activity:
        """The run of the first so many steps: what ``--steps`` would have given.

        Warnings, peaks and membrane changes are those of the whole run.

        Raises:
            ValueError: there is no such step, or its readout was not kept.
        """
        if steps == self.steps:
            return self
        if self.running_scores is None or not 0 < steps < self.steps:
            raise ValueError(f"no readout after {steps} of {self.steps} steps")
        populations = {
            name: replace(
                p,
                spikes=Raster(p.spikes.bits[:steps], p.spikes.shape),
                updated=Raster(p.updated.bits[:steps], p.updated.shape),
            )
            for name, p in self.populations.items()
        }
        return replace(
            self,
            steps=steps,
            populations=populations,
            scores=self.running_scores[steps - 1],
            running_scores=self.running_scores[:steps],
        )

    @property
    def predictions(self) -> NDArray[np.int64]:
        """Index of the highest score per sample, the lowest index where several are equal."""
        best: NDArray[np.int64] = self.scores.reshape(self.samples, -1).argmax(axis=1)
        return best


@dataclass(frozen=True, eq=False)
class Trace:
    """Whole-run recordings by chip step: index i is the chip's step i + 1.

    Attributes:
        arrays: name -> [sample, chip step, *shape]: ``<population>`` spikes (uint8 where 0/1),
            ``<population>.v`` and ``<population>.u`` states.
    """

    arrays: Mapping[str, NDArray[np.generic]]
