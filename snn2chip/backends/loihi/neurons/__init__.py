"""Neuron models of Loihi, by name: one file each, its equations in the docstring."""

from snn2chip.backends.loihi.neurons import cuba, cuba_driven
from snn2chip.backends.loihi.neurons.base import NeuronModel

NEURON_MODELS: dict[str, NeuronModel] = {
    module.MODEL.name: module.MODEL for module in (cuba, cuba_driven)
}

__all__ = ["NEURON_MODELS", "NeuronModel"]
