"""Limits of Loihi's number formats, as named rules that return violations.

A program in ``lava`` arithmetic may hold what no chip can, as Lava lets it; only what Lava refuses
too stays a violation there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snn2chip.backends.loihi.arithmetic import BEYOND
from snn2chip.backends.loihi.formats import LoihiFormats
from snn2chip.backends.loihi.modes import CHIP
from snn2chip.core import (
    Activity,
    Limit,
    Program,
    ProgramPopulation,
    ProgramProjection,
    Violation,
    chip_delay,
)
from snn2chip.graph import Conv
from snn2chip.graph.operators import weights_of
from snn2chip.quantize import sign_mode, weight_range
from snn2chip.targets.types import Target

_SHRINK = "smaller parameters, or --arithmetic lava, which computes as Lava does on a CPU"

BIAS = Limit("bias-mantissa", "bias_mantissa_bits", "bias mantissas fit their bits", _SHRINK)
BIAS_SHIFT = Limit("bias-exponent", "bias_exponent_max", "biases are shifted so far", _SHRINK)
THRESHOLD = Limit("threshold", "threshold_bits", "thresholds fit their bits", _SHRINK)
DECAY = Limit("decay", "decay_bits", "decay factors fit their bits", _SHRINK)
INITIAL = Limit("state", "state_bits", "initial states fit their bits", _SHRINK)
STATE = Limit(
    "state",
    "state_bits",
    "synaptic sums of a run come back into their bits with one wrap, as Lava does it",
    "smaller weights or exponents, or --arithmetic lava",
)
WEIGHT = Limit(
    "weight-bits",
    "weight_bits",
    "weights fit their bits and their step, which depends on their signs",
    "smaller or coarser weights, or --arithmetic lava, which computes as Lava does",
)
EXPONENT = Limit(
    "weight-exponent",
    "weight_exponent_max",
    "the shift of a synaptic sum is one that the chip has",
    "weights of another scale",
)
CONV_EXPONENT = Limit(
    "weight-exponent",
    "",
    "a convolution has no exponent: Lava's Conv ignores it",
    "weights that need no exponent",
)
DELAY = Limit(
    "synaptic-delay",
    "delay_max",
    "synapses delay by so many steps",
    "shorter delays, a larger dt, or a relay population in between",
)
CONV_DELAY = Limit(
    "convolution-delay",
    "",
    "a convolution has no delay beyond its own step",
    "a relay population in the shorter path, or a dense projection",
)
LIMITS = (
    *(BIAS, BIAS_SHIFT, THRESHOLD, DECAY, INITIAL, STATE, WEIGHT),
    *(EXPONENT, CONV_EXPONENT, DELAY, CONV_DELAY),
)
"""Every rule of this module, in the order of the documentation."""


def violations(
    program: Program, target: Target, formats: LoihiFormats, activity: Activity | None = None
) -> tuple[Violation, ...]:
    """Every format limit that the program breaks, or broke in a run."""
    found: list[Violation] = []
    strict = program.arithmetic == CHIP
    for population in program.populations:
        if strict and not population.is_input:
            found.extend(_parameters(population, target, formats))
        if strict and activity is not None:
            found.extend(_state(population, target, formats, activity))
    for projection in program.projections:
        if projection.model == "writes":
            continue
        found.extend(_delay(program, projection, target, formats))
        if strict:
            found.extend(_weights(projection, target, formats))
    return tuple(found)


def _parameters(
    population: ProgramPopulation, target: Target, formats: LoihiFormats
) -> Iterator[Violation]:
    """Biases, thresholds, decays and initial states within their bits."""
    bias = 1 << (formats.bias_mantissa_bits - 1)
    decay = 1 << formats.decay_bits
    state = 1 << (formats.state_bits - 1)
    ranges = {
        "bias_mant": (BIAS, -bias, bias - 1),
        "bias_exp": (BIAS_SHIFT, 0, formats.bias_exponent_max),
        "vth": (THRESHOLD, 0, formats.threshold_max),
        "vth_hi": (THRESHOLD, 0, formats.threshold_max),
        "vth_lo": (THRESHOLD, -formats.threshold_max, 0),
        # One more than 12 bits hold is a flag of the chip: a state that is forgotten at once.
        "du": (DECAY, -1, decay - 1),
        "dv": (DECAY, 0, decay),
        "v0": (INITIAL, 1 - state, state - 1),
    }
    cuba = "du" in population.parameters
    for name, value in population.parameters.items():
        if not cuba or name not in ranges:
            continue
        rule, low, high = ranges[name]
        if value.min() < low or value.max() > high:
            yield rule.broken(
                target.name,
                population.name,
                f"{name} from {int(value.min())} to {int(value.max())}",
                f"{low} to {high}",
                target.formats[rule.key].source,
            )


def _state(
    population: ProgramPopulation, target: Target, formats: LoihiFormats, activity: Activity
) -> Iterator[Violation]:
    """Currents that one wrap did not bring back into their bits."""
    count = activity.populations[population.name].warnings.get(BEYOND, 0)
    if count:
        yield STATE.broken(
            target.name,
            population.name,
            f"synaptic sums far beyond the current's bits, {count} times in this run",
            f"{formats.state_bits} bits; Lava, which wraps once only, computes something else",
            target.formats[STATE.key].source,
        )


def _weights(
    projection: ProgramProjection, target: Target, formats: LoihiFormats
) -> Iterator[Violation]:
    """Weights that a synapse cannot store, and exponents."""
    weights, operator = weights_of(projection.operator), projection.operator
    mode = sign_mode(weights)
    low, high, step = weight_range(mode, formats.weight_bits)
    if weights.size and (weights.min() < low or weights.max() > high or np.any(weights % step)):
        odd = bool(np.any(weights % step))
        yield WEIGHT.broken(
            target.name,
            projection.name,
            f"weights from {int(weights.min())} to {int(weights.max())}"
            + (f", not all multiples of {step}" if odd else ""),
            f"{formats.weight_bits} bits: {low} to {high} in steps of {step} ({mode})",
            target.formats[WEIGHT.key].source,
        )
    exponent = int(projection.parameters["exponent"])
    least, most = formats.weight_exponent_min, formats.weight_exponent_max
    if not least <= exponent <= most or (exponent and isinstance(operator, Conv)):
        conv = isinstance(operator, Conv)
        source = "Lava 0.10.0, lava.proc.conv" if conv else target.formats[EXPONENT.key].source
        yield (CONV_EXPONENT if conv else EXPONENT).broken(
            target.name,
            projection.name,
            f"a weight exponent of {exponent}",
            "0: Lava's Conv ignores exponents" if conv else f"{least} to {most}",
            source,
        )


def _delay(
    program: Program, projection: ProgramProjection, target: Target, formats: LoihiFormats
) -> Iterator[Violation]:
    """Synaptic delay beyond the synapse's own step: 6 bits, and none in shared kernels."""
    beyond = int(chip_delay(program, projection).max()) - 1
    source = target.formats["delay_max"].source
    if beyond > formats.delay_max:
        yield DELAY.broken(
            target.name,
            projection.name,
            f"{beyond} steps of synaptic delay",
            f"{formats.delay_max} steps",
            source,
        )
    if beyond > 0 and isinstance(projection.operator, Conv):
        yield CONV_DELAY.broken(
            target.name,
            projection.name,
            f"{beyond} steps of synaptic delay in a convolution",
            "none: Lava's Conv process has no delay",
            "Lava 0.10.0, lava.proc.conv",
        )
