"""The SpiNNaker family: sPyNNaker's firmware on SpiNNaker 1, bit for bit, and its limits."""

from snn2chip.backends.spinnaker.backend import SpinnakerBackend


def backend() -> SpinnakerBackend:
    """The back end of this family."""
    return SpinnakerBackend()


__all__ = ["SpinnakerBackend", "backend"]
