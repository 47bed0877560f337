"""What a comparison with an outside engine found, population by population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Difference(Protocol):
    """A value that differs; its text names both values and where they are."""

    @property
    def step(self) -> int: ...

    @property
    def sample(self) -> int: ...


@dataclass(frozen=True)
class Compared:
    """One population.

    Attributes:
        layer: what it is called in the engine.
        against: what of ours was compared: a file, or the compiled program.
        states: what was compared of it.
        missing: what we computed and the engine's side did not record.
        values: how many values, over all states, samples and steps.
        spikes: how many of the engine's spikes among them are not 0.
        first: the first value that differs, by step, then sample.
    """

    population: str
    layer: str
    against: str
    states: tuple[str, ...]
    missing: tuple[str, ...]
    values: int
    spikes: int
    mismatches: int
    first: Difference | None
