"""A target: a chip with its number formats, limits and cost tables. Frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Grade = Literal[
    "measured", "presilicon", "regressed", "derived", "vendor", "secondary", "memory", "assumed"
]
Bound = Literal["low", "high"]
Scope = Literal["per_term", "all_in"]
Formula = Literal["events", "memory"]
Work = Literal["overlapping", "serial"]


@dataclass(frozen=True, slots=True)
class Constant:
    """One number of a chip with its provenance.

    Attributes:
        value: a number, a list (a range), or a table such as barrier time by tiles.
        grade: how good the evidence is.
        source: where it was published, or how it was derived.
        low, high: between which numbers the true one lies, as far as is known; both or none.
        range_source: where these come from; "" without them.
    """

    value: Any
    grade: Grade
    source: str
    low: float | None = None
    high: float | None = None
    range_source: str = ""

    def at(self, bound: Bound) -> Constant:
        """The constant with its value at one end of its range; itself where it has none."""
        end = self.low if bound == "low" else self.high
        return self if end is None else replace(self, value=end)


@dataclass(frozen=True)
class CostTable:
    """Prices of one chip: energies in pJ, times in ns, powers in mW.

    Attributes:
        label: what the table is, printed on every report ("not a Loihi 2 measurement").
        scope: ``per_term`` for marginal prices of single events; ``all_in`` for the power of a
            whole chip over its event rate, to which nothing may be added.
        constants: by name (``e_synop``, ``t_packet_in``, ``p_static_chip``, ...).
        unknown: names of terms that have no price; reports print them as unpriced.
        included: names of terms whose energy or time lies within another price of the table.
        formula: ``events`` prices events; ``memory`` counts operations and memory accesses
            (``snn2chip.energy.memory``).
        work: whether a core sends and receives at once (``overlapping``) or one after the other.
    """

    name: str
    label: str
    scope: Scope
    constants: Mapping[str, Constant]
    unknown: tuple[str, ...]
    included: tuple[str, ...] = ()
    formula: Formula = "events"
    work: Work = "overlapping"

    def value(self, name: str) -> float | None:
        """The number called ``name``, or None where the table has none."""
        constant = self.constants.get(name)
        return None if constant is None else float(constant.value)

    def lookup(self, name: str) -> dict[int, float] | None:
        """The look-up table called ``name`` with ascending keys, or None where there is none."""
        constant = self.constants.get(name)
        if constant is None:
            return None
        return {key: float(constant.value[key]) for key in sorted(constant.value)}

    @property
    def has_ranges(self) -> bool:
        """Whether any constant states between which numbers it lies."""
        return any(constant.low is not None for constant in self.constants.values())

    def at(self, bound: Bound) -> CostTable:
        """The table with every constant at one end of its range."""
        moved = {name: constant.at(bound) for name, constant in self.constants.items()}
        return replace(self, constants=moved)


@dataclass(frozen=True)
class Mesh:
    """Tiles in a grid of columns x rows, cores numbered tile by tile.

    Attributes:
        cores_per_tile: 0 where the chip has no mesh: all cores share one tile.
        multicast: routers copy a packet on its way to several cores.
    """

    columns: int
    rows: int
    cores_per_tile: int
    multicast: bool = False


@dataclass(frozen=True)
class Target:
    """A chip that programs are made for.

    Attributes:
        name: of the file, for example ``loihi2``.
        title: of the chip, for people.
        family: the back end that knows its arithmetic (``loihi``, ``spinnaker``, ``reference``,
            ``none``).
        resources: limits (``cores``, ``neurons_per_core``, ``synaptic_words_per_core``, ...).
        formats: number formats (``weight_bits``, ``threshold_bits``, ...).
        costs: cost tables by name.
        default_costs: name of the table that is taken unless another is named; "" without costs.
        sha256: of the file, so that a report can be traced to it.
        node: the process it is made in.
        unknown: limits and formats of which no public number is known.
    """

    name: str
    title: str
    family: str
    resources: Mapping[str, Constant]
    formats: Mapping[str, Constant]
    mesh: Mesh
    costs: Mapping[str, CostTable]
    default_costs: str
    sha256: str
    node: str = ""
    unknown: tuple[str, ...] = ()

    def limit(self, name: str) -> int | None:
        """The resource called ``name``, or None where none is known."""
        constant = self.resources.get(name)
        return None if constant is None else int(constant.value)
