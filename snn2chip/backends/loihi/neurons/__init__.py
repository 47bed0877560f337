"""Neuron models of Loihi, by name: their equations stand in the docstring of their file."""

from snn2chip.backends.loihi.neurons import (
    cuba,
    cuba_driven,
    resetting,
    resonate,
    sigma_delta,
    ternary,
)
from snn2chip.backends.loihi.neurons.base import NeuronModel

NEURON_MODELS: dict[str, NeuronModel] = {
    model.name: model
    for model in (
        cuba.MODEL,
        cuba_driven.MODEL,
        *resetting.MODELS,
        ternary.MODEL,
        *sigma_delta.MODELS,
        *resonate.MODELS,
    )
}

__all__ = ["NEURON_MODELS", "NeuronModel"]
