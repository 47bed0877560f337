"""Studies: many students of one recipe, weighed against each other.

A study changes a base recipe over grids or in a search, trains and measures every setting at every
seed, and answers with Pareto fronts of accuracy against cost, hypervolumes, and claims with
intervals. Training needs torch; what a run measured is read and shown without it.
"""
