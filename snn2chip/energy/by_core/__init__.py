"""What each core did and costs, and which core each step waits for."""

from snn2chip.energy.by_core.costs import core_costs

__all__ = ["core_costs"]
