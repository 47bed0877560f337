"""Time constants by which a core comes nearest to a wanted decay.

A core computes its factors itself, from time constants that the host rounds to s16.15 (`loaded`),
so not every factor is there: near 1 the analytic time constant misses by a fifth of 1 - beta.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.spinnaker.fixed import BITS, ONE, Integers, divide, exp_accum, exp_fraction

MOST = (1 << 31) - 1
"""Largest s16.15."""

_AROUND = 3
"""Exponents tried on either side of the analytic one."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Membrane:
    """A membrane that decays as wanted, [*shape], s16.15 where nothing else is said.

    Attributes:
        tau: its time constant in ms; capacity: such that a constant current of 1 nA moves the
            membrane by nearly 1 mV in a step.
        resistance, decay: what a core makes of them.
        gain: in mV per nA and step, exactly: R (1 - TC).
    """

    tau: Integers
    capacity: Integers
    resistance: Integers
    decay: Integers
    gain: Floats


def membrane(beta: Floats) -> Membrane:
    """The membrane whose factor per step of 1 ms comes nearest to ``beta`` in [0, 1]."""
    tau = _each(beta, lambda b: _nearest(b, True))
    decay = exp_accum(-divide(ONE, tau))
    lost = ONE - decay
    capacity = np.maximum(1, (tau * lost + ONE // 2) >> BITS)
    resistance = divide(tau, capacity)
    gain = resistance / ONE * (lost / ONE)
    return Membrane(tau, capacity, resistance, decay, gain)


def synapse(beta: Floats) -> Integers:
    """tau of a synapse, s16.15 in ms, whose factor per step comes nearest to ``beta`` in [0, 1)."""
    return _each(beta, lambda b: _nearest(b, False))


def _each(beta: Floats, choose: Callable[[float], int]) -> Integers:
    """By the value, since populations have few."""
    values, places = np.unique(beta, return_inverse=True)
    found: Integers = np.array([choose(float(b)) for b in values], np.int64)
    return found[places].reshape(np.shape(beta))


def _nearest(beta: float, whole: bool) -> int:
    """tau of the factor nearest to ``beta``, as s16.15 (``whole``) or as u0.32."""
    if beta <= 0.0:
        exponents = np.array([BITS * ONE])
    else:
        middle = round(-np.log(beta) * ONE)
        # An exponent of 0 would keep everything, and let nothing in: v = alpha - (alpha - v).
        exponents = np.arange(max(1, middle - _AROUND), middle + _AROUND + 1)
    # 1 / tau as s16.15 is cut off, so that a range of tau has one exponent: the ends of each.
    ends = [_with_exponent(exponents), _with_exponent(exponents + 1) + 1]
    tau = np.clip(np.concatenate(ends), 1, MOST)
    exponents = divide(ONE, tau)
    tau, exponents = tau[exponents > 0], exponents[exponents > 0]
    factors = (exp_accum if whole else exp_fraction)(-exponents)
    unit = ONE if whole else 1 << 32
    return int(tau[np.argmin(np.abs(factors / unit - beta))])


def _with_exponent(exponents: Integers) -> Integers:
    """The largest tau whose inverse is at least so much."""
    return (ONE << BITS) // exponents
