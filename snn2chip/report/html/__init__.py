"""The report as one web page, and as a fragment for notebooks."""

from snn2chip.report.html.page import text, write

__all__ = ["text", "write"]
