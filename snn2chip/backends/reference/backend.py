"""The reference family: the float graph as its own target."""

from __future__ import annotations

from collections.abc import Mapping

from snn2chip.backends.base import Fidelity, require_spiking_sources
from snn2chip.backends.defaults import Defaults
from snn2chip.backends.reference.arithmetic import Float64, realise
from snn2chip.core import Activity, Program
from snn2chip.engine import Arithmetic
from snn2chip.errors import ConfigError
from snn2chip.graph import Graph
from snn2chip.quantize import Multiplier, StoredWeights
from snn2chip.targets.types import Target


class ReferenceBackend(Defaults):
    """Float64, no limits, no latencies."""

    scale_candidates: tuple[float, ...] = ()
    arithmetics: tuple[str, ...] = ("float64",)

    def realise(
        self,
        graph: Graph,
        target: Target,
        multipliers: Mapping[str, Multiplier] | None = None,
        reference: Activity | None = None,
    ) -> Program:
        """The graph in its own numbers."""
        return self.program(graph)

    def program(self, graph: Graph) -> Program:
        """The graph in its own numbers, whatever the target."""
        require_spiking_sources(graph)
        return realise(graph)

    def stored_weights(
        self,
        graph: Graph,
        target: Target,
        population: str,
        multiplier: Multiplier = 1.0,
        reference: Activity | None = None,
    ) -> tuple[StoredWeights, ...]:
        """None: the reference rounds nothing."""
        return ()

    def with_scales(
        self,
        target: Target,
        granularity: str = "layer",
        weight_bits: int | None = None,
        fine_biases: bool = False,
    ) -> ReferenceBackend:
        """Only itself."""
        if weight_bits is not None or granularity != "layer" or fine_biases:
            asked = "--fine-biases" if granularity == "layer" else f"--granularity {granularity}"
            asked = asked if weight_bits is None else "--weight-bits"
            raise ConfigError(
                f"{asked} of the float reference",
                needs="a target that stores integers",
                has="float64 weights, which have no scale",
                remedy="leave the option out, or --target loihi2",
            )
        return self

    def relax(self, graph: Graph) -> tuple[Graph, tuple[str, ...]]:
        """Nothing: the reference has no latency."""
        return graph, ()

    def arithmetic(self, graph: Graph) -> Arithmetic:
        """Float64 in the graph's discretization."""
        return Float64(graph.discretization)

    def in_mode(self, mode: str) -> ReferenceBackend:
        """Only itself."""
        if mode not in self.arithmetics:
            raise ConfigError(
                f"--arithmetic {mode}",
                needs="a target whose arithmetic has several readings",
                has="the float reference, which has one",
                remedy="leave the option out, or --target loihi2",
            )
        return self

    def fidelity(self, program: Program) -> Fidelity:
        """The graph itself."""
        return Fidelity(
            bit_accurate=("the graph in float64, in its own discretization",),
            modelled=(),
            omitted=("any chip: number formats, latencies, limits and costs",),
        )


class PricesOnly(ReferenceBackend):
    """The float reference in place of a chip of which only limits and prices are known."""

    def fidelity(self, program: Program) -> Fidelity:
        """Nothing of the chip itself."""
        return not_simulated(program)


def not_simulated(program: Program) -> Fidelity:
    """Of a chip that is priced on spikes which its own arithmetic did not make."""
    whose = "the float reference" if program.arithmetic == "float64" else program.arithmetic
    return Fidelity(
        bit_accurate=(),
        modelled=(f"spikes of {whose}, not this chip's arithmetic",),
        omitted=("the chip's neurons, number formats and latencies",),
    )
