"""``python -m tests.fuzz --count 2000 --seed 0``: mutated files for every command that reads one.

Ends with 1 where a case failed; ``--only INDEX`` runs one case again, ``--keep DIR`` keeps the
folders of those that failed.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: forks need one thread

import argparse
import gc
import importlib
import pkgutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import snn2chip
from tests.fuzz.campaign import Outcome, campaign, summary
from tests.fuzz.cases import Case, choose
from tests.fuzz.hostile_files import hostile_cases
from tests.fuzz.kinds import SHARES
from tests.fuzz.seeds import all_seeds

_IMPORTED = ("sklearn.datasets", "torch", "norse.torch", "onnx", "jinja2", "rich.console")
"""Imported before the first fork, with every module of the package."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the campaign and prints its figures."""
    chosen = _arguments(arguments)
    ours = [m.name for m in pkgutil.walk_packages(snn2chip.__path__, "snn2chip.")]
    for name in (*_IMPORTED, *(name for name in ours if not name.endswith("__main__"))):
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"without {name}: {error}", file=sys.stderr)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="snn2chip-fuzz-") as place:
        work = Path(place).resolve()
        seeds = all_seeds(work)
        gc.collect()
        gc.freeze()
        kinds = chosen.kinds.split(",") if chosen.kinds else list(SHARES)
        written = [case for case in hostile_cases(work / "base") if case.kind in kinds]
        numbers = [-k - 1 for k in range(0, len(written), 40 if chosen.short else 1)]
        print(f"{len(seeds)} seeds, {len(numbers)} written cases", flush=True)

        def make(index: int) -> Case:
            return written[-index - 1] if index < 0 else choose(seeds, chosen.seed, index, kinds)

        indices = chosen.only or [*numbers, *range(chosen.start, chosen.start + chosen.count)]
        outcomes: list[Outcome] = []
        for outcome in campaign(make, indices, work / "base", work, chosen.workers, chosen.keep):
            outcomes.append(outcome)
            if outcome.faults or chosen.only:
                print(outcome.line(), flush=True)
    print(summary(outcomes))
    print(f"seed {chosen.seed}, {time.perf_counter() - start:.0f} s")
    return int(any(o.faults for o in outcomes))


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="mutated files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="index of the first")
    parser.add_argument("--only", type=int, nargs="+", help="these indices only")
    parser.add_argument("--short", action="store_true", help="a part of the written cases")
    parser.add_argument("--kinds", default="", help="of " + ",".join(SHARES))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for the files of cases that failed")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
