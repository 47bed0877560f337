"""What rounding to Loihi's integers did to a population and its weights, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.formats import LoihiFormats
from snn2chip.backends.loihi.integers import DECAY_ONE
from snn2chip.backends.loihi.realise.scales import Scaled, Stored
from snn2chip.graph import Projection
from snn2chip.graph.operators import Operator, weights_of


def scale_note(scaled: Scaled) -> str:
    """The integer thresholds of a population, beside those that its largest weights take."""
    name, units = scaled.population.name, scaled.units
    factor = _span(np.round(units / scaled.filling, 2), "g")
    times = "" if factor == "1" else f", {factor} times what the largest weight takes"
    if not scaled.population.neuron.spiking:
        return f"{name}: membranes in {factor} times the scale that the largest weight takes"
    if scaled.groups == 1:
        return f"{name}: integer threshold {units[0]:.0f}{times}"
    per = "neuron" if scaled.groups == scaled.population.size else "channel"
    return f"{name}: integer thresholds {_span(units, '.0f')}, one per {per}{times}"


def weight_notes(
    projection: Projection, exact: Operator, stored: Stored, formats: LoihiFormats
) -> Iterator[str]:
    """Weights that were cut, and weights of which nothing is left."""
    name, bits = projection.name, formats.weight_bits
    before, after = weights_of(exact), weights_of(stored.operator)
    if stored.clipped:
        yield f"{name}: {stored.clipped} of {before.size} weights cut to {bits} bits"
    if not before.any():
        yield f"{name}: all weights are 0; leave the projection out, since Lava's netx fails on it"
    elif not after.any():
        yield (
            f"{name}: all weights round to 0 in {bits} bits, so that nothing arrives; more "
            "--weight-bits, or weights that are larger beside the threshold"
        )
    else:
        rows = len(before) if before.ndim else 1
        lost = _flat(before, rows).any(axis=1) & ~_flat(after, rows).any(axis=1)
        if lost.any():
            kind = "rows" if before.ndim > 1 else "weights"
            yield f"{name}: {np.count_nonzero(lost)} of {rows} {kind} round to 0 in {bits} bits"


def neuron_notes(
    scaled: Scaled, du: NDArray[np.int64], dv: NDArray[np.int64], bias: NDArray[np.int64]
) -> Iterator[str]:
    """Decays that became none or full, and biases that became 0.

    Args:
        du: as the chip has it, one less than the share in 4096ths.
    """
    name, folded = scaled.population.name, scaled.folded
    for state, share, stored in (("u", folded.loss_u, du + 1), ("v", folded.loss_v, dv)):
        kept = np.count_nonzero((stored == 0) & (share > 0))
        gone = np.count_nonzero((stored == DECAY_ONE) & (share < 1))
        of = f"of {stored.size} neurons"
        if kept:
            yield f"{name}: the decay of {state} rounds to 0 in {kept} {of}, which keep it"
        if gone:
            yield f"{name}: the decay of {state} rounds to all of it in {gone} {of}"
    silent = np.count_nonzero((bias == 0) & (folded.bias != 0))
    if silent:
        yield (
            f"{name}: {silent} of {bias.size} biases round to 0; --fine-biases holds them finer "
            "than a .net file can"
        )


def _flat(weights: NDArray[np.generic], rows: int) -> NDArray[np.generic]:
    return weights.reshape(rows, -1)


def _span(values: NDArray[np.float64], form: str) -> str:
    low, high = (format(float(x), form) for x in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"
