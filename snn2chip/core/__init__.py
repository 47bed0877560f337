"""Types that rooms share: program, activity, mapping, drift, violation. No algorithms."""

from snn2chip.core.activity import Activity, PopulationActivity, Raster, Trace
from snn2chip.core.drift import Divergence, Drift, PopulationDrift, PredictionChange
from snn2chip.core.mapping import Limit, Mapping, Place, Slice, Violation
from snn2chip.core.program import Program, ProgramPopulation, ProgramProjection, chip_delay

__all__ = [
    "Activity",
    "Divergence",
    "Drift",
    "Limit",
    "Mapping",
    "Place",
    "PopulationActivity",
    "PopulationDrift",
    "PredictionChange",
    "Program",
    "ProgramPopulation",
    "ProgramProjection",
    "Raster",
    "Slice",
    "Trace",
    "Violation",
    "chip_delay",
]
