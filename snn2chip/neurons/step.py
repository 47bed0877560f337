"""One step of every neuron model in plain numpy float64: the oracle of all other arithmetic.

With c the summed input of a step and b its bias, decay and gain of a time constant tau as the
discretization derives them (``factors``), and G R = gain R, or 1 where input_gain is ``one``::

    CubaLIF, CubaLI   i' = decay_syn i + S (c + b) ;  v' = decay v + gain v_leak + G R i'
                      S = gain_syn w_in, 1 or decay_syn; bias_path membrane: i' without b,
                      v' with i' + w_in b
    LIF, LI           v' = decay v + gain v_leak + G R (c + b)
    IF, I             v' = v + g R (c + b)           g = 1, or dt
    spiking models    z = v' > v_threshold ;  v = v_reset where z (or v' - v_threshold)

The synapse is updated before the membrane within a step, as every framework does. Where a reset
comes a step later, the state keeps the unreset v, and whether it is above the threshold then tells
that the neuron is still to be reset.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.neurons.discretization import Discretization, Floor
from snn2chip.neurons.models import IF, LI, LIF, CubaLI, CubaLIF, FloatArray, I, Neuron

Spiking: TypeAlias = IF | LIF | CubaLIF


class State(NamedTuple):
    """Membrane ``v``, synaptic current ``i``, spikes ``sent`` late; [sample, *population shape].

    ``sent`` is what the neurons fired and have not sent yet, where output_latency is 1.
    """

    v: FloatArray
    i: FloatArray | None = None
    sent: FloatArray | None = None


class Factors(NamedTuple):
    """Per-step factors derived from one time constant, [*population shape]."""

    decay: FloatArray
    gain: FloatArray


def factors(tau: FloatArray, discretization: Discretization) -> Factors:
    """Decay per step of a first-order system with time constant ``tau``, and 1 - decay."""
    ratio = discretization.dt / tau
    if discretization.integrator == "euler":
        return Factors(1.0 - ratio, ratio)
    decay = np.exp(-ratio)
    return Factors(decay, 1.0 - decay)


def initial_state(neuron: Neuron, shape: tuple[int, ...], discretization: Discretization) -> State:
    """State before the first step, of shape ``shape`` = [sample, *population shape]."""
    v = np.zeros(shape)
    if discretization.initial_v != "zero":
        v = v + _start(neuron, discretization.initial_v)
    i = np.zeros(shape) if isinstance(neuron, CubaLIF | CubaLI) else None
    late = discretization.output_latency and isinstance(neuron, Spiking)
    return State(v, i, np.zeros(shape) if late else None)


def _start(neuron: Neuron, option: str) -> FloatArray | float:
    if isinstance(neuron, IF) or (isinstance(neuron, Spiking) and option == "v_reset"):
        return neuron.v_reset
    rest: FloatArray | float = getattr(neuron, "v_leak", 0.0)
    return rest


def step(
    neuron: Neuron,
    state: State,
    current: FloatArray,
    discretization: Discretization,
    bias: FloatArray | float = 0.0,
) -> tuple[FloatArray, State]:
    """One step: (output, new state).

    Args:
        current: summed input without biases, [sample, *population shape].
        bias: summed biases, broadcast over samples.

    Returns:
        The output is the number of spikes, 0 or 1 unless reset is ``multi``, or v for models
        without spikes.
    """
    d = discretization
    if not isinstance(neuron, Spiking):
        v, i = _integrate(neuron, state.v, state.i, current, bias, d)
        return v, State(v, i)
    time = d.cuba_reset_time if isinstance(neuron, CubaLIF) else d.reset_time
    due = _fires(neuron, state.v, d) if time != "spike" else None
    before = state.v
    if time == "leak" and due is not None:
        before = np.where(due, _after_reset(neuron, before, d), before)
    v, i = _integrate(neuron, before, state.i, current, bias, d)
    if time == "fire" and due is not None:
        v = np.where(due, _after_reset(neuron, v, d), v)
    v = _floored(neuron, v, d) if time == "fire" else v
    spikes, v = _spike(neuron, v, due if time == "both" else None, time, d)
    if time != "fire":
        v = _floored(neuron, v, d)
    if state.sent is not None:
        return state.sent, State(v, i, spikes)
    return spikes, State(v, i)


def _integrate(
    neuron: Neuron,
    v: FloatArray,
    i: FloatArray | None,
    current: FloatArray,
    bias: FloatArray | float,
    d: Discretization,
) -> tuple[FloatArray, FloatArray | None]:
    """v and i after the leak and the input of a step."""
    match neuron:
        case IF() | I():
            if d.input_gain == "one":
                return v + (current + bias), None
            g = d.dt if d.if_gain == "dt" else 1.0
            return v + g * neuron.r * (current + bias), None
        case LIF() | LI():
            return _leak(neuron.tau, neuron, v, current + bias, d), None
        case CubaLIF() | CubaLI():
            assert i is not None
            inner = current if d.bias_path == "membrane" else current + bias
            synapse = factors(neuron.tau_syn, d)
            match d.synapse_gain:
                case "matched":
                    i = synapse.decay * i + synapse.gain * neuron.w_in * inner
                case "one":
                    i = synapse.decay * i + inner
                case "decay":
                    i = synapse.decay * (i + inner)
            drive = i + neuron.w_in * bias if d.bias_path == "membrane" else i
            return _leak(neuron.tau_mem, neuron, v, drive, d), i
    raise TypeError(f"{neuron.kind} has no step")


def _leak(
    tau: FloatArray,
    neuron: LIF | LI | CubaLIF | CubaLI,
    v: FloatArray,
    current: FloatArray,
    d: Discretization,
) -> FloatArray:
    decay, gain = factors(tau, d)
    if d.input_gain == "one":
        return decay * v + gain * neuron.v_leak + current
    return v + gain * (neuron.v_leak - v + neuron.r * current)


def _fires(neuron: Spiking, v: FloatArray, d: Discretization) -> NDArray[np.bool_]:
    above: NDArray[np.bool_] = v > neuron.v_threshold if d.fires == ">" else v >= neuron.v_threshold
    return above


def _after_reset(neuron: Spiking, v: FloatArray, d: Discretization) -> FloatArray:
    match d.reset:
        case "zero":
            return neuron.v_reset
        case "none":
            return v
        case _:
            return v - neuron.v_threshold


def _spike(
    neuron: Spiking,
    v: FloatArray,
    due: NDArray[np.bool_] | None,
    time: str,
    d: Discretization,
) -> tuple[FloatArray, FloatArray]:
    """Spikes of the membrane v, and the membrane after them."""
    if d.reset == "multi":
        with np.errstate(divide="ignore", invalid="ignore"):
            count = np.floor(v / neuron.v_threshold)
        spikes = np.where(_fires(neuron, v, d) & (v > 0), count, 0.0)
        return spikes, v - spikes * neuron.v_threshold
    compared = v
    if due is not None and d.reset == "subtract":
        compared = np.where(due, v - neuron.v_threshold, v)
    fired = _fires(neuron, compared, d)
    if time in ("spike", "both"):
        v = np.where(fired, _after_reset(neuron, v, d), v)
    return fired.astype(np.float64), v


def _floored(neuron: Spiking, v: FloatArray, d: Discretization) -> FloatArray:
    floor: Floor = d.if_floor if isinstance(neuron, IF) else d.v_floor
    match floor:
        case "none":
            return v
        case "zero":
            return np.maximum(v, 0.0)
        case "threshold":
            return np.maximum(v, -neuron.v_threshold)
