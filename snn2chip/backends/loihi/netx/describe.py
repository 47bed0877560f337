"""What a Program of a ``.net`` file looks like as a Graph: names, shapes and operators.

For what asks only that of a network: reports, data, names. It is never run in floats, because the
file holds no float network. Its neurons are Lava's CUBA model without the rounding: tau = 4096 /
decay in steps, thresholds in the membrane's integers.
"""

from __future__ import annotations

import numpy as np

from snn2chip.core import Program, ProgramPopulation
from snn2chip.graph import Graph, Population, Projection
from snn2chip.neurons import IF, CubaLIF, Discretization, Input
from snn2chip.neurons.models import FloatArray

_ONE = 4096
_FRACTION = 64
_LAVA = Discretization(
    preset="lava",
    dt=1.0,
    input_gain="one",
    synapse_gain="one",
    initial_v="zero",
    bias_path="membrane",
)
"""Lava's CUBA equations; the steps that synapses take stand in the delays."""


def graph_of_program(program: Program) -> Graph:
    """The network's structure; delays count the step that each synapse takes."""
    return Graph(
        name=program.name,
        populations=tuple(_population(p) for p in program.populations),
        projections=tuple(
            Projection(p.source, p.target, p.operator, delay=p.delay) for p in program.projections
        ),
        outputs=program.outputs,
        discretization=_LAVA,
        readout=program.readout,
        encoding=program.encoding,
    )


def _population(population: ProgramPopulation) -> Population:
    if population.is_input:
        return Population(population.name, Input(), population.shape)
    p = population.parameters
    if "du" not in p:
        # No float model has such neurons; a report takes their kind from the program.
        ones = np.ones(population.shape)
        return Population(population.name, IF(ones, ones, 0 * ones), population.shape)

    def full(values: FloatArray) -> FloatArray:
        return np.broadcast_to(values, population.shape)

    one, zero = full(np.ones(())), full(np.zeros(()))
    with np.errstate(divide="ignore"):
        tau_u, tau_v = (np.divide(_ONE, decay) for decay in (p["du"] + 1.0, p["dv"] + 0.0))
    threshold = full(p["vth"] * float(_FRACTION))
    neuron = CubaLIF(full(tau_u), full(tau_v), one, zero, threshold, zero, one)
    return Population(population.name, neuron, population.shape)
