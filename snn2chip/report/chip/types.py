"""Rows of the report by core, limit, link, chip step and price. Counts are over all samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snn2chip.energy.types import Bottleneck


@dataclass(frozen=True, slots=True)
class Load:
    """How much of one limit a core uses.

    Attributes:
        limit: name of the resource in the target's file.
        per_core: what a core has.
    """

    limit: str
    unit: str
    used: int
    per_core: int

    @property
    def share(self) -> float:
        """Used over what there is; above 1 where the limit is broken."""
        return self.used / self.per_core


@dataclass(frozen=True, slots=True)
class CoreRow:
    """One used core.

    Attributes:
        x, y: column and row of its tile, over all chips.
        layers: population -> neurons of it, inputs included.
        loads: use of each limit of a core that the target states.
        packets_out: that its neurons and inputs send; ``packets_in`` reach it.
        energy_pj: of its synaptic events, updates, and of the packets that it sends with their
            hops; None where nothing is priced.
        busy_ns: summed over steps, without barrier; None where no time is modelled.
    """

    core: int
    chip: int
    tile: int
    x: int
    y: int
    layers: Mapping[str, int]
    loads: tuple[Load, ...]
    synaptic_events: int
    neuron_updates: int
    packets_out: int
    packets_in: int
    energy_pj: float | None
    busy_ns: float | None

    @property
    def neurons(self) -> int:
        return sum(self.layers.values())

    @property
    def layer(self) -> str:
        """The layer with most neurons."""
        return max(self.layers, key=lambda name: self.layers[name])

    @property
    def utilization(self) -> float | None:
        """The fullest limit's share, or None where the target states no limit."""
        return max((load.share for load in self.loads), default=None)

    @property
    def traffic(self) -> int:
        """Packets that it sends and receives."""
        return self.packets_out + self.packets_in


@dataclass(frozen=True, slots=True)
class LayerNeed:
    """What one layer needs of a limit at the least, and the cores that this fills."""

    layer: str
    needed: int
    required_cores: int


@dataclass(frozen=True, slots=True)
class LimitRow:
    """Use of one limit of a core.

    Attributes:
        needed, required_cores: of the whole network at the least, whatever the mapping; None where
            they depend on the mapping alone.
        fullest_core, fullest_used: the core that uses most of it, None where none uses any.
        mean_used: over the cores that use any.
    """

    limit: str
    unit: str
    per_core: int
    needed: int | None
    required_cores: int | None
    fullest_core: int | None
    fullest_used: int
    mean_used: float
    layers: tuple[LayerNeed, ...]


@dataclass(frozen=True, slots=True)
class Utilization:
    """Cores that the network needs at the least, and those that it has.

    Attributes:
        required_cores: the largest of the limits' least numbers, None without such a limit.
        required_apart: the same for each layer, added up: where no core holds two layers.
        occupied_cores: of the mapping.
    """

    required_cores: int | None
    required_apart: int | None
    occupied_cores: int
    limits: tuple[LimitRow, ...]


@dataclass(frozen=True, slots=True)
class MeshInfo:
    """Tiles of one chip; ``cores_per_tile`` is 0 where it has no mesh."""

    columns: int
    rows: int
    cores_per_tile: int


@dataclass(frozen=True, slots=True)
class LinkRow:
    """Packets from one tile to its neighbour."""

    x: int
    y: int
    to_x: int
    to_y: int
    packets: int


@dataclass(frozen=True, slots=True)
class StepRow:
    """A chip step: its mean modelled time over samples, and what most samples wait for in it.

    Attributes:
        slowest: None where a step lasts a tick whatever happens in it.
    """

    step: int
    time_ns: float
    slowest: Bottleneck | None


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Modelled times of all chip steps.

    Attributes:
        barrier_ns: within each step, None where no core has a time.
        barrier_share: of the whole run.
    """

    barrier_ns: float | None
    barrier_share: float | None
    steps: tuple[StepRow, ...]


@dataclass(frozen=True, slots=True)
class Price:
    """One constant of the cost table with its provenance.

    Attributes:
        meaning: what it prices or says.
        value: a number, a range, or a look-up table.
        low, high: between which numbers the true one lies, None where the table does not say.
    """

    name: str
    meaning: str
    value: Any
    unit: str
    grade: str
    source: str
    low: float | None
    high: float | None
    range_source: str
