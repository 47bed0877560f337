"""The largest numbers that a recipe may name."""

MAX_SEED = 2**32 - 1
"""What scikit-learn's splits take."""

MAX_COUNT = 1_000_000
"""Most epochs, steps, samples of a batch and neurons of a population."""

MAX_THREADS = 1024
MAX_POPULATIONS = 64
MAX_KERNEL = 255
MAX_PENALTIES = 16
