"""NIR's nodes into populations and projections.

========== ======================================================================
nested     nested graphs -> one flat graph
params     typed, checked parameters of one node; ``cells`` neurons, ``layers`` linear
paths      linear paths between populations; ``delays`` their delays
lower      paths -> projections
shapes     Flattens behind neurons
recurrence delays of cycles and latencies, and the order of a step
truncation weights as int8
========== ======================================================================
"""

from snn2chip.frontends.nir.lowering.lower import lower
from snn2chip.frontends.nir.lowering.nested import FlatGraph, flatten
from snn2chip.frontends.nir.lowering.paths import check_kinds

__all__ = ["FlatGraph", "check_kinds", "flatten", "lower"]
