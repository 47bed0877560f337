"""Penalties: terms of the loss that any method can be combined with, one file each."""
