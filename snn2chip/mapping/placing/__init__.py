"""Which core goes where."""
