"""Random networks in Lava and here: spikes and states at every step, 0 mismatches.

    python -m tests.backends.loihi.witness.verify_lava [--lava-python lava-env/bin/python]
        [--networks 200] [--seed 0]

``make verify-lava`` runs it. Without ``--lava-python`` the interpreter is that of the environment
variable SNN2CHIP_LAVA_PYTHON, else of the environment that ``snn2chip verify --prepare`` makes.
Ends with 8 where there is none, and with 6 at a mismatch.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.witness import LAVA_PYTHON, lava_engine, run_net
from snn2chip.engine import RunOptions, simulate
from snn2chip.errors import WitnessError
from snn2chip.witness import run_script

from .random_networks import random_network
from .specs import given_input, image, program, write

RUNNER = Path(__file__).with_name("run_lava.py")
RUN_NET = Path(sys.modules[run_net.__module__].__file__).with_name("run_net.py")
SECONDS_PER_RUN, SECONDS_PER_NETWORK = 60, 4
PER_RUN = 50
"""Networks of one interpreter, whose imports take as long as a few of them."""


def run_in_lava(engine, networks, arrays):
    """What Lava recorded, by ``<network>/<population>.<state>``.

    Raises:
        WitnessError: with the end of what Lava printed.
    """
    limit = SECONDS_PER_RUN + SECONDS_PER_NETWORK * len(networks)
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "networks.npz", Path(folder) / "recordings.npz"
        write(given, networks, arrays)
        words = [str(given), str(found), str(RUN_NET)]
        try:
            run_script(engine, RUNNER, words, limit)
        except WitnessError as error:
            if "no end after" not in error.what:
                raise
            # Rarely Lava's processes wait for each other for ever; the same networks then run well.
            print(f"{error.what}: once more", flush=True)
            run_script(engine, RUNNER, words, limit)
        return read_recordings(found)


def read_recordings(path):
    """Arrays by name."""
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def run_here(network, arrays):
    """The same, of the engine in Lava's arithmetic."""
    made, name = program(network, arrays), network["name"]
    options = RunOptions(trace=True, trace_state=True)
    spikes = {"in": given_input(network, arrays)[:, np.newaxis]}
    _, trace = simulate(made, spikes, LoihiArithmetic("lava"), options)
    found = {}
    for p in made.populations[1:]:
        for key, values in trace.arrays.items():
            if key == p.name or key.startswith(f"{p.name}."):
                state = key.partition(".")[2] or "spikes"
                found[f"{name}/{p.name}.{state}"] = values[0]
    return found


def mismatches(network, arrays, recordings):
    """Recordings that differ, each with its first step."""
    prefix = f"{network['name']}/"
    expected = {k: image(v) for k, v in recordings.items() if k.startswith(prefix)}
    found = run_here(network, arrays)
    if found.keys() != expected.keys():
        return [f"recordings {sorted(found.keys() ^ expected.keys())}"]
    return [
        f"{key} from step {int(np.argwhere(found[key] != values)[0][0]) + 1}"
        for key, values in expected.items()
        if not np.array_equal(found[key], values)
    ]


def batches(count, seed):
    """(networks, arrays) of each run of Lava."""
    for first in range(0, count, PER_RUN):
        numbers = range(first, min(first + PER_RUN, count))
        made = [random_network(f"n{k}", [seed, k]) for k in numbers]
        yield [n for n, _ in made], {key: v for _, arrays in made for key, v in arrays.items()}


def verify(engine, count, seed, tell=print):
    """Names of networks that differ."""
    wrong, models, values, done, begun = [], Counter(), 0, 0, time.perf_counter()
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        runs = [(*b, pool.submit(run_in_lava, engine, *b)) for b in batches(count, seed)]
        for networks, arrays, future in runs:
            recordings = future.result()
            for network in networks:
                found = mismatches(network, arrays, recordings)
                models.update(p["model"] for p in network["populations"].values())
                models.update(p["kind"] for p in network["projections"])
                if found:
                    wrong.append(network["name"])
                    tell(f"{network['name']} (--seed {seed}): " + "; ".join(found))
            values += sum(array.size for array in recordings.values())
            done += len(networks)
            tell(
                f"{done} networks, {values:,} values, {len(wrong)} mismatches, "
                f"{time.perf_counter() - begun:.0f} s"
            )
    tell(", ".join(f"{count} {model}" for model, count in sorted(models.items())))
    return wrong


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lava-python", default="")
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    try:
        engine = lava_engine(chosen.lava_python or os.environ.get(LAVA_PYTHON), tell=print)
        wrong = verify(engine, chosen.networks, chosen.seed)
    except WitnessError as error:
        print(error, file=sys.stderr)
        return 8
    return 6 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
