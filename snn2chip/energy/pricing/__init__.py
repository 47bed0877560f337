"""Parts of pricing: the memory formula, what figures rest on, the check of real time."""
