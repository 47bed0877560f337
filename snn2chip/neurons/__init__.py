"""Discrete-time neuron models in plain numpy: pure functions, the oracle of every other engine."""

from snn2chip.neurons.discretization import OPTIONS, Discretization
from snn2chip.neurons.models import IF, LI, LIF, NEURONS, CubaLI, CubaLIF, I, Input, Neuron
from snn2chip.neurons.presets import PRESETS, from_preset
from snn2chip.neurons.step import Factors, State, factors, initial_state, step

__all__ = [
    "IF",
    "LI",
    "LIF",
    "NEURONS",
    "OPTIONS",
    "PRESETS",
    "CubaLI",
    "CubaLIF",
    "Discretization",
    "Factors",
    "I",
    "Input",
    "Neuron",
    "State",
    "factors",
    "from_preset",
    "initial_state",
    "step",
]
