"""The Loihi family: Lava's fixed-point CUBA model, for loihi1, loihi2 and a user's own variants."""

from __future__ import annotations

from collections.abc import Mapping

from snn2chip.backends.base import Fidelity, require_spiking_sources
from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.formats import formats_of
from snn2chip.backends.loihi.latency import allow_latency
from snn2chip.backends.loihi.realise import realise
from snn2chip.backends.loihi.rules import violations
from snn2chip.core import Activity, Program, Violation
from snn2chip.engine import Arithmetic
from snn2chip.errors import UnsupportedError
from snn2chip.graph import Graph
from snn2chip.targets.types import Target


class LoihiBackend:
    """Integers of Loihi 1 and 2."""

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
        return realise(graph, formats_of(target), multipliers, reference)

    def relax(self, graph: Graph) -> tuple[Graph, tuple[str, ...]]:
        """Cycles get the delay that their synapses take."""
        return allow_latency(graph)

    def arithmetic(self, graph: Graph) -> Arithmetic:
        """Bit-accurate integers."""
        return LoihiArithmetic()

    def violations(self, program: Program, target: Target) -> tuple[Violation, ...]:
        """Delays and other limits of the formats."""
        return violations(program, target, formats_of(target))

    def fidelity(self, program: Program) -> Fidelity:
        """What Lava's fixed-point models fix, and what they do not."""
        return Fidelity(
            bit_accurate=(
                "spikes, u and v of every population, as in Lava's fixed-point CUBA models",
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
