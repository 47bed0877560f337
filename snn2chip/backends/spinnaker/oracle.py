"""SpiNNaker's firmware in the plainest form: numpy, one step after another, one core.

Slow and obvious on purpose. In every step a core takes what its ring buffers hold for it, updates
its neurons, and then adds the weights of the spikes that it receives in this step, each into the
slot of its delay. Confirmed against the binaries of sPyNNaker 1!7.4.1: every membrane and spike of
100,000 neuron-steps of each model (``python -m tests.backends.spinnaker.verify_firmware``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.spinnaker.fixed import BITS, Integers
from snn2chip.backends.spinnaker.loaded import RECEPTORS, Loaded

MOST = 65_535
"""What a slot of a ring buffer holds at most: it saturates."""


class Synapses(NamedTuple):
    """Synapses of one receptor, [synapse] each.

    Attributes:
        words: 16-bit weights; delays: in steps, at least 1.
    """

    sources: Integers
    targets: Integers
    words: Integers
    delays: Integers


class Recording(NamedTuple):
    """What the firmware records.

    Attributes:
        v: s16.15 [step, neuron], before the step's update.
        fired: [step, neuron].
        full: slots that would have held more than they can.
    """

    v: Integers
    fired: NDArray[np.bool_]
    full: int


def run(
    population: Loaded,
    v: Integers,
    synapses: Sequence[Synapses],
    shifts: Sequence[int],
    arrivals: NDArray[np.bool_],
) -> Recording:
    """One population from its first step on.

    Args:
        v: first membranes, s16.15 [neuron].
        synapses: excitatory and inhibitory ones.
        shifts: of both receptors' ring buffers: a word w is w << shift as s16.15.
        arrivals: [step, source], spikes that are received in a step.
    """
    steps, neurons = len(arrivals), len(v)
    latest = max((int(s.delays.max()) for s in synapses if s.delays.size), default=1)
    rings = np.zeros((len(RECEPTORS), steps + latest, neurons), np.int64)
    currents = [np.zeros(neurons, np.int64) for _ in RECEPTORS]
    refractory = np.zeros(neurons, np.int64)
    recorded, spikes, full = [], [], 0
    for step in range(steps):
        full += int((rings[:, step] > MOST).sum())
        arrived = [np.minimum(r[step], MOST) << s for r, s in zip(rings, shifts, strict=True)]
        currents = _currents(population, currents, arrived)
        recorded.append(v)
        total = currents[0] - currents[1] + population.offset
        alpha = (total * population.resistance >> BITS) + population.rest
        moved = alpha - (population.membrane_decay * (alpha - v) >> BITS)
        free = refractory <= 0
        fired = free & (moved >= population.threshold)
        v = np.where(fired, population.reset, np.where(free, moved, v))
        refractory = np.where(fired, population.hold, np.where(free, refractory, refractory - 1))
        spikes.append(fired)
        currents = [
            _product(c, s.decay) for c, s in zip(currents, population.synapses, strict=False)
        ] or currents
        for ring, group in zip(rings, synapses, strict=True):
            on = arrivals[step][group.sources]
            np.add.at(ring, (step + group.delays[on], group.targets[on]), group.words[on])
    return Recording(np.array(recorded), np.array(spikes), full)


def _currents(
    population: Loaded, before: Sequence[Integers], arrived: Sequence[Integers]
) -> list[Integers]:
    """Currents of both receptors in a step, s16.15 [neuron]."""
    if not population.synapses:
        return [x * population.per_step >> BITS for x in arrived]
    return [
        old + _product(new, shape.init)
        for old, new, shape in zip(before, arrived, population.synapses, strict=True)
    ]


def _product(values: Integers, fraction: Integers) -> Integers:
    """s16.15 times u0.32, cut down; in Python's own integers, which nothing overflows."""
    found: Integers = (values.astype(object) * fraction >> 32).astype(np.int64)
    return found
