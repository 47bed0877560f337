"""Synaptic sums of both receptors, exact, in one number: excitatory x 2^32 + inhibitory.

Weights are whole numbers of a ring buffer's units, and their sign chooses the receptor. A sum
beyond what a slot holds counts as one more than that, which changes nothing: it is full. So the
sums of several projections may be added as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.spinnaker.fixed import Integers
from snn2chip.backends.spinnaker.oracle import MOST
from snn2chip.engine.arithmetic import Flags
from snn2chip.engine.kernels.accelerate import kernels
from snn2chip.engine.products import IntegerProduct, exact_integer_product, sum_bound
from snn2chip.graph.operators import Array, Operator, weights_of, with_weights

RECEPTOR_BITS = 32
KERNEL = "snn2chip.backends.spinnaker.kernel"
_EXACT = 1 << 53


def receptors(sums: Array) -> tuple[Integers, Integers]:
    """Excitatory and inhibitory sums apart."""
    whole = sums.astype(np.int64, copy=False)
    return whole >> RECEPTOR_BITS, whole & ((1 << RECEPTOR_BITS) - 1)


@dataclass(frozen=True, eq=False)
class ReceptorProduct:
    """Sums [n, *target_shape] of spikes [n, *source_shape].

    Attributes:
        packed: of both receptors at once, excitatory x 2^width + inhibitory, where 53 bits hold
            them; else None.
        excitatory, inhibitory: of each alone, where they are not packed.
    """

    packed: IntegerProduct | None
    width: int = 0
    excitatory: IntegerProduct | None = None
    inhibitory: IntegerProduct | None = None

    def __call__(self, spikes: NDArray[Any]) -> Array:
        return self.sums_and_arrivals(spikes)[0]

    def sums_and_arrivals(self, spikes: NDArray[Any]) -> tuple[Array, Flags]:
        """Sums, int64, and where at least one event arrives."""
        if self.packed is not None:
            sums, hit = self.packed.sums_and_arrivals(spikes)
            return _apart(sums, self.width), hit
        assert self.excitatory is not None
        assert self.inhibitory is not None
        up, hit = self.excitatory.sums_and_arrivals(spikes)
        down, _ = self.inhibitory.sums_and_arrivals(spikes)
        return _together(up.astype(np.int64), down), hit


def _apart(sums: Array, width: int) -> Integers:
    """Sums that are packed closely, with their receptors as far apart as those of all others."""
    quick = kernels(KERNEL)
    if quick is None:
        whole = sums.astype(np.int64, copy=False)
        return _together(whole >> width, whole & ((1 << width) - 1))
    found = np.empty(sums.shape, np.int64)
    quick.together(np.ascontiguousarray(sums).reshape(-1), width, found.reshape(-1))
    return found


def _together(up: Integers, down: Array) -> Integers:
    full = MOST + 1
    found: Integers = (np.minimum(up, full) << RECEPTOR_BITS) + np.minimum(down, full)
    return found


def receptor_product(name: str, operator: Operator) -> ReceptorProduct:
    """The product of a projection whose weights are whole numbers of the ring buffers' units.

    Raises:
        UnsupportedError: sums beyond 2^53.
    """
    weights = weights_of(operator).astype(np.int64)
    up, down = (with_weights(operator, np.maximum(w, 0)) for w in (weights, -weights))
    bounds = sum_bound(up), sum_bound(down)
    width = bounds[1].bit_length()
    if (bounds[0] << width) + bounds[1] < _EXACT:
        both = with_weights(operator, np.where(weights > 0, weights << width, -weights))
        return ReceptorProduct(exact_integer_product(name, both), width)
    parts = [exact_integer_product(name, part) for part in (up, down)]
    return ReceptorProduct(None, excitatory=parts[0], inhibitory=parts[1])
