"""A trained ReLU network as a spiking one: chain of layers, threshold balancing, curve over T."""
