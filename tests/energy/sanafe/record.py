"""Keeps what SANA-FE says of a few random networks, for machines without it.

python -m tests.energy.sanafe.record      writes tests/energy/golden/sanafe.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .engine import sanafe_engine
from .figures import Figures, theirs
from .networks import random_case
from .networks_file import run_cases

GOLDEN = Path(__file__).parent.parent / "golden" / "sanafe.json"
SEEDS = range(40, 52)


def read() -> dict[int, Figures]:
    """Figures by the number of their network."""
    document = json.loads(GOLDEN.read_text("utf-8"))
    return {int(seed): Figures(**figures) for seed, figures in document["networks"].items()}


def main() -> int:
    """Runs them and writes the file."""
    cases = {seed: random_case(seed) for seed in SEEDS}
    found = run_cases(sanafe_engine(), list(cases.values()))
    networks = {str(seed): theirs(found[case.name]).as_json() for seed, case in cases.items()}
    document = {"engine": "SANA-FE 2.2.9", "networks": networks}
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(document, indent=None, separators=(",", ":")) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
