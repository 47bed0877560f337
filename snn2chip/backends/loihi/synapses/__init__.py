"""Synapse models of Loihi, by name: one file each, its equations in the docstring."""

from snn2chip.backends.loihi.synapses import graded, spikes, writes
from snn2chip.backends.loihi.synapses.base import SynapseModel

SYNAPSE_MODELS: dict[str, SynapseModel] = {
    module.MODEL.name: module.MODEL for module in (spikes, graded, writes)
}

__all__ = ["SYNAPSE_MODELS", "SynapseModel"]
