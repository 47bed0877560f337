"""Fine-tuning in a chip's integers: folding, straight-through rounding, the integer program."""
