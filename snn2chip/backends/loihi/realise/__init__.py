"""A graph in Loihi's integers: neurons folded into CUBA's form, scales, and what rounding lost."""

from snn2chip.backends.loihi.realise.program import realise, stored_weights

__all__ = ["realise", "stored_weights"]
