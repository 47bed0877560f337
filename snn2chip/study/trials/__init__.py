"""Trials of a study: which there are, how they run, and where their results lie."""
