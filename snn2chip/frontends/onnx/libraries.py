"""The optional libraries, imported where they are used only."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from snn2chip.errors import ConfigError


def library(name: str, purpose: str) -> Any:
    """The module ``onnx`` or ``onnxruntime``.

    Args:
        purpose: what needs it, for the message.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"{name} is not installed, and {purpose} needs it",
            remedy="pip install 'snn2chip[onnx]'",
        ) from error
