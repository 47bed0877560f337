"""One report object, then terminal, JSON, CSV, HTML and notebook."""

from snn2chip.report.build import build
from snn2chip.report.types import SCHEMA, Report

__all__ = ["SCHEMA", "Report", "build"]
