"""Lava's Python: the user's own, or a light environment without torch that is made for it.

Lava is archived and runs on Python 3.10 with numpy 1 only. Of what its packages ask for, the lock
holds what running a ``.net`` needs: some 400 MB instead of 5.6 GB, with the same results.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from snn2chip.errors import Snn2chipError
from snn2chip.witness import Engine, Environment, engine_of, find
from snn2chip.witness.environments import Tell

LAVA_PYTHON = "SNN2CHIP_LAVA_PYTHON"
"""Variable that names a Python with Lava, as ``--lava-python`` does."""

_NAME = "Lava"


def environment() -> Environment:
    """lava-nc 0.10.0 and lava-dl 0.6.0, the last releases, and what they need."""
    lock = files("snn2chip.backends.loihi.witness").joinpath("lava.lock")
    return Environment("lava", "3.10", lock.read_text("utf-8"))


def lava_engine(
    given: str | Path | None = None, base: Path | None = None, tell: Tell | None = None
) -> Engine:
    """The user's Python with Lava where one is given, else the environment, made if need be.

    Args:
        base: an interpreter of Python 3.10 to make it from; None looks for one.

    Raises:
        WitnessError: it is not there and cannot be made.
    """
    return engine_of(_NAME, environment(), given, base, tell)


def found(given: str | None) -> str | None:
    """Where a Lava lies already, for people, or None."""
    if given:
        return f"{given} ({LAVA_PYTHON})"
    try:
        python = find(environment())
    except Snn2chipError:
        return None
    return None if python is None else str(python)
