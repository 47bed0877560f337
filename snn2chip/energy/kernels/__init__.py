"""Loops that numba compiles where it is installed; without it they run as plain Python, equally."""
