"""The scales of a Loihi program, told from the program itself: what a float weight became.

With the factors of ``fold``, a weight w into neuron n was rounded from ``w factor[n] unit[n] /
2^exponent`` and a bias b from ``64 unit[n] (leak[n] + bias_factor[n] b)``, where ``unit`` is
``scale theta / 64``, whatever chose it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snn2chip.backends.fold import fold
from snn2chip.backends.loihi.formats import LoihiFormats
from snn2chip.backends.loihi.integers import INPUT_SHIFT
from snn2chip.backends.loihi.realise.scales import CUBA
from snn2chip.core import Program
from snn2chip.graph import Graph
from snn2chip.quantize import Grid, weight_range


def grids(graph: Graph, program: Program, formats: LoihiFormats) -> Mapping[str, Grid]:
    """The grid of every projection, by its name.

    Args:
        program: made from ``graph``.
        formats: those that it was made with.
    """
    low, high = _ends(formats.weight_bits)
    found = {}
    for projection in program.projections:
        population = program.population(projection.target)
        folded = fold(graph, graph.population(projection.target), CUBA)
        state_unit = population.scale * folded.theta
        exponent = projection.parameters["exponent"]
        found[projection.name] = Grid(
            weight_scale=folded.factor * state_unit / 2.0 ** (INPUT_SHIFT + exponent),
            weight_bits=projection.weight_bits,
            weight_low=low,
            weight_high=high,
            bias_scale=folded.bias_factor * state_unit,
            bias_origin=folded.leak * state_unit,
            bias_bits=formats.bias_mantissa_bits,
            bias_exponent=int(population.parameters["bias_exp"]),
            loss=population.parameters["dv"] / 2.0**formats.decay_bits * np.ones(population.shape),
        )
    return found


def _ends(bits: int) -> tuple[int, int]:
    """Lowest and highest stored weight; one bit of mixed signs has no positive one."""
    low, high, _ = weight_range("mixed", bits)
    return (low, high) if high else weight_range("inhibitory", bits)[:2]
