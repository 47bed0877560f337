"""Drift: aligned comparison of two activities of the same network and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Divergence, Drift, PopulationDrift, PredictionChange, Raster


def compare(
    stage: str,
    before: Activity,
    after: Activity,
    *,
    order: Sequence[str],
    outputs: Sequence[str],
    latency: Mapping[str, int],
    labels: NDArray[np.int64] | None = None,
) -> Drift:
    """What changed from ``before`` to ``after``, both in graph time.

    Args:
        order: populations in topological order; of several that differ in the same step the
            first one is named.
        latency: of each population in ``after``, for the report.
        labels: class index per sample, or None.
    """
    changed = np.flatnonzero(before.predictions != after.predictions)
    differing = {name: _differing(before, after, name) for name in order}
    return Drift(
        stage=stage,
        samples=after.samples,
        steps=after.steps,
        output_spikes_differing=sum(differing[name] for name in outputs),
        predictions_differing=len(changed),
        accuracy_before=accuracy(before, labels),
        accuracy_after=accuracy(after, labels),
        populations=tuple(
            PopulationDrift(
                name=name,
                latency=latency.get(name, 0),
                rate_before=_rate(before.populations[name].spikes),
                rate_after=_rate(after.populations[name].spikes),
                differing=differing[name],
            )
            for name in order
        ),
        first=_first_divergence(before, after, order),
        changed=tuple(
            PredictionChange(
                sample=int(k),
                before=int(before.predictions[k]),
                after=int(after.predictions[k]),
                label=None if labels is None else int(labels[k]),
            )
            for k in changed
        ),
    )


def accuracy(activity: Activity, labels: NDArray[np.int64] | None) -> float | None:
    """Share of samples whose prediction is the label, or None without labels."""
    return None if labels is None else float(np.mean(activity.predictions == labels))


def _rate(raster: Raster) -> float:
    cells = raster.steps * raster.samples * int(np.prod(raster.shape))
    return raster.total() / cells if cells else 0.0


def _differing(before: Activity, after: Activity, name: str) -> int:
    bits = before.populations[name].spikes.bits ^ after.populations[name].spikes.bits
    return int(np.bitwise_count(bits).sum(dtype=np.int64))


def _first_divergence(before: Activity, after: Activity, order: Sequence[str]) -> Divergence | None:
    """The earliest step that differs in any sample; then the first population, sample, neuron."""
    first: Divergence | None = None
    for name in order:
        one, other = before.populations[name].spikes, after.populations[name].spikes
        steps = np.flatnonzero((one.bits != other.bits).any(axis=(1, 2)))
        if not len(steps) or (first is not None and steps[0] >= first.step):
            continue
        step = int(steps[0])
        unequal = one.unpack(step, step + 1)[0] != other.unpack(step, step + 1)[0]
        sample, neuron = np.argwhere(unequal.reshape(after.samples, -1))[0]
        first = Divergence(int(sample), step, name, int(neuron))
    return first
