"""SANA-FE as a witness of counts, energies and times: run as a program of its own, never imported.

SANA-FE is GPL-3.0. It is no dependency of snn2chip; its environment is made for tests and
benchmarks only (``make sanafe``), and what goes in and comes out are files.
"""
