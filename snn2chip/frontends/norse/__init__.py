"""Modules of PyTorch and Norse into NIR nodes."""

from snn2chip.frontends.norse.walk import Walked, require_torch, walk

__all__ = ["Walked", "require_torch", "walk"]
