"""NIR's nodes into populations and projections.

========== ======================================================================
nested     nested graphs -> one flat graph
params     typed, checked parameters of one node; ``cells`` neurons, ``layers`` linear
thresholds a Threshold and its membrane -> one neuron
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
from snn2chip.frontends.nir.lowering.thresholds import merge_thresholds, without_reset

__all__ = ["FlatGraph", "check_kinds", "flatten", "lower", "merge_thresholds", "without_reset"]
