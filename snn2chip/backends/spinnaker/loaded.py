"""What a core makes of PyNN's parameters when it loads a population (sPyNNaker 1!7.4.1).

The host rounds every parameter to s16.15; the core derives from them, in its own arithmetic:

    R    = tau_m / cm                     TC   = e^-(dt / tau_m)
    hold = ceil(tau_refrac / dt)
    of a synapse:  decay = e^-(dt / tau),    init = tau / dt (1 - decay)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from snn2chip.backends.spinnaker.fixed import (
    BITS,
    ONE,
    Integers,
    accum,
    divide,
    exp_accum,
    exp_fraction,
)

Model = Literal["IF_curr_delta", "IF_curr_exp"]
MODELS: tuple[Model, ...] = ("IF_curr_delta", "IF_curr_exp")

RECEPTORS = ("excitatory", "inhibitory")
_TAU_SYN = ("tau_syn_E", "tau_syn_I")
_FULL = (1 << 32) - 1
"""1.0 as u0.32, as near as it comes."""


@dataclass(frozen=True, eq=False)
class SynapseShape:
    """How a receptor's current behaves, [neuron] each.

    Attributes:
        init: u0.32, what a weight begins with; decay: u0.32, what is left after a step.
    """

    init: Integers
    decay: Integers


@dataclass(frozen=True, eq=False)
class Loaded:
    """A population in a core's memory: s16.15 [neuron] where nothing else is said.

    Attributes:
        resistance: R; membrane_decay: TC; hold: steps without updates after a spike.
        synapses: excitatory and inhibitory; empty for IF_curr_delta, whose inputs last one step.
        per_step: 1 ms / dt, by which a weight of IF_curr_delta is multiplied.
    """

    model: Model
    resistance: Integers
    membrane_decay: Integers
    rest: Integers
    reset: Integers
    threshold: Integers
    offset: Integers
    hold: Integers
    synapses: tuple[SynapseShape, ...]
    per_step: int


def loaded(model: Model, parameters: Mapping[str, ArrayLike], time_step_ms: float = 1.0) -> Loaded:
    """The parameters of a population as a core has them.

    Args:
        parameters: PyNN's by name (``tau_m`` and other times in ms, ``cm`` in nF, voltages in mV,
            ``i_offset`` in nA), each a number or one per neuron.
    """
    given = dict(zip(parameters, np.broadcast_arrays(*parameters.values()), strict=True))
    step = accum(time_step_ms)
    tau = accum(given["tau_m"])
    synapses: tuple[SynapseShape, ...] = ()
    if model == "IF_curr_exp":
        synapses = tuple(synapse_shape(accum(given[name]), step) for name in _TAU_SYN)
    return Loaded(
        model=model,
        resistance=divide(tau, accum(given["cm"])),
        membrane_decay=exp_accum(-divide(step, tau)),
        rest=accum(given["v_rest"]),
        reset=accum(given["v_reset"]),
        threshold=accum(given["v_thresh"]),
        offset=accum(given["i_offset"]),
        hold=-(-divide(accum(given["tau_refrac"]), step) // ONE),
        synapses=synapses,
        per_step=int(divide(ONE, step)),
    )


def synapse_shape(tau: Integers, step: ArrayLike) -> SynapseShape:
    """What a core makes of a synapse's time constant; both in ms, s16.15."""
    decay = exp_fraction(-divide(step, tau))
    rest = (_FULL - decay).astype(np.uint64)
    init = (divide(tau, step).astype(np.uint64) * rest >> np.uint64(BITS)) & np.uint64(_FULL)
    return SynapseShape(init.astype(np.int64), decay)


def weight_words(weights: NDArray[np.floating], shift: int) -> Integers:
    """16-bit words of the sizes of weights: the nearest multiples of 2^(shift - 15) nA."""
    words: Integers = np.rint(np.abs(weights) * 2.0 ** (BITS - shift)).astype(np.int64)
    return words & 0xFFFF
