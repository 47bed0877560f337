"""``cuba``: leaky integrate-and-fire neurons with a synaptic current.

With rz(x, k) = sign(x) (|x| >> k), M = 2^23, and a_in the sum of all synapses::

    u' = int32(rz(u (4096 - (du + 1)), 12)) + (a_in << 6)
    u  = u' - 2^24 if u' > M ; then u' + 2^24 if that <= -M ; else u'       (one wrap only)
    v  = clip(rz(v (4096 - dv), 12) + u + (bias_mant << bias_exp), -(M - 1), M - 1)
    s  = v > (vth << 6) (strict) ;  v = 0 where s

A negative bias_exp shifts to the right and rounds down, as a synapse's exponent does. There is no
refractory period, and a spike leaves u as it is. Source: Lava 0.10.0, ``lava.proc.lif``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.integers import (
    DECAY_BITS,
    DECAY_ONE,
    INPUT_SHIFT,
    STATE_LIMIT,
    WRAP,
    int32,
    scaled_bias,
    toward_zero,
    whole,
)
from snn2chip.backends.loihi.neurons.base import NeuronModel, parameter, spread, zeros
from snn2chip.core import ProgramPopulation
from snn2chip.engine.arithmetic import Scan, State
from snn2chip.graph.operators import Array

Fire: TypeAlias = Callable[[NDArray[np.int64]], NDArray[Any]]

PARAMETERS = frozenset({"du", "dv", "vth", "bias_mant", "bias_exp", "v0"})


def initial(population: ProgramPopulation, samples: int) -> State:
    """u = 0 and v = v0."""
    return {"u": zeros(population, samples), "v": spread(population, "v0", samples)}


def scan(
    population: ProgramPopulation,
    state: State,
    current: Array,
    arrived: NDArray[np.bool_],
    record: bool,
) -> Scan:
    """The recurrence of the module docstring, one step after another."""
    return integrate(population, state, Drive.of(population, current), arrived, record)


@dataclass(frozen=True, eq=False)
class Drive:
    """What integrates in a block of steps.

    Attributes:
        sums: a_in << 6 in 32 bits, [step, sample, *shape].
        biases: scaled, [step or 1, ...].
        peak: the largest magnitude that arrived.
    """

    sums: NDArray[np.int64]
    biases: NDArray[np.int64]
    peak: float

    @staticmethod
    def of(population: ProgramPopulation, current: Array) -> Drive:
        """Synaptic sums and the population's own bias."""
        bias = scaled_bias(parameter(population, "bias_mant"), parameter(population, "bias_exp"))
        return Drive(int32(whole(current) << INPUT_SHIFT), bias[np.newaxis], peak_of(current))


def integrate(
    population: ProgramPopulation,
    state: State,
    drive: Drive,
    arrived: NDArray[np.bool_],
    record: bool,
    fire: Fire | None = None,
) -> Scan:
    """The recurrence with its input as it is added.

    Args:
        fire: spikes of a membrane, 0 where there is none; ``cuba``'s own without it.
    """
    keep_u = DECAY_ONE - (parameter(population, "du") + 1)
    keep_v = DECAY_ONE - parameter(population, "dv")
    fires = fire or above(population)
    u, v = state["u"], state["v"]
    memory = bool((keep_u != 0).any())
    kind = bool if population.spiking and fire is None else np.int32
    output, updated = np.empty(arrived.shape, kind), np.empty(arrived.shape, bool)
    us, vs = [], []
    wrapped = saturated = peak_v = 0
    for k in range(len(arrived)):
        busy = (v != 0) | (u != 0) if memory else v != 0
        raw = int32(toward_zero(u * keep_u, DECAY_BITS) + drive.sums[k])
        lowered = np.where(raw > STATE_LIMIT, raw - WRAP, raw)
        u = np.where(lowered <= -STATE_LIMIT, lowered + WRAP, lowered)
        wrapped += int(np.count_nonzero(u != raw))
        bias = drive.biases[k if len(drive.biases) > 1 else 0]
        free = int32(toward_zero(v * keep_v, DECAY_BITS) + u + bias)
        v = np.clip(free, 1 - STATE_LIMIT, STATE_LIMIT - 1)
        saturated += int(np.count_nonzero(v != free))
        peak_v = max(peak_v, int(np.abs(v).max(initial=0)))
        sent = fires(v)
        spikes = sent != 0
        v = np.where(spikes, 0, v)
        output[k] = sent if population.spiking else v
        updated[k] = busy | arrived[k] | (bias != 0) | spikes
        if record:
            us.append(u.astype(np.int32))
            vs.append(v.astype(np.int32))
        if not population.spiking:
            saturated += int(np.count_nonzero(spikes))
    return Scan(
        output,
        updated,
        {"u": u, "v": v},
        {"u": np.stack(us), "v": np.stack(vs)} if us else {},
        {"u_wrapped": wrapped, "v_saturated": saturated},
        peak_v=float(peak_v),
        peak_input=drive.peak,
    )


def above(population: ProgramPopulation) -> Fire:
    """The strict threshold of ``cuba``."""
    threshold = parameter(population, "vth") << INPUT_SHIFT
    return lambda v: v > threshold


def peak_of(current: Array) -> float:
    """The largest magnitude that arrived."""
    return float(np.abs(current).max(initial=0))


MODEL = NeuronModel("cuba", PARAMETERS, initial, scan)
