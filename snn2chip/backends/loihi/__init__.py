"""The Loihi family: Lava's fixed-point arithmetic, formats and limits."""

from snn2chip.backends.loihi.backend import LoihiBackend


def backend() -> LoihiBackend:
    """The back end of this family."""
    return LoihiBackend()


__all__ = ["LoihiBackend", "backend"]
