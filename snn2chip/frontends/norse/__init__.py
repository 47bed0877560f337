"""Modules of Norse: see ``FRAMEWORK`` and ``cells``."""

from snn2chip.frontends.norse.cells import KINDS, cell
from snn2chip.frontends.norse.running import record, twin
from snn2chip.frontends.torch.framework import Framework

FRAMEWORK = Framework(
    name="norse",
    package="norse",
    extra="train",
    cells=dict.fromkeys(KINDS, cell),
    layers={},
    containers=frozenset({"SequentialState"}),
    refused={
        "LIF": "use LIFCell, which sees one step at a time",
        "LIFRecurrent": "use LIFRecurrentCell, which sees one step at a time",
        "Lift": "use the lifted module itself: cells see one step at a time",
        "RecurrentSequential": "use LIFRecurrentCell",
    },
    record=record,
    twin=twin,
)
