"""The hardware-agnostic network: frozen types, linear operators, orders, validation, text form."""

from snn2chip.graph.operators import Conv, Dense, Identity, Operator, identity
from snn2chip.graph.types import Delay, Encoding, Graph, Population, Projection, Readout
from snn2chip.neurons import Discretization

__all__ = [
    "Conv",
    "Delay",
    "Dense",
    "Discretization",
    "Encoding",
    "Graph",
    "Identity",
    "Operator",
    "Population",
    "Projection",
    "Readout",
    "identity",
]
