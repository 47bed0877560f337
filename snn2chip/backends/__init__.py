"""Chip families: one folder each, found through a lazy registry."""

from snn2chip.backends.base import Backend, Fidelity, find_backend

__all__ = ["Backend", "Fidelity", "find_backend"]
