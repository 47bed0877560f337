"""Loihi's fixed-point arithmetic, as Lava's fixed-point models define it.

With rz(x, k) = sign(x) (|x| >> k), M = 2^23, and a_in the sum over all synapses of
``shift(W s, exponent)`` (floor where the exponent is negative)::

    u' = int32(rz(u (4096 - (du + 1)), 12)) + (a_in << 6)
    u  = u' - 2^24 if u' > M ; then u' + 2^24 if that <= -M ; else u'       (one wrap only)
    v  = clip(rz(v (4096 - dv), 12) + u + (bias_mant << bias_exp), -(M - 1), M - 1)
    s  = v > (vth << 6) (strict) ;  v = 0 where s

The model ``cuba_driven`` has its bias written from outside: what arrives is added to bias_mant at
once, and a_in is 0. (netx feeds an input layer that has neurons through their biases.)

A negative bias_exp shifts to the right and rounds down, as a synapse's exponent does.
A convolution's sums wrap modulo 2^24. Source: Lava 0.10.0 (``lava.proc.lif``, ``dense``, ``conv``,
fixed-point process models).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import ProgramPopulation, ProgramProjection
from snn2chip.engine.arithmetic import Product, Scan, State
from snn2chip.engine.products import exact_integer_product
from snn2chip.graph.operators import Array, Conv, Operator

DRIVEN = "cuba_driven"
"""Model of neurons whose incoming sums are changes of their bias."""

STATE_LIMIT = 2**23
_WRAP = 2**24
_DECAY_ONE = 4096
_DECAY_BITS = 12
_INPUT_SHIFT = 6
_LARGEST_WRITE = 2**16


def toward_zero(x: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """rz(x, bits): shift right, rounding toward zero."""
    return (x + ((x >> 63) & ((1 << bits) - 1))) >> bits


def shift(sums: NDArray[np.int64], exponent: int) -> NDArray[np.int64]:
    """Synaptic sums times 2^exponent, rounded down where the exponent is negative."""
    return sums << exponent if exponent > 0 else sums >> -exponent


def scaled_bias(mantissa: NDArray[np.int64], exponent: NDArray[np.int64]) -> NDArray[np.int64]:
    """mantissa times 2^exponent, rounded down where the exponent is negative."""
    scaled: NDArray[np.int64] = (mantissa << np.maximum(exponent, 0)) >> np.maximum(-exponent, 0)
    return scaled


def wrap24(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """x modulo 2^24 as a signed number."""
    return ((x + STATE_LIMIT) & (_WRAP - 1)) - STATE_LIMIT


def _int32(x: NDArray[np.int64]) -> NDArray[np.int64]:
    return x.astype(np.int32).astype(np.int64)


def _drive_and_bias(
    population: ProgramPopulation, state: State, current: Array
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """a_in << 6 per step, and bias mantissas [step or 1, ...], of the steps of ``current``."""
    if population.model == DRIVEN:
        written = state["bias_mant"] + np.cumsum(current, axis=0, dtype=np.int64)
        return np.zeros(current.shape, np.int64), written
    bias = population.parameters["bias_mant"].astype(np.int64)
    return _int32(current.astype(np.int64) << _INPUT_SHIFT), bias[np.newaxis]


class LoihiArithmetic:
    """Bit-accurate CUBA neurons and synapses."""

    name = "loihi-chip"

    def product(self, projection: ProgramProjection, operator: Operator) -> Product:
        """Exact integer sums, shifted by the weight exponent; convolutions wrap at 24 bits.

        A projection with the parameter ``graded`` carries the values sent, others 0 or 1.
        """
        if "graded" in projection.parameters:
            return exact_integer_product(projection.name, operator, _LARGEST_WRITE)
        exact = exact_integer_product(projection.name, operator)
        exponent = int(projection.parameters["exponent"])
        wraps = isinstance(operator, Conv)

        def product(spikes: NDArray[Any]) -> Array:
            sums = shift(exact(spikes != 0), exponent)
            return wrap24(sums) if wraps else sums

        return product

    def initial(self, population: ProgramPopulation, samples: int) -> State:
        """u = 0 and v = v0 of the population."""
        shape = (samples, *population.shape)
        v0 = population.parameters["v0"].astype(np.int64)
        state = {"u": np.zeros(shape, np.int64), "v": np.broadcast_to(v0, shape).copy()}
        if population.model == DRIVEN:
            bias = population.parameters["bias_mant"].astype(np.int64)
            state["bias_mant"] = np.broadcast_to(bias, shape).copy()
        return state

    def spike_dtype(self, population: ProgramPopulation) -> np.dtype[Any]:
        """At most one spike per step."""
        return np.dtype(bool)

    def known(self, population: ProgramPopulation, state: State) -> None:
        """What is sent in a step depends on what arrives in it."""

    def scan(
        self,
        population: ProgramPopulation,
        state: State,
        current: Array,
        arrived: NDArray[np.bool_],
        record: bool,
    ) -> Scan:
        """The recurrence of the module docstring, one step after another."""
        p = {name: value.astype(np.int64) for name, value in population.parameters.items()}
        keep_u, keep_v = _DECAY_ONE - (p["du"] + 1), _DECAY_ONE - p["dv"]
        threshold = p["vth"] << _INPUT_SHIFT
        drive, mantissa = _drive_and_bias(population, state, current)
        biases = scaled_bias(mantissa, p["bias_exp"])
        u, v = state["u"], state["v"]
        memory = bool((keep_u != 0).any())
        output = np.empty(current.shape, bool if population.spiking else np.int32)
        updated = np.empty(current.shape, bool)
        us, vs = [], []
        wrapped = saturated = peak_v = 0
        for k in range(len(current)):
            busy = (v != 0) | (u != 0) if memory else v != 0
            raw = _int32(toward_zero(u * keep_u, _DECAY_BITS) + drive[k])
            lowered = np.where(raw > STATE_LIMIT, raw - _WRAP, raw)
            u = np.where(lowered <= -STATE_LIMIT, lowered + _WRAP, lowered)
            wrapped += int(np.count_nonzero(u != raw))
            bias = biases[k] if len(biases) > 1 else biases[0]
            free = _int32(toward_zero(v * keep_v, _DECAY_BITS) + u + bias)
            v = np.clip(free, 1 - STATE_LIMIT, STATE_LIMIT - 1)
            saturated += int(np.count_nonzero(v != free))
            peak_v = max(peak_v, int(np.abs(v).max(initial=0)))
            spikes = v > threshold
            v = np.where(spikes, 0, v)
            output[k] = spikes if population.spiking else v
            updated[k] = busy | arrived[k] | (bias != 0) | spikes
            if record:
                us.append(u.astype(np.int32))
                vs.append(v.astype(np.int32))
            if not population.spiking:
                saturated += int(np.count_nonzero(spikes))
        return Scan(
            output,
            updated,
            {"u": u, "v": v, **({"bias_mant": mantissa[-1]} if population.model == DRIVEN else {})},
            {"u": np.stack(us), "v": np.stack(vs)} if us else {},
            {"u_wrapped": wrapped, "v_saturated": saturated},
            peak_v=float(peak_v),
            peak_input=float(np.abs(current).max(initial=0)),
        )
