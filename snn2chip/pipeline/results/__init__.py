"""What is made of a run: prices, limits, curves, comparisons, and runs that were saved."""
