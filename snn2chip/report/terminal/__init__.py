"""The report on a terminal, or as plain text."""

from snn2chip.report.terminal.printing import blocks, show, text

__all__ = ["blocks", "show", "text"]
