"""The Loihi family: Lava's fixed-point CUBA model, for loihi1, loihi2 and a user's own variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snn2chip.backends.base import Fidelity, require_spiking_sources
from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.formats import formats_of
from snn2chip.backends.loihi.grids import grids
from snn2chip.backends.loihi.latency import allow_latency
from snn2chip.backends.loihi.modes import CHIP, LAVA, MODES, Mode, arithmetic_name
from snn2chip.backends.loihi.realise import realise
from snn2chip.backends.loihi.rules import violations
from snn2chip.core import Activity, Program, Violation
from snn2chip.engine import Arithmetic
from snn2chip.errors import ConfigError, UnsupportedError, did_you_mean
from snn2chip.graph import Graph
from snn2chip.quantize import Grid
from snn2chip.targets.types import Target


@dataclass(frozen=True)
class LoihiBackend:
    """Integers of Loihi 1 and 2, as a chip holds them or as Lava computes them."""

    mode: Mode = "chip"
    arithmetics: tuple[str, ...] = (CHIP, LAVA)
    scale_candidates: tuple[float, ...] = (1.0, 0.8, 0.9, 1.15, 1.35, 1.6, 2.0)

    def realise(
        self,
        graph: Graph,
        target: Target,
        multipliers: Mapping[str, float] | None = None,
        reference: Activity | None = None,
    ) -> Program:
        """The graph in the target's integers."""
        if graph.encoding.kind == "direct":
            raise UnsupportedError(
                f"network {graph.name!r}: encoding 'direct' on {target.name}",
                needs="input values at every step",
                has="input spikes only, in this version",
                remedy="--encoding if (the deterministic spike encoding)",
            )
        require_spiking_sources(graph)
        return realise(
            graph, formats_of(target), multipliers, reference, arithmetic_name(self.mode)
        )

    def relax(self, graph: Graph) -> tuple[Graph, tuple[str, ...]]:
        """Cycles get the delay that their synapses take."""
        return allow_latency(graph)

    def grids(self, graph: Graph, program: Program, target: Target) -> Mapping[str, Grid]:
        """The scales of weights and biases, projection by projection."""
        return grids(graph, program, formats_of(target))

    def arithmetic(self, graph: Graph) -> Arithmetic:
        """Bit-accurate integers."""
        return LoihiArithmetic(self.mode)

    def in_mode(self, mode: str) -> LoihiBackend:
        """``chip`` or ``lava``, or an arithmetic's own name."""
        found = next((m for m in MODES if mode in (m, arithmetic_name(m))), None)
        if found is None:
            raise ConfigError(
                f"--arithmetic {mode}",
                has="chip (what silicon can hold) and lava (what Lava computes)",
                remedy=did_you_mean(mode, MODES),
            )
        return LoihiBackend(found)

    def violations(
        self, program: Program, target: Target, activity: Activity | None = None
    ) -> tuple[Violation, ...]:
        """Delays and other limits of the formats."""
        return violations(program, target, formats_of(target), activity)

    def fidelity(self, program: Program) -> Fidelity:
        """What Lava's fixed-point models fix, and what they do not."""
        return Fidelity(
            bit_accurate=(
                "spikes and states of every population, as in Lava's fixed-point models"
                + (", with Lava's own quirks" if program.arithmetic == LAVA else ""),
            ),
            modelled=(
                "one step of latency per synapse",
                "sequential placement on cores, XY routing",
                *(note for note in program.notes if "modelled" in note),
            ),
            omitted=(
                "congestion, the embedded processors, input and output of the chip, weight loading",
            ),
        )
