"""Repairs of malformed NIR files, on request only: passes over node graphs, before lowering.

========= ==================================================================================
edges     edges that name nodes which do not exist
ports     missing Input and Output nodes
values    negative time constants; delays that are no multiple of dt
shapes    batch dimensions, parameters of one value, weights stored as [in, out], Flattens that
          count the batch, and wrong shapes of Output and of nested ports
========= ==================================================================================

Each pass changes what has one reading only, says so, and leaves everything else to be refused.
"""

from snn2chip.frontends.nir.repair.edges import repair_edges
from snn2chip.frontends.nir.repair.ports import repair_ports
from snn2chip.frontends.nir.repair.shapes import repair_shapes
from snn2chip.frontends.nir.repair.types import Repair
from snn2chip.frontends.nir.repair.values import repair_delays, repair_time_constants

__all__ = [
    "Repair",
    "repair_delays",
    "repair_edges",
    "repair_ports",
    "repair_shapes",
    "repair_time_constants",
]
