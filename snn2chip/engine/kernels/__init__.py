"""Kernels compiled by numba: sums over the neurons that fire, and flags as bits.

``accelerate`` alone may be imported where numba is absent; it loads the others at first use.
"""
