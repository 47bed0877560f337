"""``graded``: what is sent, times the weight.

    a = shift(int32(W s), exponent)        (once, on the sum; floor where the exponent is negative)

Sums of delayed synapses, which Lava makes one by one, have 64 bits before they are shifted; their
products must fit into 32. Of a convolution the sums wrap modulo 2^24. Payloads are integers of 32
bits. Source: Lava 0.10.0, ``lava.proc.dense``, ``sparse``, ``conv`` with ``num_message_bits > 0``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.integers import int32
from snn2chip.backends.loihi.synapses.base import SynapseModel
from snn2chip.backends.loihi.synapses.spikes import shifted
from snn2chip.core import ProgramProjection
from snn2chip.engine.arithmetic import Product
from snn2chip.engine.products import exact_integer_product, sum_bound
from snn2chip.errors import UnsupportedError
from snn2chip.graph.operators import Array, Operator, weights_of

_LARGEST_PAYLOAD = 2**31
_EXACT = 2**53
"""Sums of whole numbers below it are exact in float64."""


def product(projection: ProgramProjection, operator: Operator) -> Product:
    """Exact integer sums of payloads."""
    most = min(_LARGEST_PAYLOAD, (_EXACT - 1) // max(1, sum_bound(operator)))
    delayed = projection.delay.axis != "all" or projection.delay.largest > 1
    if delayed:
        largest_weight = int(np.abs(weights_of(operator)).max(initial=1))
        most = min(most, (_LARGEST_PAYLOAD - 1) // max(1, largest_weight))
    exact = exact_integer_product(projection.name, operator, most)

    def sums(sent: NDArray[Any]) -> Array:
        largest = int(np.abs(sent.astype(np.int64)).max(initial=0))
        if largest > most:
            raise UnsupportedError(
                f"projection {projection.name!r}: a payload of {largest}",
                needs=f"payloads up to {most}, so that sums with these weights are Lava's",
                remedy="smaller weights or payloads",
            )
        return exact(sent) if delayed else int32(exact(sent))

    return shifted(projection, operator, sums)


MODEL = SynapseModel("graded", frozenset({"exponent"}), product, graded=True)
