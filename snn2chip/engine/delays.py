"""Projections with delays as a sum of parts that have one delay each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import ProgramProjection
from snn2chip.engine.arithmetic import Arithmetic, CountingProduct, Flags, Product
from snn2chip.graph.linear import arrivals
from snn2chip.graph.operators import Array, Dense, Operator, with_weights


@dataclass(frozen=True, eq=False)
class DelayedPart:
    """The synapses of a projection that share one delay.

    Attributes:
        steps: the delay in steps.
        sources, targets: which neurons take part, or None for all.
        synapses: for a delay per synapse the mask [target size, source size], else None.
    """

    projection: ProgramProjection
    steps: int
    operator: Operator
    product: Product
    sources: NDArray[np.bool_] | None = None
    targets: NDArray[np.bool_] | None = None
    synapses: NDArray[np.bool_] | None = None

    @property
    def partial(self) -> bool:
        """Whether some neurons or synapses of the operator take no part."""
        return any(mask is not None for mask in (self.sources, self.targets, self.synapses))

    def sums_and_arrivals(self, spikes: Array) -> tuple[Array, Flags]:
        """Sums and arriving events, [n, *target_shape], of spikes [n, *source_shape]."""
        x = spikes if self.sources is None else spikes * self.sources
        if isinstance(self.product, CountingProduct) and self.synapses is None:
            y, hit = self.product.sums_and_arrivals(x)
        else:
            y, hit = self.product(x), self._arrived(x != 0)
        return (y, hit) if self.targets is None else (y * self.targets, hit & self.targets)

    def _arrived(self, fired: Flags) -> Flags:
        if self.synapses is None:
            return arrivals(self.operator, fired)
        flat = fired.reshape(fired.shape[0], -1).astype(np.float32)
        hits: Flags = flat @ self.synapses.T.astype(np.float32) > 0
        return hits.reshape(fired.shape[0], *self.operator.target_shape)


def delayed_parts(projection: ProgramProjection, arithmetic: Arithmetic) -> Iterator[DelayedPart]:
    """Splits a projection by delay; the parts' sums add up to the projection's."""
    operator, steps = projection.operator, projection.delay.steps
    for delay in np.unique(steps):
        chosen = steps == delay
        match projection.delay.axis:
            case "all":
                product = arithmetic.product(projection, operator)
                yield DelayedPart(projection, int(delay), operator, product)
            case "source":
                product = arithmetic.product(projection, operator)
                yield DelayedPart(projection, int(delay), operator, product, sources=chosen)
            case "target":
                product = arithmetic.product(projection, operator)
                yield DelayedPart(projection, int(delay), operator, product, targets=chosen)
            case "synapse":
                assert isinstance(operator, Dense)
                part = with_weights(operator, operator.weight * chosen)
                product = arithmetic.product(projection, part)
                yield DelayedPart(projection, int(delay), part, product, synapses=chosen)
