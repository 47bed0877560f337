"""Which neurons share a core."""
