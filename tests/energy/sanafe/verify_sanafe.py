"""Random networks in SANA-FE and here: counts, energy and times; 0 differences.

    python -m tests.energy.sanafe.verify_sanafe [--networks 200] [--first 0]

``make verify-sanafe`` runs it. Counts must be equal, energies and ``simple`` times to 1e-9, and
every run's ``detailed`` time within 5 %. Ends with 8 where there is no SANA-FE, and with 6 at a
difference.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable

import numpy as np

from snn2chip.errors import WitnessError
from snn2chip.witness import Engine

from .engine import FAILED, sanafe_engine
from .figures import Figures, apart, differences, ours, run_here, theirs
from .networks import Case, random_case
from .networks_file import Found, run_cases

DETAILED = 0.05
"""How far the ``detailed`` time of a run may be from SANA-FE's."""

DIFFERENT = 6
_PER_RUN = 25


def problems(case: Case, found: Found) -> tuple[list[str], Figures, Figures]:
    """What differs, and both sides' figures."""
    activity, counts = run_here(case)
    mine, other = ours(activity, counts), theirs(found)
    wrong = [
        f"spikes of {name} differ"
        for name, fired in found.fired.items()
        if not np.array_equal(
            activity.populations[name].spikes.unpack().reshape(fired.shape), fired
        )
    ]
    wrong += differences(mine, other)
    if (error := run_error(mine, other)) > DETAILED:
        wrong.append(f"detailed time differs by {error:.2%}")
    return wrong, mine, other


def run_error(mine: Figures, other: Figures) -> float:
    """Relative difference of the ``detailed`` times of a whole run."""
    return abs(sum(mine.detailed_s) / sum(other.detailed_s) - 1)


def verify(engine: Engine, first: int, count: int, tell: Callable[[str], None] = print) -> int:
    """How many networks differ."""
    wrong, kinds, begun = 0, Counter[str](), time.perf_counter()
    runs: list[float] = []
    steps: list[float] = []
    for start in range(first, first + count, _PER_RUN):
        cases = [random_case(k) for k in range(start, min(start + _PER_RUN, first + count))]
        found = run_cases(engine, cases)
        for case in cases:
            said, mine, other = problems(case, found[case.name])
            kinds[case.kind] += 1
            runs.append(run_error(mine, other))
            steps.append(apart(mine.detailed_s, other.detailed_s))
            if said:
                wrong += 1
                tell(f"{case.name}: " + "; ".join(said))
        tell(f"{len(runs)} networks, {wrong} differ, {time.perf_counter() - begun:.0f} s")
    tell(", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())))
    tell(
        f"detailed time: runs differ by {np.median(runs):.2g} (median), {max(runs):.2g} (most); "
        f"steps by at most {max(steps):.2g}"
    )
    return wrong


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first network")
    chosen = parser.parse_args(arguments)
    try:
        return DIFFERENT if verify(sanafe_engine(), chosen.first, chosen.networks) else 0
    except WitnessError as error:
        print(error, file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
