"""Losses as pure functions of tensors; methods and penalties put them together."""
