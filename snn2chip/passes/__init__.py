"""Graph to graph, one rewrite per file."""
