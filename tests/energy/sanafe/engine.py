"""SANA-FE's Python: the user's own, or a small environment that is made for it.

python -m tests.energy.sanafe.engine      makes the environment and prints its Python
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from snn2chip.errors import WitnessError
from snn2chip.witness import Engine, Environment, engine_of, engine_there
from snn2chip.witness.environments import Tell

SANAFE_PYTHON = "SNN2CHIP_SANAFE_PYTHON"
"""Variable that names a Python with SANA-FE 2.2.9 and numpy."""

_NAME = "SANA-FE"
FAILED = 8


def environment() -> Environment:
    """SANA-FE 2.2.9 and numpy, for the files that go in and come out."""
    lock = Path(__file__).with_name("sanafe.lock")
    return Environment("sanafe", "3.11", lock.read_text("utf-8"))


def sanafe_engine(given: str | None = None, tell: Tell | None = None) -> Engine:
    """The Python that is named, else the environment, made where it is not there.

    Args:
        given: a Python with SANA-FE; None takes that of SNN2CHIP_SANAFE_PYTHON.

    Raises:
        WitnessError: it is not there and cannot be made.
    """
    return engine_of(_NAME, environment(), given or os.environ.get(SANAFE_PYTHON), tell=tell)


def found_engine() -> Engine | None:
    """What lies already there, without making anything."""
    return engine_there(_NAME, environment(), os.environ.get(SANAFE_PYTHON))


def main() -> int:
    """Makes the environment; 8 where that is impossible."""
    try:
        print(sanafe_engine(tell=lambda said: print(said, file=sys.stderr)).python)
    except WitnessError as error:
        print(error, file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
