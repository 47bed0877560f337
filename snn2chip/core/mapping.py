"""Mapping: which neuron sits on which core, and the limits that this breaks."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import NamedTuple


class Slice(NamedTuple):
    """Neurons ``first`` to ``last`` (inclusive, flattened C order) of a population on ``core``."""

    first: int
    last: int
    core: int


class Place(NamedTuple):
    """Where a core is: its tile, and the tile's column and row in the mesh."""

    tile: int
    x: int
    y: int


@dataclass(frozen=True)
class Mapping:
    """Neurons on cores.

    Attributes:
        target: name of the chip.
        cores: population -> slices that cover it once, in order.
        places: core -> its place.
    """

    target: str
    cores: Map[str, tuple[Slice, ...]]
    places: Map[int, Place]

    @property
    def cores_used(self) -> int:
        return len(self.places)


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
