"""The reference family: the float graph itself."""

from snn2chip.backends.reference.backend import ReferenceBackend


def backend() -> ReferenceBackend:
    """The back end of this family."""
    return ReferenceBackend()


__all__ = ["ReferenceBackend", "backend"]
