"""An engine's Python: the user's own, or an environment that is made for it."""

from __future__ import annotations

from pathlib import Path

from snn2chip.errors import WitnessError
from snn2chip.witness.environments import Environment, Tell, find, make
from snn2chip.witness.interpreters import program
from snn2chip.witness.running import Engine


def engine_of(
    name: str,
    environment: Environment,
    given: str | Path | None = None,
    base: Path | None = None,
    tell: Tell | None = None,
) -> Engine:
    """The Python that the user gives, else that of the environment, made if need be.

    Args:
        name: of the engine, for people.
        base: an interpreter of the right version to make it from; None looks for one.

    Raises:
        WitnessError: it is not there and cannot be made.
    """
    if given:
        return Engine(name, program(given), own=False)
    try:
        return Engine(name, make(environment, base, tell), own=True)
    except WitnessError as error:
        raise WitnessError(
            f"no {name}: {error.what}", needs=error.needs, has=error.has, remedy=error.remedy
        ) from error


def engine_there(name: str, environment: Environment, given: str | Path | None) -> Engine | None:
    """As `engine_of`, without making anything."""
    if given:
        return engine_of(name, environment, given)
    python = find(environment)
    return None if python is None else Engine(name, python, own=True)
