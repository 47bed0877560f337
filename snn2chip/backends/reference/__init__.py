"""The reference family: the float graph itself, and in place of chips with prices alone."""

from snn2chip.backends.reference.backend import PricesOnly, ReferenceBackend, not_simulated


def backend() -> ReferenceBackend:
    """The back end of this family."""
    return ReferenceBackend()


def prices_only() -> PricesOnly:
    """The back end of the family ``none``."""
    return PricesOnly()


__all__ = ["PricesOnly", "ReferenceBackend", "backend", "not_simulated", "prices_only"]
