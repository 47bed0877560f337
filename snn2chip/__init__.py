"""snn2chip: from a trained spiking network to a neuromorphic chip, with energy per layer."""

__version__ = "0.1.0"
