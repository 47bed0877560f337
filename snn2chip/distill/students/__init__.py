"""Students: from an architecture, a plain list of layers, to a torch module of Norse cells.

The module is a ``norse.torch.SequentialState`` of ordinary torch modules, Norse cells and residual
blocks of both, so anyone who knows them recognises it, and an exporter can walk it module by
module. One call is one step: ``(x [sample, *input_shape], state) -> (y [sample, class], state)``.

============ ===================================================================================
layers       what a layer of a file may say; names of modules
kinds        the layers of a student of each kind: one file per kind
modules      layers into modules; cells
residual     a block with a shortcut
parallel     members side by side
surrogates   Norse's cells with a gradient that Norse does not have
legality     what keeps a student off chips
============ ===================================================================================
"""

from snn2chip.distill.students.kinds import architecture
from snn2chip.distill.students.layers import (
    CONVOLUTIONS,
    LAYERS,
    NEURONS,
    POOLS,
    SURROGATES,
    WEIGHTS,
    Layer,
    Shape,
    check_layer,
    names,
)
from snn2chip.distill.students.modules import SPIKING, STATEFUL, Student, build_student
from snn2chip.distill.students.parallel import Parallel
from snn2chip.distill.students.residual import Residual

__all__ = [
    "CONVOLUTIONS",
    "LAYERS",
    "NEURONS",
    "POOLS",
    "SPIKING",
    "STATEFUL",
    "SURROGATES",
    "WEIGHTS",
    "Layer",
    "Parallel",
    "Residual",
    "Shape",
    "Student",
    "architecture",
    "build_student",
    "check_layer",
    "names",
]
