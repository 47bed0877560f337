"""Mutated input files of every kind, given to commands one after the other."""
