"""Modules of Norse: see ``FRAMEWORK``, ``cells`` and ``containers``."""

from snn2chip.frontends.norse.cells import KINDS, cell
from snn2chip.frontends.norse.containers import lift, recurrent, sequence
from snn2chip.frontends.norse.refused import REFUSED
from snn2chip.frontends.norse.running import record, timed, twin
from snn2chip.frontends.torch.framework import Framework

FRAMEWORK = Framework(
    name="norse",
    package="norse",
    extra="train",
    cells=dict.fromkeys(KINDS, cell),
    layers={"SequentialState": sequence, "Lift": lift, "RecurrentSequential": recurrent},
    refused=REFUSED,
    record=record,
    twin=twin,
    forgets=True,
    timed=timed,
)
