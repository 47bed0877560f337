"""A target: a chip with its number formats, limits and cost tables. Frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Grade = Literal["measured", "presilicon", "regressed", "derived", "vendor", "secondary", "memory"]


@dataclass(frozen=True, slots=True)
class Constant:
    """One number of a chip with its provenance.

    Attributes:
        value: a number, a list (a range), or a table such as barrier time by tiles.
        grade: how good the evidence is.
        source: where it was published, or how it was derived.
    """

    value: Any
    grade: Grade
    source: str


@dataclass(frozen=True)
class CostTable:
    """Prices of one chip: energies in pJ, times in ns, powers in mW.

    Attributes:
        label: what the table is, printed on every report ("not a Loihi 2 measurement").
        constants: by name (``e_synop``, ``t_packet_in``, ``p_static_chip``, ...).
        unknown: names of terms that have no price; reports print them as unpriced.
    """

    name: str
    label: str
    scope: Literal["per_term", "all_in"]
    constants: Mapping[str, Constant]
    unknown: tuple[str, ...]

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


@dataclass(frozen=True)
class Mesh:
    """Tiles in a grid of columns x rows, cores numbered tile by tile.

    Attributes:
        cores_per_tile: 0 where the chip has no mesh: all cores share one tile.
    """

    columns: int
    rows: int
    cores_per_tile: int


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
