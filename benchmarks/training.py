"""Seconds of a training: the MNIST perceptron, 784-256-10 with T = 8 and 12 epochs.

    SNN2CHIP_DATA=FOLDER python -m benchmarks.training [--seeds 3]

The recipe is ``recipes/mnist/mlp.toml``. Its samples are read from ``mnist.npz`` in the folder;
without it nothing is measured, which is said. Time is that of the epochs with the judgement after
each, as a card has it. Ends with 7 where a training takes longer than `MOST_SECONDS`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.limits import machine
from snn2chip.distill import fit, read_recipe
from snn2chip.distill.run import load_samples
from snn2chip.errors import ConfigError

MISSED = 7
MOST_SECONDS = 30.0
RECIPE = Path(__file__).parents[1] / "recipes" / "mnist" / "mlp.toml"


def main() -> int:
    """Print the seconds of every seed; 7 where one takes too long."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    recipe = read_recipe(RECIPE)
    try:
        split = load_samples(recipe)
    except ConfigError as error:
        print(f"training: no samples of {recipe.data.name} ({error}): nothing measured")
        return 0
    print(machine())
    worst = 0.0
    for seed in range(seeds):
        seeded = replace(recipe, training=replace(recipe.training, seed=seed))
        made = fit(seeded, split.x_train, split.y_train)
        print(f"seed {seed}: {made.seconds:.1f} s, validation {made.validation:.2%}", flush=True)
        worst = max(worst, made.seconds)
    print(f"slowest {worst:.1f} s (at most {MOST_SECONDS:.0f})")
    return MISSED if worst > MOST_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
