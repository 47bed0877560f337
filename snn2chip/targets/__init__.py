"""Target files: chips with their limits, number formats and cost tables."""

from snn2chip.targets.load import list_targets, load_target, validate_target
from snn2chip.targets.schema import Problem
from snn2chip.targets.types import Constant, CostTable, Grade, Mesh, Target

__all__ = [
    "Constant",
    "CostTable",
    "Grade",
    "Mesh",
    "Problem",
    "Target",
    "list_targets",
    "load_target",
    "validate_target",
]
