"""Parts of populations on cores, who listens to them, and the keys of their packets.

A key is, from the top: the number of the population, the part, the neuron in it, and the lowest
four bits, which hold the time of sending. Populations are as far apart as the widest of them needs,
so that one mask covers a population, and an aligned run of parts has one key and mask. Source:
PACMAN 1!7.4.1, ``ZonedRoutingInfoAllocator``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.multicast.mesh import Chip
from snn2chip.core import Mapping as CoreMapping
from snn2chip.core import Program
from snn2chip.mapping.reach import destinations

COLOUR_BITS = 4
"""Of a key, which count steps, so that late packets are known as such."""

KEY_BITS = 32

Seat = tuple[Chip, int]
"""A chip and a core on it."""


@dataclass(frozen=True)
class Part:
    """Neurons of a population on one core.

    Attributes:
        index: among the parts of its population, in the order of their neurons.
        seat: where it is; targets: where its packets are listened to.
        key, mask: of its packets; both 0 where nobody listens.
    """

    population: str
    index: int
    first: int
    size: int
    seat: Seat
    targets: frozenset[Seat]
    key: int = 0
    mask: int = 0


def parts_of(
    program: Program,
    mapping: CoreMapping,
    seats: Mapping[int, Seat],
    always: Mapping[str, Sequence[int]] | None = None,
) -> tuple[Part, ...]:
    """Every part of a mapped program, with keys.

    Args:
        seats: of every core of the mapping.
        always: names of sources that have a core of their own, and the cores that listen to them.
    """
    found: list[Part] = []
    for population in program.populations:
        reached = destinations(program, mapping, population.name)
        for index, slice_ in enumerate(mapping.cores[population.name]):
            listening: NDArray[np.int64] = np.zeros(0, np.int64)
            if reached is not None:
                rows = np.unique(reached.row_of[slice_.first : slice_.last + 1])
                listening = reached.cores[np.unique(reached.synapses[rows].indices)]
            found.append(
                Part(
                    population.name,
                    index,
                    slice_.first,
                    slice_.last - slice_.first + 1,
                    seats[slice_.core],
                    frozenset(seats[int(core)] for core in listening),
                )
            )
    for name, cores in (always or {}).items():
        at = seats[cores[0]]
        found.append(Part(name, 0, 0, 1, at, frozenset(seats[core] for core in cores)))
    return with_keys(found)


def with_keys(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts with keys, population after population in the order in which they come."""
    groups: dict[str, list[Part]] = {}
    for part in parts:
        groups.setdefault(part.population, []).append(part)
    heard = {name: own for name, own in groups.items() if any(part.targets for part in own)}
    atoms = {name: bits(max(p.size for p in own) << COLOUR_BITS) for name, own in heard.items()}
    zone = max((atoms[name] + bits(len(own)) for name, own in heard.items()), default=0)
    numbers = {name: number for number, name in enumerate(heard)}
    return tuple(
        Part(
            part.population,
            part.index,
            part.first,
            part.size,
            part.seat,
            part.targets,
            (numbers[part.population] << zone) + (part.index << atoms[part.population]),
            mask_of(atoms[part.population]),
        )
        if part.population in heard
        else part
        for part in parts
    )


def bits(count: int) -> int:
    """Bits that number so many things."""
    return max(0, count - 1).bit_length()


def mask_of(free: int) -> int:
    """A mask whose lowest bits are free."""
    return ((1 << KEY_BITS) - 1) & ~((1 << free) - 1)
