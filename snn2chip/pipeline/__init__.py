"""The chain in one place, used by the Python API and by the command line."""

from snn2chip.backends import Fidelity
from snn2chip.pipeline.ensembles.types import EnsemblePoint, EnsembleRun
from snn2chip.pipeline.opening import list_models, open_bundled, open_network
from snn2chip.pipeline.results.comparing import Compared, compare_targets
from snn2chip.pipeline.results.curves import CurvePoint
from snn2chip.pipeline.results.reprice import reprice
from snn2chip.pipeline.results.saved import has_run, open_run, target_since
from snn2chip.pipeline.results.thresholds import (
    Judgement,
    Thresholds,
    Verdict,
    judge,
    read_thresholds,
)
from snn2chip.pipeline.running import check, compile_network, run
from snn2chip.pipeline.samples import Given, Samples, scored_samples
from snn2chip.pipeline.types import (
    Check,
    Compilation,
    Network,
    Options,
    Progress,
    Quantization,
    Result,
)
from snn2chip.pipeline.widths import WidthRow, WidthTable, quantize_table

__all__ = [
    "Check",
    "Compared",
    "Compilation",
    "CurvePoint",
    "EnsemblePoint",
    "EnsembleRun",
    "Fidelity",
    "Given",
    "Judgement",
    "Network",
    "Options",
    "Progress",
    "Quantization",
    "Result",
    "Samples",
    "Thresholds",
    "Verdict",
    "WidthRow",
    "WidthTable",
    "check",
    "compare_targets",
    "compile_network",
    "has_run",
    "judge",
    "list_models",
    "open_bundled",
    "open_network",
    "open_run",
    "quantize_table",
    "read_thresholds",
    "reprice",
    "run",
    "scored_samples",
    "target_since",
]
