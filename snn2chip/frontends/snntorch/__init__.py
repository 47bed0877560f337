"""Modules of snnTorch: see ``FRAMEWORK``, ``cells`` and ``resets``. snnTorch itself is never
imported here: a module that is given brings it along."""

from snn2chip.frontends.snntorch.cells import CELLS
from snn2chip.frontends.snntorch.running import record, twin
from snn2chip.frontends.torch.framework import Framework

_STEP_BY_STEP = "use Leaky, which sees one step at a time"

FRAMEWORK = Framework(
    name="snntorch",
    package="snntorch",
    extra="snntorch",
    cells=CELLS,
    layers={},
    refused={
        "Alpha": "use Synaptic: NIR has no neuron with two opposed currents",
        "DeltaLeaky": "use Leaky: NIR has no neuron that sends changes",
        "AssociativeLeaky": _STEP_BY_STEP,
        "LeakyParallel": _STEP_BY_STEP,
        "LinearLeaky": "use a Linear and a Leaky, which see one step at a time",
        "StateLeaky": _STEP_BY_STEP,
        "SConv2dLSTM": "use RSynaptic: NIR has no gated neuron",
        "SLSTM": "use RSynaptic: NIR has no gated neuron",
        "GradedSpikes": "give the cell before it graded_spikes_factor",
        "ModuleList": "BatchNormTT has other weights in every step: use one BatchNorm for all",
    },
    record=record,
    twin=twin,
    dt=1.0,
)
