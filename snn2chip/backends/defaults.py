"""What families of chips have in common, unless they say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from snn2chip.backends.base import Artefacts
from snn2chip.backends.latency import allow_latency
from snn2chip.core import Activity, Program, Violation
from snn2chip.core import Mapping as CoreMapping
from snn2chip.errors import ConfigError
from snn2chip.graph import Graph
from snn2chip.quantize import Grid
from snn2chip.targets.types import Target


class Defaults:
    """Methods of `Backend` for a chip of one arithmetic, whose synapses take a step."""

    arithmetics: tuple[str, ...] = ()

    def relax(self, graph: Graph) -> tuple[Graph, tuple[str, ...]]:
        """Cycles get the delay that their synapses take."""
        return allow_latency(graph)

    def grids(self, graph: Graph, program: Program, target: Target) -> Mapping[str, Grid]:
        """None: nothing is fine-tuned."""
        return {}

    def in_mode(self, mode: str) -> Self:
        """Only itself.

        Raises:
            ConfigError: another arithmetic than its one.
        """
        if mode not in (*self.arithmetics, "chip"):
            raise ConfigError(
                f"--arithmetic {mode}",
                needs="a target whose arithmetic has several readings: lava of loihi1 and loihi2, "
                "brian2 of spinnaker2",
                has=", ".join(self.arithmetics),
                remedy="leave the option out",
            )
        return self

    def violations(
        self,
        program: Program,
        target: Target,
        activity: Activity | None = None,
        mapping: CoreMapping | None = None,
    ) -> tuple[Violation, ...]:
        """None: it has no limits of its own."""
        return ()

    def artefacts(self, program: Program, target: Target, mapping: CoreMapping) -> Artefacts:
        """None."""
        return Artefacts()
