"""What a synapse model of Loihi offers to the arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from snn2chip.core import ProgramProjection
from snn2chip.engine.arithmetic import Product
from snn2chip.graph.operators import Operator

MakeProduct: TypeAlias = Callable[[ProgramProjection, Operator], Product]


@dataclass(frozen=True, slots=True)
class SynapseModel:
    """One model, by the name that ``ProgramProjection.model`` has.

    Attributes:
        parameters: names of its parameters, single numbers.
        product: as ``Arithmetic.product``.
        graded: it multiplies what is sent, instead of counting it as one spike.
    """

    name: str
    parameters: frozenset[str]
    product: MakeProduct
    graded: bool = False
