"""Random populations in sPyNNaker's firmware and in our oracle: every membrane and every spike.

    python -m tests.backends.spinnaker.verify_firmware [--neuron-steps 100000] [--seed 0]
    python -m tests.backends.spinnaker.verify_firmware --golden     writes the stored traces anew
    python -m tests.backends.spinnaker.verify_firmware --prepare    makes the environment

``make verify-firmware`` runs it. Ends with 8 where there is no sPyNNaker, and with 6 at a
difference.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from snn2chip.backends.spinnaker.loaded import MODELS, Model
from snn2chip.backends.spinnaker.witness import run_firmware, spinnaker_engine
from snn2chip.errors import WitnessError
from snn2chip.witness import Engine

from .random_networks import INPUT, NEURONS, by_oracle, random_network, random_spikes

DIFFERENT, FAILED = 6, 8
GOLDEN = Path(__file__).with_name("golden") / "firmware_7_4_1.npz"
GOLDEN_SIZE = {"neurons": 24, "sources": 12, "steps": 80, "seed": 5}
GOLDEN_RATE = 0.15

_NEURONS, _SOURCES, _STEPS, _RATE = 250, 60, 200, 0.08


def verify(
    engine: Engine, model: Model, neuron_steps: int, seed: int, tell: Callable[[str], None] = print
) -> int:
    """How many membranes and spikes differ."""
    network = random_network(model, _NEURONS, _SOURCES, _STEPS, seed)
    samples = -(-neuron_steps // (_NEURONS * _STEPS))
    fired = random_spikes(samples, network, _RATE, seed + 1)
    begun = time.perf_counter()
    theirs = run_firmware(engine, network, {INPUT: fired})
    took = time.perf_counter() - begun
    wrong, spikes = 0, 0
    for sample in range(samples):
        ours = by_oracle(network, fired[sample], theirs.shifts[NEURONS])
        wrong += int((ours.v != theirs.v[NEURONS][sample]).sum())
        wrong += int((ours.fired != theirs.fired[NEURONS][sample]).sum())
        spikes += int(ours.fired.sum())
    steps = samples * _NEURONS * _STEPS
    tell(
        f"{model}: {steps:,} neuron-steps, {spikes:,} spikes, {wrong:,} words differ "
        f"({', '.join(f'{k} {v}' for k, v in theirs.versions.items())}; {took:.1f} s)"
    )
    return wrong


def write_golden(engine: Engine) -> None:
    """Keep what the firmware recorded of a small population of each model."""
    kept = {}
    for model in MODELS:
        network = random_network(model, **GOLDEN_SIZE)
        fired = random_spikes(1, network, GOLDEN_RATE, GOLDEN_SIZE["seed"] + 1)
        theirs = run_firmware(engine, network, {INPUT: fired})
        kept[f"{model}.v"] = theirs.v[NEURONS][0].astype(np.int32)
        kept[f"{model}.fired"] = np.packbits(theirs.fired[NEURONS][0], axis=1)
        kept[f"{model}.shifts"] = np.array(theirs.shifts[NEURONS])
    np.savez_compressed(GOLDEN, **kept)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--neuron-steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--prepare", action="store_true")
    given = parser.parse_args()
    try:
        engine = spinnaker_engine(tell=lambda said: print(said, file=sys.stderr))
        if given.prepare:
            print(engine.python)
            return 0
        if given.golden:
            write_golden(engine)
            return 0
        wrong = sum(verify(engine, m, given.neuron_steps, given.seed) for m in MODELS)
    except WitnessError as error:
        print(error, file=sys.stderr)
        return FAILED
    return DIFFERENT if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
