"""The training loop: batches, stages, what is kept, and how a training goes on after a break."""

from snn2chip.distill.training.fit import Fit, Progress, ProgressCallback, fit
from snn2chip.distill.training.samples import hold_out, torch_state
from snn2chip.distill.training.trainer import Trainer

__all__ = [
    "Fit",
    "Progress",
    "ProgressCallback",
    "Trainer",
    "fit",
    "hold_out",
    "torch_state",
]
