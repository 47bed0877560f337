"""Modules of SpikingJelly: see ``FRAMEWORK``, ``cells``, ``layers`` and ``recurrent``."""

from snn2chip.frontends.spikingjelly.cells import CELLS
from snn2chip.frontends.spikingjelly.layers import LAYERS
from snn2chip.frontends.spikingjelly.recurrent import CONTAINERS
from snn2chip.frontends.spikingjelly.refused import REFUSED
from snn2chip.frontends.spikingjelly.running import record, step_mode, twin
from snn2chip.frontends.torch.framework import Framework

FRAMEWORK = Framework(
    name="spikingjelly",
    package="spikingjelly",
    extra="spikingjelly",
    cells=CELLS,
    layers={**LAYERS, **CONTAINERS},
    refused=REFUSED,
    record=record,
    twin=twin,
    dt=1.0,
    timed=lambda module: step_mode(module) == "m",
)
"""SpikingJelly counts time in steps, so a step is 1 long where the user gives no other dt."""
