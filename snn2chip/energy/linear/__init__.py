"""Dynamic energy as a linear function of spikes: what one spike of each neuron costs."""

from snn2chip.energy.linear.costs import SpikeCosts, SpikeEnergy, spike_costs

__all__ = ["SpikeCosts", "SpikeEnergy", "spike_costs"]
