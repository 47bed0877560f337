"""What a run costs again at other prices and on another mapping, as shares of the first run.

Prints JSON: per network, CPU seconds of the first run (read, quantized, simulated, mapped, counted
and priced, as ``simulate`` does), of another cost table, and of another mapping. Medians of three.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import snn2chip
from snn2chip.core import Mapping
from snn2chip.mapping import write_mapping

NETWORKS = ("digits-mlp", "digits-conv")
ROUNDS = 3


def measure(name: str, folder: Path) -> dict[str, Any]:
    """One bundled network on all its samples."""

    def first() -> snn2chip.Run:
        return snn2chip.simulate(name, target="loihi1", costs="sanafe_nahuku")

    run = first()
    other = folder / f"{name}.json"
    write_mapping(_turned(run.result.mapping), other)
    calls: dict[str, Callable[[], object]] = {
        "first": first,
        "table": lambda: run.price("davies2018"),
        "mapping": lambda: run.price("sanafe_nahuku", mapping=other),
    }
    found: dict[str, Any] = {"name": f"{name}, {run.result.activity.samples} samples"}
    for what, call in calls.items():
        call()
        found[what] = median(_seconds(call) for _ in range(ROUNDS))
    return found


def _turned(mapping: Mapping) -> Mapping:
    """The same cores for other populations."""
    used = np.unique(np.concatenate(list(mapping.assignment.values())))
    return Mapping(
        mapping.target,
        {
            name: np.roll(used, 1)[np.searchsorted(used, cores)].astype(np.int32)
            for name, cores in mapping.assignment.items()
        },
        mapping.places,
    )


def _seconds(call: Callable[[], object]) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        print(json.dumps([measure(name, Path(folder)) for name in NETWORKS]))
