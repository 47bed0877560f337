"""Makes models_0_10_0.npz: what Lava does with small networks of its other models.

Resets, ternary spikes, payloads, sparse and delayed synapses, sigma-delta and resonate-and-fire
neurons, by the same runner and from the same generator as ``make verify-lava``; see
``witness/verify_lava.py`` for the environment that Lava needs::

    python -m tests.backends.loihi.golden.make_models_golden [LAVA_PYTHON]

Its arrays are those of ``witness/specs.py``, and Lava's recordings as ``recorded/<network>/...``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from snn2chip.backends.loihi.witness import lava_engine
from tests.backends.loihi.witness.random_networks import BUILD, random_network
from tests.backends.loihi.witness.specs import write
from tests.backends.loihi.witness.verify_lava import run_in_lava

FILE = Path(__file__).with_name("models_0_10_0.npz")
EACH, STEPS, SEED = 6, 40, 11


def main(python=None):
    """Draws the networks, runs them in Lava and writes the file."""
    networks, arrays = [], {}
    for family in BUILD:
        for k in range(EACH):
            network, given = random_network(f"{family}{k}", [SEED, k], STEPS, family)
            networks.append(network)
            arrays |= given
    recorded = run_in_lava(lava_engine(python), networks, arrays)
    arrays |= {f"recorded/{key}": values for key, values in recorded.items()}
    small = {key: _narrow(values) for key, values in arrays.items()}
    write(FILE, networks, small, np.savez_compressed)
    print(f"{FILE.name}: {len(networks)} networks, {FILE.stat().st_size} bytes")


def _narrow(values):
    """Integers in as few bytes as they need."""
    kinds = (np.int8, np.int16, np.int32, np.int64)
    fits = (k for k in kinds if values.min() >= np.iinfo(k).min and values.max() <= np.iinfo(k).max)
    return values.astype(next(fits))


if __name__ == "__main__":
    main(*sys.argv[1:])
