"""Energy of a spiking network on plain logic and its memories: operations, accesses, addressing.

With m(n) the price of one access to a memory of n words, theta the spikes of all steps, per
projection with S synaptic events from a population of N_in neurons that fire theta_in times::

    operations   S add                      weights     S m(weights stored)
    potentials   2 S m(N)                   input       theta_in m(N_in)
    addressing   S add, of convolutions + 2 theta_in (mul + add)

and per population of N neurons, U neuron-steps, theta_out spikes::

    bias   U (add + m(biases))              leak        U (mul + add), of neurons that leak
    potentials   2 U m(N)                   reset, output  theta_out (add + m(N))

Synaptic events are those that happen: at borders and with strides fewer than kernel x channels,
which the source takes. A second state (CubaLIF's current) leaks and is read and written per step
as the first. Source: Lemaire 2022, arXiv 2210.13107, equations 1 to 17.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snn2chip.energy.types import InputCounts, LayerCounts, LayerEnergy
from snn2chip.targets.types import CostTable

ASSUMPTIONS = (
    "one processor with a memory for each layer's weights, potentials and spikes; an access to a "
    "word costs a 64-bit access to an SRAM of the memory's size, linear between published sizes "
    "and beyond the largest",
    "column packet: reading and writing spikes, and addressing; nothing travels over a mesh",
)

_STATES = {"CubaLIF": 2, "CubaLI": 2}
_NO_LEAK = ("IF", "I")
_ACCESS_PAIR = 2
_ADDRESS_PRODUCTS = 2
"""Multiply-accumulates that turn an input's address into a position in a convolution."""


@dataclass(frozen=True)
class _Prices:
    """Prices in pJ of one operation, and of one access by size."""

    add: float
    mul: float
    word_bytes: float
    sram: dict[int, float]

    @property
    def mac(self) -> float:
        return self.mul + self.add

    def access(self, words: int) -> float:
        """An access to a memory of so many words: linear between the sizes, and beyond them."""
        sizes = np.array(list(self.sram), np.float64)
        prices = np.array(list(self.sram.values()))
        size = words * self.word_bytes
        if size <= sizes[-1] or len(sizes) == 1:
            return float(np.interp(size, sizes, prices))
        slope = (prices[-1] - prices[-2]) / (sizes[-1] - sizes[-2])
        return float(prices[-1] + slope * (size - sizes[-1]))


def layer_energy(layer: LayerCounts, table: CostTable) -> LayerEnergy:
    """Energy of a population with its incoming projections; hops have none.

    The column ``synapse`` holds operations, weights and potentials of synaptic events, ``neuron``
    what happens per neuron and step, ``packet`` spikes read and written, and addressing.
    """
    prices = _Prices(
        add=table.value("e_add_int32") or 0.0,
        mul=table.value("e_mul_int32") or 0.0,
        word_bytes=(table.value("memory_word_bits") or 0.0) / 8,
        sram=table.lookup("e_sram64b_by_bytes") or {},
    )
    states = _STATES.get(layer.kind, 1)
    potential = prices.access(layer.neurons * states)
    synapse = sum(_synapses(source, potential, prices) for source in layer.inputs)
    packet = sum(_spikes(source, prices) for source in layer.inputs)
    neuron = 0.0
    if layer.neuron_steps:
        leaks = 0 if layer.kind in _NO_LEAK else states
        step = prices.add + leaks * prices.mac + _ACCESS_PAIR * states * potential
        step += prices.access(layer.biases) if layer.biases else 0.0
        neuron = layer.neuron_steps * step + layer.spikes * prices.add
        packet += layer.spikes * prices.access(layer.neurons)
    return LayerEnergy(synapse, neuron, packet, None, synapse + neuron + packet)


def _synapses(source: InputCounts, potential: float, prices: _Prices) -> float:
    each = prices.add + prices.access(source.weights) + _ACCESS_PAIR * potential
    return source.synaptic_events * each


def _spikes(source: InputCounts, prices: _Prices) -> float:
    addressing = source.synaptic_events * prices.add
    if source.kind == "conv":
        addressing += source.spikes * _ADDRESS_PRODUCTS * prices.mac
    return source.spikes * prices.access(source.neurons) + addressing
