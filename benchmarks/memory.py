"""Peak memory of the network of PilotNet's shape, each run in a process of its own.

python -m benchmarks.memory run|stream
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.networks import conv_network, random_spikes
from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.engine import RunOptions, simulate, stream

STEPS, SAMPLES = 32, 16
EARLY, LATE = 112, 1008
"""Samples of a stream after which its peak is read."""


@dataclass(frozen=True)
class Memory:
    """Peaks in megabytes, the network and Python's own included."""

    run: float
    early: float
    late: float

    @property
    def growth(self) -> float:
        """Of the stream's peak, from early to late."""
        return self.late / self.early


def measure_memory() -> Memory:
    """In processes of their own, so that no other run counts."""
    peaks: list[float] = []
    for what in ("run", "stream"):
        command = [sys.executable, "-m", "benchmarks.memory", what]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        peaks += [float(word) for word in said.split()]
    return Memory(*peaks)


def main(what: str) -> None:
    """Runs, and prints the peaks in megabytes."""
    program, arithmetic, options = conv_network(), LoihiArithmetic(), RunOptions(SAMPLES)
    if what == "run":
        simulate(program, random_spikes(program, STEPS, SAMPLES), arithmetic, options)
        print(peak_mb())
        return

    def batches() -> Iterator[dict[str, Any]]:
        for seed in range(LATE // SAMPLES):
            yield random_spikes(program, STEPS, SAMPLES, seed=seed)

    seen = 0
    for activity, _ in stream(program, batches(), arithmetic, options):
        seen += activity.samples
        if seen in (EARLY, LATE):
            print(peak_mb())


def peak_mb() -> float:
    """Largest resident size of this process so far."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main(sys.argv[1])
