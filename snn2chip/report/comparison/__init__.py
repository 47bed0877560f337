"""Several targets side by side, and what changed between two runs: terminal, JSON, CSV, HTML."""

from snn2chip.report.comparison.changes import Change, Changes, changes_of
from snn2chip.report.comparison.targets import Comparison, TargetRow, comparison_of

__all__ = ["Change", "Changes", "Comparison", "TargetRow", "changes_of", "comparison_of"]
