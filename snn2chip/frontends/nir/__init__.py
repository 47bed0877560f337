"""NIR files: ``read_graph`` and ``write_graph``.

======== ==========================================================================
nodes    plain node graphs
hdf5     files -> node graphs (``heaps`` words, ``datasets`` sizes), ``hdf5_write`` back
nested   nested graphs -> one flat graph
params   typed, checked parameters of one node; ``cells`` neurons, ``layers`` linear
names    names that HDF5 cannot hold
paths    linear paths between populations; ``delays`` their delays
lower    flat graph -> populations and projections (``shapes``, ``recurrence``)
metadata what NIR cannot say, and the choice of a discretization
write    graph -> node graph; ``links`` one projection
======== ==========================================================================
"""

from snn2chip.frontends.nir.nodes import NirGraph, NirNode
from snn2chip.frontends.nir.read import graph_of, read_graph
from snn2chip.frontends.nir.write import nodes_of, write_graph

__all__ = ["NirGraph", "NirNode", "graph_of", "nodes_of", "read_graph", "write_graph"]
