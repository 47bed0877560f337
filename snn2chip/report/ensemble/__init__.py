"""Ensembles in the report: members, how often each was active, and the curve."""
