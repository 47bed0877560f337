"""One step of every neuron model in plain numpy float64: the oracle of all other arithmetic.

With c the summed input of a step, decay and gain of a time constant tau as the discretization
derives them (``factors``)::

    CubaLIF, CubaLI   i' = decay_syn i + gain_syn w_in c ;  v' = v + gain (v_leak - v + R i')
    LIF, LI           v' = v + gain (v_leak - v + R c)
    IF                v' = v + g R c                 g = 1, or dt
    spiking models    z = v' > v_threshold ;  v = v_reset where z (or v' - v_threshold)

The synapse is updated before the membrane within a step, as every framework does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn2chip.neurons.discretization import Discretization
from snn2chip.neurons.models import IF, LI, LIF, CubaLI, CubaLIF, FloatArray, Neuron


class State(NamedTuple):
    """Membrane ``v`` and synaptic current ``i``, both [sample, *population shape]."""

    v: FloatArray
    i: FloatArray | None


class Factors(NamedTuple):
    """Per-step factors derived from one time constant, [*population shape]."""

    decay: FloatArray
    gain: FloatArray


def factors(tau: FloatArray, discretization: Discretization) -> Factors:
    """Decay and gain per step of a first-order system with time constant ``tau``."""
    ratio = discretization.dt / tau
    if discretization.integrator == "euler":
        return Factors(1.0 - ratio, ratio)
    decay = np.exp(-ratio)
    return Factors(decay, 1.0 - decay)


def initial_state(neuron: Neuron, shape: tuple[int, ...], discretization: Discretization) -> State:
    """State before the first step, of shape ``shape`` = [sample, *population shape]."""
    v = np.zeros(shape)
    if discretization.initial_v == "v_leak":
        rest = neuron.v_reset if isinstance(neuron, IF) else getattr(neuron, "v_leak", 0.0)
        v = v + rest
    return State(v, np.zeros(shape) if isinstance(neuron, CubaLIF | CubaLI) else None)


def step(
    neuron: Neuron, state: State, current: FloatArray, discretization: Discretization
) -> tuple[FloatArray, State]:
    """One step: (output, new state). The output is 0/1 spikes, or v for models without spikes."""
    v, i = state
    match neuron:
        case IF():
            g = discretization.dt if discretization.if_gain == "dt" else 1.0
            v = v + g * neuron.r * current
        case LIF() | LI():
            gain = factors(neuron.tau, discretization).gain
            v = v + gain * (neuron.v_leak - v + neuron.r * current)
        case CubaLIF() | CubaLI():
            assert i is not None
            synapse = factors(neuron.tau_syn, discretization)
            i = synapse.decay * i + synapse.gain * neuron.w_in * current
            gain = factors(neuron.tau_mem, discretization).gain
            v = v + gain * (neuron.v_leak - v + neuron.r * i)
        case _:
            raise TypeError(f"{neuron.kind} has no step")
    if isinstance(neuron, LI | CubaLI):
        return v, State(v, i)
    above = v > neuron.v_threshold if discretization.fires == ">" else v >= neuron.v_threshold
    after = neuron.v_reset if discretization.reset == "zero" else v - neuron.v_threshold
    return above.astype(np.float64), State(np.where(above, after, v), i)
