"""``spikes``: every spike counts as one, whatever its payload.

    a = shift(W s, exponent)        (once, on the sum; floor where the exponent is negative)

A convolution's sums wrap modulo 2^24 instead of being shifted in 32 bits. Source: Lava 0.10.0,
``lava.proc.dense``, ``sparse`` and ``conv`` with ``num_message_bits = 0``.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from snn2chip.backends.loihi.integers import shift, wrap24
from snn2chip.backends.loihi.synapses.base import SynapseModel
from snn2chip.core import ProgramProjection
from snn2chip.engine.arithmetic import Product
from snn2chip.engine.products import exact_integer_product
from snn2chip.graph.operators import Array, Conv, Operator


def product(projection: ProgramProjection, operator: Operator) -> Product:
    """Exact integer sums, shifted by the weight exponent; convolutions wrap at 24 bits."""
    exact = exact_integer_product(projection.name, operator)
    return shifted(projection, operator, lambda spikes: exact(spikes != 0))


def shifted(projection: ProgramProjection, operator: Operator, exact: Product) -> Product:
    """Sums times 2^exponent; those into the imaginary part of a neuron, times i."""
    exponent = int(projection.parameters["exponent"])
    wraps = isinstance(operator, Conv)
    imaginary = bool(projection.parameters.get("imaginary", 0))

    def sums(sent: NDArray[Any]) -> Array:
        result = shift(exact(sent), exponent)
        if wraps:
            result = wrap24(result)
        return 1j * result if imaginary else result

    return sums


MODEL = SynapseModel("spikes", frozenset({"exponent"}), product)
