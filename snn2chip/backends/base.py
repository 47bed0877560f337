"""What a family of chips must offer, and the lazy registry that finds it.

A new chip of a known family is a TOML file. A new family is one folder here, or an installed
package with an entry point in the group ``snn2chip.backends``: ``name = "module:factory"``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, cast

from snn2chip.core import Activity, Program, Violation
from snn2chip.core import Mapping as CoreMapping
from snn2chip.engine import Arithmetic
from snn2chip.errors import (
    ConfigError,
    Snn2chipError,
    UnsupportedError,
    combine,
    did_you_mean,
)
from snn2chip.frontends.support import Support, front_ends
from snn2chip.graph import Graph
from snn2chip.quantize import Grid, Multiplier, StoredWeights
from snn2chip.targets.families import missing_formats
from snn2chip.targets.types import Constant, Target

ENTRY_POINT_GROUP = "snn2chip.backends"

_BUNDLED = {
    "reference": "snn2chip.backends.reference:backend",
    "loihi": "snn2chip.backends.loihi:backend",
    "spinnaker": "snn2chip.backends.spinnaker:backend",
    "spinnaker2": "snn2chip.backends.spinnaker2:backend",
    "none": "snn2chip.backends.reference:prices_only",
}

_READERS = {".net": "snn2chip.backends.loihi.netx:READER"}
"""Suffixes of files that hold one family's own integers."""


@dataclass(frozen=True)
class ProgramReader:
    """A front end of one family: files that are programs already.

    Attributes:
        read: a file's program.
        describe: the program's structure as a Graph, which is never run.
        support: what it takes and refuses.
        resets: the program with states that are cleared every so many steps, from an offset on.
    """

    family: str
    read: Callable[[Path], Program]
    describe: Callable[[Program], Graph]
    support: Support
    resets: Callable[[Program, int, int], Program]


@dataclass(frozen=True)
class Fidelity:
    """What a simulation reproduces bit-accurately, what it models, and what it leaves out."""

    bit_accurate: tuple[str, ...]
    modelled: tuple[str, ...]
    omitted: tuple[str, ...]


@dataclass(frozen=True)
class Artefacts:
    """What a family writes of a program for its own tools.

    Attributes:
        files: contents by name.
        manifest: entries of the compiled folder's manifest that say how to use them.
        refused: why a file that the family could write is not there, all reasons at once.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)
    refused: tuple[Snn2chipError, ...] = ()


class Backend(Protocol):
    """One family of chips."""

    @property
    def scale_candidates(self) -> tuple[float, ...]:
        """Multipliers of a population's scale that the search may try; empty for exact families."""

    def realise(
        self,
        graph: Graph,
        target: Target,
        multipliers: Mapping[str, Multiplier] | None = None,
        reference: Activity | None = None,
    ) -> Program:
        """The graph in the target's numbers; ``reference`` is its float run on calibration data.

        Raises:
            UnsupportedError: something that the chip has not, by name.
        """

    def stored_weights(
        self,
        graph: Graph,
        target: Target,
        population: str,
        multiplier: Multiplier = 1.0,
        reference: Activity | None = None,
    ) -> tuple[StoredWeights, ...]:
        """What the chip would hold of the weights into a population; none where it has no limits.

        Raises:
            UnsupportedError: something that the chip has not, by name.
        """

    def with_scales(
        self,
        target: Target,
        granularity: str = "layer",
        weight_bits: int | None = None,
        fine_biases: bool = False,
    ) -> Backend:
        """The same family with scales of another granularity, and narrower weights.

        Args:
            granularity: one of ``snn2chip.quantize.GRANULARITIES``.
            weight_bits: None for the target's own.
            fine_biases: as fine as the chip holds them, and not as its files do.

        Raises:
            ConfigError: the target has no such scales or weights.
        """

    def relax(self, graph: Graph) -> tuple[Graph, tuple[str, ...]]:
        """The graph with the delays that the chip cannot do without, and a note on each."""

    def grids(self, graph: Graph, program: Program, target: Target) -> Mapping[str, Grid]:
        """What made the integers of ``program`` out of the graph's floats, by projection.

        Empty for a family whose programs are floats.
        """

    @property
    def arithmetics(self) -> tuple[str, ...]:
        """Names of the arithmetics whose programs it runs, its default first."""

    def arithmetic(self, graph: Graph) -> Arithmetic:
        """The arithmetic that runs programs of this family."""

    def in_mode(self, mode: str) -> Backend:
        """The same family with another of its arithmetics, by its mode or its whole name.

        Raises:
            ConfigError: it has no such arithmetic.
        """

    def violations(
        self,
        program: Program,
        target: Target,
        activity: Activity | None = None,
        mapping: CoreMapping | None = None,
    ) -> tuple[Violation, ...]:
        """Limits of the family that the program breaks, or broke in a run, all at once.

        Args:
            mapping: where its neurons are, for limits of the family's own that depend on it.
        """

    def fidelity(self, program: Program) -> Fidelity:
        """What a simulation of ``program`` reproduces."""

    def artefacts(self, program: Program, target: Target, mapping: CoreMapping) -> Artefacts:
        """Files of the program for the family's own tools."""


def find_backend(family: str) -> Backend:
    """The back end of a family.

    Raises:
        ConfigError: no such family.
    """
    installed = {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}
    known = {**installed, **_BUNDLED}
    if family not in known:
        raise ConfigError(
            f"no back end for the family {family!r}",
            has="families: " + ", ".join(sorted(known)),
            remedy=did_you_mean(family, list(known)),
        )
    module, _, attribute = known[family].partition(":")
    factory = cast("Callable[[], Backend]", getattr(import_module(module), attribute))
    return factory()


def find_reader(path: Path) -> ProgramReader | None:
    """What reads a file of one family's own integers; None for all other files."""
    return _reader(_READERS[path.suffix]) if path.suffix in _READERS else None


def all_front_ends() -> tuple[Support, ...]:
    """What every front end takes and refuses, those of the back ends too."""
    return (*front_ends(), *(_reader(place).support for place in _READERS.values()))


def _reader(place: str) -> ProgramReader:
    module, _, attribute = place.partition(":")
    return cast("ProgramReader", getattr(import_module(module), attribute))


def formats_of(target: Target) -> Mapping[str, Constant]:
    """The number formats that the target's family computes with.

    Raises:
        ConfigError: some are missing in its file; all of them are named.
    """
    missing = missing_formats(target.family, target.formats)
    if missing:
        raise ConfigError(
            f"target {target.name!r}: no {', '.join(missing)} in [formats]",
            needs=f"the number formats of the family {target.family!r}",
            remedy='add them, as targets of this family have them, or family = "none"',
        )
    return target.formats


def refuse_direct(graph: Graph, target: Target) -> None:
    """Refuse input values: chips take spikes, in this version.

    Raises:
        UnsupportedError: the encoding is ``direct``.
    """
    if graph.encoding.kind == "direct":
        raise UnsupportedError(
            f"network {graph.name!r}: encoding 'direct' on {target.name}",
            needs="input values at every step",
            has="input spikes only, in this version",
            remedy='--encoding if, or encoding.kind = "if" in the recipe that trains it',
        )


def require_spiking_sources(graph: Graph) -> None:
    """Refuse populations that send their membrane to others: the engine carries spikes only.

    Raises:
        UnsupportedError: names each such population.
    """
    senders = {p.source: p.target for p in graph.projections}
    errors = [
        UnsupportedError(
            f"population {p.name!r}: {p.neuron.kind} neurons that feed {senders[p.name]!r}",
            needs="membrane values sent at every step",
            has="spikes between populations; a readout is the last population",
            remedy="spiking neurons (LIF, CubaLIF) in its place, or its weights joined to the next",
        )
        for p in graph.populations
        if p.name in senders and not p.is_input and not p.neuron.spiking
    ]
    if errors:
        raise combine(errors)
