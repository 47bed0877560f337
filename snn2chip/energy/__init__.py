"""Counting what a run did, pricing it with cost tables, and the baseline beside it."""

from snn2chip.energy.baseline import ann_baseline
from snn2chip.energy.count import count
from snn2chip.energy.price import price
from snn2chip.energy.types import (
    Baseline,
    Bottleneck,
    CoreSeries,
    Counts,
    EnergyReport,
    Layer,
    LayerCounts,
    LayerEnergy,
)

__all__ = [
    "Baseline",
    "Bottleneck",
    "CoreSeries",
    "Counts",
    "EnergyReport",
    "Layer",
    "LayerCounts",
    "LayerEnergy",
    "ann_baseline",
    "count",
    "price",
]
