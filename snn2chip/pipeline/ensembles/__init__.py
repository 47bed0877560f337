"""Ensembles in the chain: opening, deciding who answers, running members, counting rounds."""
