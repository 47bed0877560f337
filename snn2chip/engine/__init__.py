"""The engine that runs programs; the arithmetic is passed in."""

from snn2chip.engine.arithmetic import Arithmetic, Scan
from snn2chip.engine.run import RunOptions, simulate, stream, without_layer

__all__ = ["Arithmetic", "RunOptions", "Scan", "simulate", "stream", "without_layer"]
