"""The hardware-agnostic network: frozen types, linear operators, orders, validation, text form."""

from snn2chip.graph.ensemble import Ensemble, Gate, Member, Policy
from snn2chip.graph.equality import differences, equal
from snn2chip.graph.operators import Conv, Dense, Identity, Operator, Sparse, identity
from snn2chip.graph.text import to_text
from snn2chip.graph.types import (
    Delay,
    Encoding,
    Graph,
    ModuleSize,
    Population,
    Projection,
    Readout,
)
from snn2chip.graph.validate import validate
from snn2chip.neurons import Discretization

__all__ = [
    "Conv",
    "Delay",
    "Dense",
    "Discretization",
    "Encoding",
    "Ensemble",
    "Gate",
    "Graph",
    "Identity",
    "Member",
    "ModuleSize",
    "Operator",
    "Policy",
    "Population",
    "Projection",
    "Readout",
    "Sparse",
    "differences",
    "equal",
    "identity",
    "to_text",
    "validate",
]
