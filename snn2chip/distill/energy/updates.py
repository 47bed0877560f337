"""How many neurons are updated, told from spikes alone.

A neuron is updated in a step at whose start its state is not zero, in which a spike arrives, that
adds a bias, or in which it fires (``snn2chip.core.Activity``). A population whose neurons all have
a bias is updated throughout. Elsewhere the state follows from the spikes: what has arrived since
the last reset to zero is still there. A membrane that ends at zero by itself, because weights
cancel to the last bit, is not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import UnsupportedError
from snn2chip.graph import Graph, Projection
from snn2chip.graph.linear import arrivals

Flags = NDArray[np.bool_]

_FORGET = ("IF", "LIF")
"""Models whose whole state is the membrane that a spike resets."""


@dataclass(frozen=True, eq=False)
class Updated:
    """Updates of one population.

    Attributes:
        biased: neurons that a bias updates at every step, bool [*shape].
        incoming: projections that spikes arrive through.
        forgets: a spike leaves the state at zero.
    """

    biased: Flags
    incoming: tuple[Projection, ...]
    forgets: bool

    def constant(self, live: Flags) -> bool:
        """Whether no spike changes anything for the neurons that there are, bool [*shape]."""
        return bool((self.biased | ~live).all())

    def count(self, spikes: Mapping[str, Flags], name: str, live: Flags | None = None) -> int:
        """Updates over all steps and samples.

        Args:
            spikes: population -> bool [step, sample, *shape], of all that send and of this one
                where it fires.
            name: of this population.
            live: neurons that there are, bool [*shape]; all where it is left out.
        """
        own = spikes.get(name)
        steps, samples = next(iter(spikes.values())).shape[:2]
        live = np.ones(self.biased.shape, np.bool_) if live is None else live
        if self.constant(live):
            return int(steps * samples * live.sum())
        busy = np.zeros((samples, *self.biased.shape), np.bool_)
        arrived = self._arrived(spikes, (steps, samples))
        total = 0
        for step in range(steps):
            busy |= arrived[step] | self.biased
            fired = busy & False if own is None else own[step]
            total += int(np.count_nonzero((busy | fired) & live))
            if self.forgets:
                busy = busy & ~fired
        return total

    def _arrived(self, spikes: Mapping[str, Flags], lead: tuple[int, int]) -> Flags:
        """Which neurons a spike reaches in which step."""
        found = np.zeros((*lead, *self.biased.shape), np.bool_)
        for projection in self.incoming:
            late = projection.delay.largest
            sent = spikes[projection.source][: max(0, lead[0] - late)]
            found[late:] |= arrivals(projection.operator, sent)
        return found


def updated(graph: Graph) -> dict[str, Updated]:
    """The rule of every population but the inputs.

    Raises:
        UnsupportedError: delays that differ between synapses of a projection.
    """
    return {p.name: _rule(graph, p.name) for p in graph.populations if not p.is_input}


def _rule(graph: Graph, name: str) -> Updated:
    population = graph.population(name)
    incoming = graph.incoming(name)
    biased = np.zeros(population.shape, np.bool_)
    for projection in incoming:
        if projection.delay.largest != projection.delay.smallest:
            raise UnsupportedError(
                f"projection {projection.name}: delays of their own for its synapses",
                needs="one delay, for its energy in a loss",
            )
        if projection.bias is not None:
            biased |= np.broadcast_to(projection.bias != 0, population.shape)
    return Updated(biased, incoming, _forgets(graph, name))


def _forgets(graph: Graph, name: str) -> bool:
    options, neuron = graph.discretization.of(name), graph.population(name).neuron
    to_zero = options.reset == "zero" and options.reset_time == "spike"
    return to_zero and neuron.kind in _FORGET and not np.any(neuron.parameters()["v_reset"])
