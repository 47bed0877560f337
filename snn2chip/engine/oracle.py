"""The reference run of a Graph, where engines look for what they are compared with."""

from snn2chip.graph.oracle import run_graph

__all__ = ["run_graph"]
