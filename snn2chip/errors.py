"""Every error that snn2chip raises on purpose, and the exit code each one ends a command with.

::

    Snn2chipError            1   a fault of ours, if it is raised as such
    |-- ConfigError          2   usage or configuration: flags, recipes, target files
    |-- InputFileError       3   a file that is damaged, foreign or inconsistent
    |-- UnsupportedError     4   the target (or the tool) has no such thing
    |-- DoesNotFitError      5   the network is larger than the chip
    |-- DriftError           6   two stages that must agree differ
    |-- ThresholdError       7   a limit that the user set is missed
    `-- WitnessError         8   an outside engine is missing or failed

A message has up to four parts: which object, what it needs, what there is (and where that limit
comes from), and what to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class Snn2chipError(Exception):
    """Base of all errors.

    Args:
        what: the object, by its own name, and what is wrong with it.
        needs: what the object needs.
        has: what the target, file or tool offers instead, and the source of that limit.
        remedy: what the user can change.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, needs: str = "", has: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.needs = needs
        self.has = has
        self.remedy = remedy

    def __str__(self) -> str:
        parts = [self.what]
        if self.needs:
            parts.append(f"  needs:  {self.needs}")
        if self.has:
            parts.append(f"  has:    {self.has}")
        if self.remedy:
            parts.append(f"  change: {self.remedy}")
        return "\n".join(parts)


class ConfigError(Snn2chipError):
    """A flag, recipe or target file that makes no sense."""

    exit_code = 2


class InputFileError(Snn2chipError):
    """A network, checkpoint or data file that is damaged, foreign or inconsistent."""

    exit_code = 3


class UnsupportedError(Snn2chipError):
    """The target has no such neuron, operator, delay, reset or encoding."""

    exit_code = 4


class DoesNotFitError(Snn2chipError):
    """The network breaks a capacity limit of the target."""

    exit_code = 5


class DriftError(Snn2chipError):
    """Two stages that must agree differ: an export proof, a witness, a limit of drift."""

    exit_code = 6


class ThresholdError(Snn2chipError):
    """A limit set by the user (energy, latency, accuracy, cores) is missed."""

    exit_code = 7


class WitnessError(Snn2chipError):
    """An outside engine is missing or failed."""

    exit_code = 8


def combine(errors: Sequence[Snn2chipError]) -> Snn2chipError:
    """One error of the first one's class that says all of them at once."""
    if len(errors) == 1:
        return errors[0]
    text = "\n".join(str(error) for error in errors)
    return type(errors[0])(f"{len(errors)} problems\n{text}")


def counted(number: int, noun: str) -> str:
    """``1 core``, ``3 cores``."""
    return f"{number} {noun if number == 1 else noun + 's'}"


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A suggestion for a mistyped ``name``, or the list of what there is."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else "one of: " + ", ".join(sorted(known))
