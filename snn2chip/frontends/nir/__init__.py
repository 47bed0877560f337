"""NIR files: ``read_graph`` and ``write_graph``.

======== ==========================================================================
nodes    plain node graphs
hdf5     files -> node graphs (``datasets`` checks sizes), ``hdf5_write`` back
nested   nested graphs -> one flat graph
params   typed, checked parameters of one node; ``cells`` neurons, ``layers`` linear
paths    linear paths between populations; ``delays`` their delays
lower    flat graph -> populations and projections (``shapes``, ``recurrence``)
metadata what NIR cannot say, and the choice of a discretization
write    graph -> node graph
======== ==========================================================================
"""

from snn2chip.frontends.nir.nodes import NirGraph, NirNode
from snn2chip.frontends.nir.read import graph_of, read_graph

__all__ = ["NirGraph", "NirNode", "graph_of", "read_graph"]
