"""Our side of the energy benchmark, in a process of its own: ``energy_side CASE STEPS ROUNDS``.

Prints one line of JSON. Seconds are CPU time of this process, medians over the rounds; a round
before them compiles. The peak is that of the whole process, the run included.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.energy_networks import dense_case, gesture_case, million_case, shuffled
from benchmarks.memory import peak_mb
from snn2chip.backends.reference import sanafe
from snn2chip.energy import Counts, count, price
from tests.energy.sanafe.networks import Case

CASES: dict[str, Callable[[int], Case]] = {
    "dense": dense_case,
    "gesture": gesture_case,
    "million": million_case,
}
TABLE = "sanafe_nahuku"


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Seconds by what is done, counts, times and the peak."""
    begun = time.process_time()
    activity = sanafe.run(case.program, case.inputs)
    seconds: dict[str, list[float]] = {"run": [time.process_time() - begun]}
    other = shuffled(case)

    def counted() -> Counts:
        return count(case.program, activity, case.mapping)

    counts = counted()
    calls: dict[str, Callable[[], object]] = {
        "count": counted,
        "count again": lambda: count(case.program, activity, other),
        "price": lambda: price(counts, case.target, TABLE),
        "detailed": lambda: price(counts, case.target, TABLE, timing="detailed"),
    }
    for name, call in calls.items():
        call()
        seconds[name] = [_seconds(call) for _ in range(rounds)]
    report = price(counts, case.target, TABLE)
    return {
        "seconds": {name: median(each) for name, each in seconds.items()},
        "spikes": sum(layer.spikes for layer in counts.layers),
        "events": sum(layer.synaptic_events for layer in counts.layers),
        "packets": sum(layer.packets for layer in counts.layers),
        "dynamic_j": (report.dynamic_pj or 0.0) * 1e-12,
        "simple_s": sum(report.step_ns) * 1e-9,
        "cores": counts.cores_used,
        "peak_mb": peak_mb(),
    }


def _seconds(call: Callable[[], object]) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun


if __name__ == "__main__":
    name, steps, rounds = sys.argv[1:]
    print(json.dumps(measure(CASES[name](int(steps)), int(rounds))))
