"""The engine that runs programs; the arithmetic is passed in."""

from snn2chip.simulate.arithmetic import Arithmetic, Scan
from snn2chip.simulate.engine import RunOptions, simulate

__all__ = ["Arithmetic", "RunOptions", "Scan", "simulate"]
