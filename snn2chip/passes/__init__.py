"""Graph to graph, one rewrite per file, and the exact algebra of operators they rest on."""

from snn2chip.passes.compose import compose, compose_chain, to_dense

__all__ = ["compose", "compose_chain", "to_dense"]
