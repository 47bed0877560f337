"""The answer of a run: one score per output neuron, built up block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program
from snn2chip.errors import UnsupportedError
from snn2chip.graph.operators import Array


class ReadoutScore:
    """Accumulates the readout of a program's first output population.

    Membranes are given back in the graph's units (``offset + v / scale``), so that scores compare
    across neurons whose scales differ.

    Args:
        keep: the scores [sample, neuron] after every step as well, in ``kept``.
    """

    def __init__(self, program: Program, *, keep: bool = False) -> None:
        self._keep = keep
        self.kept: list[NDArray[np.float64]] = []
        self._kind = program.readout.kind
        self._population = program.population(program.outputs[0])
        self._groups = program.readout_groups or self._population.size
        self._total: Array | None = None
        self._steps = 0
        if self._kind != "spike_count" and self._population.spiking:
            raise UnsupportedError(
                f"readout {self._kind!r} of population {self._population.name!r}",
                needs="an output population that does not spike (LI or CubaLI)",
                has=f"a spiking {self._population.kind}",
                remedy="the readout spike_count",
            )

    def add(self, output: Array) -> None:
        """Takes the outputs [step, sample, *shape] of the next steps."""
        if not len(output):
            return
        if self._keep:
            for step in range(len(output)):
                self._add(output[step : step + 1])
                self.kept.append(self.result(output.shape[1]))
        else:
            self._add(output)

    def _add(self, output: Array) -> None:
        self._steps += len(output)
        match self._kind:
            case "v_last":
                self._total = output[-1].astype(np.float64)
            case "v_max":
                peak = output.max(axis=0).astype(np.float64)
                self._total = peak if self._total is None else np.maximum(self._total, peak)
            case _:
                total = output.sum(axis=0, dtype=np.float64)
                self._total = total if self._total is None else self._total + total

    def result(self, samples: int) -> NDArray[np.float64]:
        """Scores [sample, neuron], or [sample, group]: the sums of each group."""
        if self._total is None:
            return np.zeros((samples, self._groups))
        score = self._total
        if self._kind == "v_mean":
            score = score / self._steps
        if self._kind != "spike_count":
            score = self._population.offset + score / self._population.scale
        grouped: NDArray[np.float64] = score.reshape(samples, self._groups, -1).sum(axis=-1)
        return grouped
