"""Counting what a run did, pricing it with cost tables, and the baseline beside it."""

from snn2chip.energy.baseline import ann_baseline
from snn2chip.energy.by_core import core_costs
from snn2chip.energy.count import count
from snn2chip.energy.price import price
from snn2chip.energy.pricing.ticks import late_ticks
from snn2chip.energy.types import (
    TIMINGS,
    Baseline,
    Bottleneck,
    CoreCost,
    CoreCosts,
    CoreSeries,
    Counts,
    EnergyRange,
    EnergyReport,
    EnergyTotals,
    InputCounts,
    Layer,
    LayerCounts,
    LayerEnergy,
    RealTime,
)

__all__ = [
    "TIMINGS",
    "Baseline",
    "Bottleneck",
    "CoreCost",
    "CoreCosts",
    "CoreSeries",
    "Counts",
    "EnergyRange",
    "EnergyReport",
    "EnergyTotals",
    "InputCounts",
    "Layer",
    "LayerCounts",
    "LayerEnergy",
    "RealTime",
    "ann_baseline",
    "core_costs",
    "count",
    "late_ticks",
    "price",
]
