"""Chip families: one folder each, found through a lazy registry."""

from snn2chip.backends.base import Artefacts, Backend, Fidelity, find_backend

__all__ = ["Artefacts", "Backend", "Fidelity", "find_backend"]
