"""Layers on a device of PyTorch: the same integers, by products that are exact there."""
