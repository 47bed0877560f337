"""Norse cells over whole sequences: the same numbers as step by step, in one pass over memory."""

from snn2chip.distill.cells.sequences import encode_values, run_cell

__all__ = ["encode_values", "run_cell"]
