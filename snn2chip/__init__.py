"""snn2chip: from a trained spiking network to a neuromorphic chip, with energy per layer.

>>> import snn2chip
>>> run = snn2chip.simulate("digits-mlp", target="loihi2", data="digits", samples=32)
>>> run.to_html("report.html")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snn2chip.api import (
        Run,
        check,
        compare,
        compile,
        export,
        load,
        open_run,
        quantize_table,
        simulate,
    )
    from snn2chip.errors import Snn2chipError
    from snn2chip.graph import Graph
    from snn2chip.pipeline import Judgement, Network, Options, Thresholds
    from snn2chip.targets import Target, list_targets, load_target

__version__ = "0.1.0"

_HOMES = {
    "Graph": "snn2chip.graph",
    "Judgement": "snn2chip.pipeline",
    "Network": "snn2chip.pipeline",
    "Options": "snn2chip.pipeline",
    "Run": "snn2chip.api",
    "Snn2chipError": "snn2chip.errors",
    "Target": "snn2chip.targets",
    "Thresholds": "snn2chip.pipeline",
    "check": "snn2chip.api",
    "compare": "snn2chip.api",
    "compile": "snn2chip.api",
    "export": "snn2chip.api",
    "list_targets": "snn2chip.targets",
    "load": "snn2chip.api",
    "load_target": "snn2chip.targets",
    "open_run": "snn2chip.api",
    "quantize_table": "snn2chip.api",
    "simulate": "snn2chip.api",
}

__all__ = [
    "Graph",
    "Judgement",
    "Network",
    "Options",
    "Run",
    "Snn2chipError",
    "Target",
    "Thresholds",
    "__version__",
    "check",
    "compare",
    "compile",
    "export",
    "list_targets",
    "load",
    "load_target",
    "open_run",
    "quantize_table",
    "simulate",
]


def __dir__() -> list[str]:
    """The public names, also those that were not used yet."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used, so that importing the package costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'snn2chip' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
