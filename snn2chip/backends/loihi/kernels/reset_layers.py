"""``cuba_reset`` layers: those of ``cuba``, from each reset to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snn2chip.backends.loihi.neurons.resetting import CLEARED, STEP, segments
from snn2chip.core import ProgramPopulation
from snn2chip.engine.arithmetic import State
from snn2chip.engine.layers import Layer, LayerScan
from snn2chip.engine.spikes import Spikes


@dataclass(frozen=True, eq=False)
class ResettingLayer:
    """A layer whose neurons are cleared at the steps that ``neurons.resetting`` names."""

    population: ProgramPopulation
    layer: Layer

    def pays(self, sources: Sequence[Spikes], record: bool) -> bool:
        """As the layer itself."""
        return self.layer.pays(sources, record)

    def __call__(self, sources: Sequence[Spikes], state: State, record: bool) -> LayerScan:
        """As ``engine.layers.Layer`` says."""
        length = len(sources[0])
        running = {name: values for name, values in state.items() if name != STEP}
        scans: list[LayerScan] = []
        for rows, cleared in segments(self.population, int(state[STEP][0]), length):
            if cleared:
                running |= {name: 0 * running[name] for name in CLEARED}
            here = [source.steps(rows.start, rows.stop) for source in sources]
            scans.append(self.layer(here, running, record))
            running = dict(scans[-1].state)
        return _joined(scans, {**running, STEP: state[STEP] + length})


def _joined(scans: list[LayerScan], state: State) -> LayerScan:
    membranes = [s.membrane for s in scans if s.membrane is not None]
    return LayerScan(
        Spikes.join([s.sent for s in scans]),
        np.concatenate([s.updated for s in scans]),
        state,
        np.concatenate(membranes) if membranes else None,
        {name: np.concatenate([s.records[name] for s in scans]) for name in scans[0].records},
        {name: sum(s.warnings[name] for s in scans) for name in scans[0].warnings},
        peak_v=max(s.peak_v for s in scans),
        peak_input=max(s.peak_input for s in scans),
    )
