"""Neurons that are run step by step in plain numpy, all samples at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from snn2chip.engine.arithmetic import Flags, Scan, State
from snn2chip.graph.operators import Array


class Run(Protocol):
    """Neurons on their way through the steps; arrays [sample, *shape]."""

    @property
    def v(self) -> Array:
        """Membranes."""

    @property
    def busy(self) -> Flags:
        """Whose state is not zero."""

    @property
    def shown(self) -> Mapping[str, Array]:
        """States that are recorded, by name."""

    @property
    def state(self) -> State:
        """All of the state."""

    def step(self, *given: Array) -> Flags:
        """One step with what arrives in it; who fires."""


def step_through(
    run: Run, given: Sequence[Array], spiking: bool, arrived: Flags, biased: Flags, record: bool
) -> Scan:
    """Every step of ``given``, without the scan's warnings and its largest input.

    Args:
        given: what arrives, each [step, sample, *shape].
        biased: neurons that something drives in every step [*shape].
    """
    output = np.empty(arrived.shape, bool if spiking else run.v.dtype)
    updated = np.empty(arrived.shape, bool)
    records: dict[str, list[Array]] = {}
    changes, peak = 0, 0.0
    for step in range(len(arrived)):
        before, busy = run.v, run.busy
        fired = run.step(*(values[step] for values in given))
        output[step] = fired if spiking else run.v
        updated[step] = busy | arrived[step] | biased | fired
        changes += int(np.count_nonzero(run.v != before))
        peak = max(peak, float(np.abs(run.v).max(initial=0)))
        if record:
            for name, values in run.shown.items():
                records.setdefault(name, []).append(values)
    kept = {name: np.stack(values) for name, values in records.items()}
    return Scan(output, updated, run.state, kept, peak_v=peak, membrane_changes=changes)
