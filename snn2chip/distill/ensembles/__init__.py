"""Ensembles of students: how features are split, members trained, and who answers."""
