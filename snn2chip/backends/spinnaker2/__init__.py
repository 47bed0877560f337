"""The SpiNNaker 2 family: neurons of py-spinnaker2 in float32, weights of whole numbers."""

from snn2chip.backends.spinnaker2.backend import Spinnaker2Backend


def backend() -> Spinnaker2Backend:
    """The back end of this family."""
    return Spinnaker2Backend()


__all__ = ["Spinnaker2Backend", "backend"]
