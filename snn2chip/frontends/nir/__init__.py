"""NIR files: ``read_graph`` and ``write_graph``.

======== ==============================================================
nodes    plain node graphs
storage  files <-> node graphs
lowering node graph -> populations and projections
repair   malformed node graphs -> sound ones, on request
metadata what NIR cannot say, and the choice of a discretization
read     file -> graph
write    graph -> file; ``links`` one projection as nodes
======== ==============================================================
"""

from snn2chip.frontends.nir.nodes import NirGraph, NirNode
from snn2chip.frontends.nir.read import graph_of, read_graph, read_repaired
from snn2chip.frontends.nir.repair import Repair
from snn2chip.frontends.nir.write import nodes_of, write_graph

__all__ = [
    "NirGraph",
    "NirNode",
    "Repair",
    "graph_of",
    "nodes_of",
    "read_graph",
    "read_repaired",
    "write_graph",
]
