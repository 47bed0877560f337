"""``writes``: numbers that the host writes to neurons, as they are; no synapse of the chip."""

from __future__ import annotations

from snn2chip.backends.loihi.synapses.base import SynapseModel
from snn2chip.core import ProgramProjection
from snn2chip.engine.arithmetic import Product
from snn2chip.engine.products import exact_integer_product
from snn2chip.graph.operators import Operator

_LARGEST_WRITE = 2**16


def product(projection: ProgramProjection, operator: Operator) -> Product:
    """Exact sums of values below 2^16."""
    return exact_integer_product(projection.name, operator, _LARGEST_WRITE)


MODEL = SynapseModel("writes", frozenset(), product, graded=True)
