"""Mapping: which neuron sits on which core, and the limits that this breaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Slice(NamedTuple):
    """Neurons ``first`` to ``last`` (inclusive, flattened C order) of a population on ``core``."""

    first: int
    last: int
    core: int


class Place(NamedTuple):
    """Where a core is: its tile, the tile's column and row in the mesh of all chips, its chip."""

    tile: int
    x: int
    y: int
    chip: int = 0


@dataclass(frozen=True, eq=False)
class Mapping:
    """Neurons on cores.

    Attributes:
        target: name of the chip.
        assignment: population -> core of each neuron, int32 [size] in flattened C order.
        places: core -> its place.
        notes: what it was made for and from, one sentence each.
        made: how, in a few words.
    """

    target: str
    assignment: Map[str, NDArray[np.int32]]
    places: Map[int, Place]
    notes: tuple[str, ...] = ()
    made: str = "filled in order"

    @classmethod
    def from_slices(
        cls, target: str, cores: Map[str, Sequence[Slice]], places: Map[int, Place]
    ) -> Mapping:
        """A mapping of slices that cover each population once, in any order."""
        assignment = {}
        for name, slices in cores.items():
            ordered = sorted(slices)
            numbers = np.array([part.core for part in ordered], np.int32)
            lengths = np.array([part.last - part.first + 1 for part in ordered], np.intp)
            assignment[name] = numbers.repeat(lengths)
        return cls(target, assignment, places)

    @cached_property
    def cores(self) -> dict[str, tuple[Slice, ...]]:
        """Population -> its slices in order, as few as there are."""
        return {name: _runs(numbers) for name, numbers in self.assignment.items()}

    def parts(self, name: str) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """(core, its neurons in flattened C order) of a population, by ascending core."""
        numbers = self.assignment[name]
        order = np.argsort(numbers, kind="stable")
        cores, first = np.unique(numbers[order], return_index=True)
        yield from zip(cores.tolist(), np.split(order, first[1:]), strict=True)

    @property
    def cores_used(self) -> int:
        return len(self.places)


def _runs(numbers: NDArray[np.int32]) -> tuple[Slice, ...]:
    if not numbers.size:
        return ()
    first = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    last = np.append(first[1:], numbers.size) - 1
    return tuple(map(Slice, first.tolist(), last.tolist(), numbers[first].tolist()))


@dataclass(frozen=True, slots=True)
class Violation:
    """A limit of the target that the network breaks.

    Attributes:
        rule: stable id, for example ``loihi2.neurons-per-core``.
        object: name of the population, projection or network.
        needs, has: quantities with units.
        source: where the limit comes from.
        remedy: what to change.
    """

    rule: str
    object: str
    needs: str
    has: str
    source: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule that a network may break, as documentation.

    Attributes:
        rule: the violation's id after the target's name, for example ``neurons-per-core``.
        key: what the target's file calls the limit, "" where it stands in none.
        means: what must hold, one sentence without a full stop.
        remedy: what to change where it does not.
    """

    rule: str
    key: str
    means: str
    remedy: str

    def broken(self, target: str, what: str, needs: str, has: str, source: str) -> Violation:
        """The violation of this rule by an object of a network."""
        return Violation(f"{target}.{self.rule}", what, needs, has, source, self.remedy)
