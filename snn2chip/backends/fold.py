"""How a graph's neurons become a chip's: gains, leaks and thresholds folded, still in floats.

Loihi's CUBA neuron and SpiNNaker's IF_curr_delta and IF_curr_exp have this form: v' = (1 - dv) v +
u + bias with u' = (1 - du) u + input, which fires above its threshold and returns to a value. So
per target neuron (n), with v counted from v_reset and in units of the threshold above it::

    LIF, LI     input factor  G / theta            bias  (gain (v_leak - v_reset) + G b) / theta
    IF, I       input factor  g / theta            bias  g b / theta
    CubaLIF/LI  input factor  G S / theta
                bias  (gain (v_leak - v_reset) + G S b / (1 - decay_syn)) / theta

with G = gain r, S = gain_syn w_in and g = r, or what the discretization makes of them
(``neurons.step``). The last line is the steady state of a bias that NIR sends through the synaptic
filter; where the discretization adds the bias to the membrane, it is G w_in b, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import UnsupportedError
from snn2chip.graph import (
    Conv,
    Dense,
    Discretization,
    Graph,
    Identity,
    Population,
    Projection,
    Sparse,
)
from snn2chip.graph.operators import Operator, with_weights
from snn2chip.neurons import IF, LI, LIF, CubaLI, CubaLIF, Factors, I, factors, initial_state

FloatArray = NDArray[np.float64]

_RESETS = {
    "subtract": "subtraction",
    "multi": "subtraction, with several spikes in a step",
    "none": "nothing",
}


class Chip(NamedTuple):
    """How messages call a chip and its neuron, and whether it can subtract its threshold."""

    name: str
    neuron: str
    subtracts: bool = False


@dataclass(frozen=True, eq=False)
class Folded:
    """One population in this form, in floats; all arrays [*shape].

    Attributes:
        factor: on the sum of weights, per target neuron.
        loss_u, loss_v: share of u and v lost per step; loss_u = 1 means no memory.
        bias: per step: ``leak``, plus ``bias_factor`` times the graph's bias.
        v0: membrane before the first step.
        theta: threshold above the reset; 1 for populations that do not spike.
        offset: v_reset, the graph's v at the chip's zero.
        at_least: the graph fires at v >= threshold, the chip at v > threshold.
        notes: what is modelled rather than exact, one sentence each.
    """

    factor: FloatArray
    loss_u: FloatArray
    loss_v: FloatArray
    bias: FloatArray
    leak: FloatArray
    bias_factor: FloatArray
    v0: FloatArray
    theta: FloatArray
    offset: FloatArray
    at_least: bool = False
    notes: tuple[str, ...] = ()


def fold(graph: Graph, population: Population, chip: Chip) -> Folded:
    """The folded form of one population.

    Args:
        chip: its name for messages, and that of its neuron.

    Raises:
        UnsupportedError: another reset than to a value, another option that such a neuron has not,
            or a threshold at or below the reset.
    """
    d = graph.discretization.of(population.name)
    neuron, shape = population.neuron, population.shape
    _check_options(population, d, chip)
    bias = np.zeros(shape)
    for projection in graph.incoming(population.name):
        bias = bias if projection.bias is None else bias + projection.bias
    offset, theta = _reset_and_threshold(population, d.reset == "subtract")
    input_gain, bias_gain, leak = np.ones(shape), np.ones(shape), np.zeros(shape)
    loss_u, loss_v = np.ones(shape), np.zeros(shape)
    match neuron:
        case IF() | I():
            if d.input_gain == "matched":
                input_gain = bias_gain = neuron.r * (d.dt if d.if_gain == "dt" else 1.0)
        case LIF() | LI():
            loss_v = factors(neuron.tau, d).gain
            input_gain = bias_gain = _membrane_gain(neuron, loss_v, d)
            leak = loss_v * (neuron.v_leak - offset)
        case CubaLIF() | CubaLI():
            synapse, loss_v = factors(neuron.tau_syn, d), factors(neuron.tau_mem, d).gain
            loss_u = 1.0 - synapse.decay
            membrane = _membrane_gain(neuron, loss_v, d)
            input_gain = membrane * _synapse_gain(neuron, synapse, d)
            through = d.bias_path == "synapse"
            bias_gain = input_gain / loss_u if through else membrane * neuron.w_in
            leak = loss_v * (neuron.v_leak - offset)
        case _:
            raise UnsupportedError(f"population {population.name!r}: {neuron.kind} on {chip.name}")
    _check_decays(population, loss_u, loss_v)
    return Folded(
        factor=input_gain / theta,
        loss_u=loss_u,
        loss_v=loss_v,
        bias=(leak + bias_gain * bias) / theta,
        leak=leak / theta,
        bias_factor=bias_gain / theta,
        v0=(initial_state(neuron, (1, *shape), d).v[0] - offset) / theta,
        theta=theta,
        offset=offset,
        at_least=d.fires == ">=" and neuron.spiking,
        notes=tuple(_notes(graph, population, bias)),
    )


def fold_weights(projection: Projection, factor: FloatArray) -> Operator:
    """The projection's operator with the factor of its target neurons in the weights.

    Raises:
        UnsupportedError: the factor varies within a channel of a convolution.
    """
    operator = projection.operator
    match operator:
        case Dense():
            return with_weights(operator, operator.weight * factor.reshape(-1, 1))
        case Conv():
            per_channel = factor.reshape(factor.shape[0], -1)
            if (per_channel != per_channel[:, :1]).any():
                raise UnsupportedError(
                    f"projection {projection.name!r}: gain, threshold or r of "
                    f"{projection.target!r} varies within a channel",
                    needs="one value per channel, because the kernel is shared",
                    has="different values in one channel",
                    remedy="the same parameters for all neurons of a channel",
                )
            column = per_channel[:, 0].reshape(-1, *(1,) * (operator.weight.ndim - 1))
            return with_weights(operator, operator.weight * column)
        case Sparse():
            return with_weights(operator, operator.weight * factor.reshape(-1)[operator.targets])
        case Identity():
            scale = operator.scale * factor.reshape(operator.source_shape)
            return with_weights(operator, scale)


def _membrane_gain(
    neuron: LIF | LI | CubaLIF | CubaLI, gain: FloatArray, d: Discretization
) -> FloatArray:
    return np.ones_like(gain) if d.input_gain == "one" else gain * neuron.r


def _synapse_gain(neuron: CubaLIF | CubaLI, synapse: Factors, d: Discretization) -> FloatArray:
    match d.synapse_gain:
        case "one":
            return np.ones_like(synapse.gain)
        case "decay":
            return synapse.decay
        case _:
            return synapse.gain * neuron.w_in


def _check_options(population: Population, d: Discretization, chip: Chip) -> None:
    """Refuses what the chip's neuron has not, everything of a population in one error."""
    neuron = population.neuron
    if not isinstance(neuron, IF | LIF | CubaLIF):
        return
    wrong, has, flags = [], [], []
    subtracts = chip.subtracts and d.reset == "subtract"
    if d.reset != "zero" and not subtracts:
        wrong.append(f"it resets by {_RESETS[d.reset]}")
        kinds = "a value or by subtraction" if chip.subtracts else "a value"
        has.append(f"a reset to {kinds} only")
        flags.append("--reset zero")
    time = "cuba_reset_time" if isinstance(neuron, CubaLIF) else "reset_time"
    floor = "if_floor" if isinstance(neuron, IF) else "v_floor"
    times = ("spike", "leak") if subtracts else ("spike", "leak", "both")
    allowed = {time: times, floor: ("none",), "output_latency": (0,)}
    for name, values in allowed.items():
        value = getattr(d, name)
        if value not in values:
            wrong.append(f"{name} is {value!r}")
            has.append(f"{name} {' or '.join(str(v) for v in values)}")
            flags.append(f"--preset-set {name}={values[0]}")
    if wrong:
        raise UnsupportedError(
            f"population {population.name!r}: {', '.join(wrong)}",
            has=f"{', '.join(has)} ({chip.neuron})",
            remedy=f"train so, or run with {' '.join(flags)}: that is another network, so compare "
            "its accuracy with what --target reference gives without these options",
        )


def _check_decays(population: Population, *losses: FloatArray) -> None:
    largest = max(float(loss.max(initial=0.0)) for loss in losses)
    if largest > 1.0:
        raise UnsupportedError(
            f"population {population.name!r}: a state loses {largest:g} of itself per step",
            needs="a decay factor 1 - dt/tau below 0",
            has="decay factors between 0 and 1",
            remedy="a dt no longer than the shortest time constant",
        )


def _reset_and_threshold(population: Population, subtracts: bool) -> tuple[FloatArray, FloatArray]:
    """(v_reset, threshold above it); a readout has (0, 1), and who subtracts needs no v_reset."""
    neuron = population.neuron
    if not isinstance(neuron, IF | LIF | CubaLIF):
        return np.zeros(population.shape), np.ones(population.shape)
    zero = np.zeros_like(neuron.v_reset) if subtracts else neuron.v_reset
    theta = neuron.v_threshold - zero
    if not (theta > 0).all():
        raise UnsupportedError(
            f"population {population.name!r}: a threshold at or below v_reset",
            needs=f"threshold - v_reset = {theta.min():g}",
            has="a positive threshold only",
            remedy="a threshold above v_reset for every neuron",
        )
    return zero, theta


def _notes(graph: Graph, population: Population, bias: FloatArray) -> Iterator[str]:
    name = population.name
    through = graph.discretization.of(name).bias_path == "synapse"
    if isinstance(population.neuron, CubaLIF | CubaLI) and np.any(bias) and through:
        yield (
            f"{name}: the bias enters the membrane at its steady state; in the graph it passes "
            "the synaptic filter first (modelled)"
        )
    late = (p.bias is not None and p.delay.smallest > 0 for p in graph.incoming(name))
    if graph.discretization.early_bias == "dropped" and any(late):
        yield (
            f"{name}: the bias of a delayed projection acts from the first step on; in the graph "
            "it begins when its first spikes can arrive (modelled)"
        )
