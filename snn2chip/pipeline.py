"""The chain in one place, used by the Python API and by the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends import Fidelity
from snn2chip.core import Activity, Drift, Program, Trace, Violation
from snn2chip.core import Mapping as CoreMapping
from snn2chip.energy.types import Baseline, EnergyReport
from snn2chip.graph import Graph
from snn2chip.targets.types import Target


@dataclass(frozen=True, eq=False)
class Result:
    """Everything a run gave; the report is made of it.

    Attributes:
        labels: class index per sample, or None where the data have none.
        data: name of the data set, "" where it is a file.
        calibrated_on: what the quantization scales come from, one sentence.
        wall_times: seconds per stage; only ever written to the manifest.
    """

    graph: Graph
    target: Target
    program: Program
    activity: Activity
    reference: Activity | None
    mapping: CoreMapping
    violations: tuple[Violation, ...]
    energy: EnergyReport
    baseline: Baseline | None
    drift: tuple[Drift, ...]
    fidelity: Fidelity
    labels: NDArray[np.int64] | None
    accuracy: float | None
    data: str
    calibrated_on: str
    seed: int
    trace: Trace | None = None
    wall_times: Mapping[str, float] = field(default_factory=dict)
