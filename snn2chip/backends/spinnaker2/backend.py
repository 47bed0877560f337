"""The SpiNNaker 2 family: what py-spinnaker2's neurons compute, for spinnaker2 and its variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from snn2chip.backends import multicast
from snn2chip.backends.base import (
    Artefacts,
    Fidelity,
    formats_of,
    require_spiking_sources,
)
from snn2chip.backends.defaults import Defaults
from snn2chip.backends.spinnaker2.arithmetic import (
    ARITHMETICS,
    MODES,
    Mode,
    Spinnaker2Arithmetic,
    arithmetic_name,
)
from snn2chip.backends.spinnaker2.artefacts import artefacts
from snn2chip.backends.spinnaker2.realise import Formats, realise, stored_weights, with_formats
from snn2chip.backends.spinnaker2.rules import violations
from snn2chip.core import Activity, Program, Violation
from snn2chip.core import Mapping as CoreMapping
from snn2chip.engine import Arithmetic
from snn2chip.errors import ConfigError
from snn2chip.graph import Graph
from snn2chip.quantize import Multiplier, StoredWeights
from snn2chip.targets.types import Target


@dataclass(frozen=True)
class Spinnaker2Backend(Defaults):
    """Weights of 8 bits (5 beside a delay), membranes in float32; the binaries are not public."""

    mode: Mode = "chip"
    weight_bits: int | None = None
    arithmetics: tuple[str, ...] = ARITHMETICS
    scale_candidates: tuple[float, ...] = (1.0, 1.15, 1.35, 1.6, 2.0)

    def realise(
        self,
        graph: Graph,
        target: Target,
        multipliers: Mapping[str, Multiplier] | None = None,
        reference: Activity | None = None,
    ) -> Program:
        """The graph in whole weights; calibration has nothing to scale."""
        require_spiking_sources(graph)
        return realise(graph, self._formats(target), arithmetic_name(self.mode), multipliers)

    def stored_weights(
        self,
        graph: Graph,
        target: Target,
        population: str,
        multiplier: Multiplier = 1.0,
        reference: Activity | None = None,
    ) -> tuple[StoredWeights, ...]:
        """What a core would hold of the weights into a population."""
        return stored_weights(graph, population, self._formats(target), multiplier)

    def with_scales(
        self,
        target: Target,
        granularity: str = "layer",
        weight_bits: int | None = None,
        fine_biases: bool = False,
    ) -> Spinnaker2Backend:
        """Narrower weights; one scale to a population.

        Raises:
            ConfigError: wider weights than the target has, or several scales.
        """
        most = formats_of(target)["weight_bits"]
        wide = weight_bits is not None and not 2 <= weight_bits <= int(most.value)
        if granularity == "layer" and not wide and not fine_biases:
            return replace(self, weight_bits=weight_bits)
        asked = "--fine-biases" if fine_biases else f"--granularity {granularity}"
        raise ConfigError(
            f"--weight-bits {weight_bits} on {target.name}"
            if wide
            else f"{asked} on {target.name}",
            needs=f"weights of 2 to {most.value} bits, with one scale for all neurons of a "
            "population, and biases as floats",
            has=most.source,
            remedy="leave the option out",
        )

    def _formats(self, target: Target) -> Formats:
        given = formats_of(target)
        own = Formats(int(given["weight_bits"].value), int(given["delayed_weight_bits"].value))
        return with_formats(own, self.weight_bits)

    def arithmetic(self, graph: Graph) -> Arithmetic:
        """Float32, or py-spinnaker2's own simulation."""
        return Spinnaker2Arithmetic(self.mode)

    def in_mode(self, mode: str) -> Spinnaker2Backend:
        """``chip`` or ``brian2``, or an arithmetic's own name."""
        found = next((m for m in MODES if mode in (m, arithmetic_name(m))), None)
        if found is None:
            raise ConfigError(
                f"--arithmetic {mode}",
                has="chip: float32; brian2: as py-spinnaker2 simulates on a computer",
                remedy="leave the option out",
            )
        return replace(self, mode=found)

    def violations(
        self,
        program: Program,
        target: Target,
        activity: Activity | None = None,
        mapping: CoreMapping | None = None,
    ) -> tuple[Violation, ...]:
        """Delays, and what routers hold of a mapping."""
        return violations(program, target, mapping)

    def fidelity(self, program: Program) -> Fidelity:
        """Nothing is proven against silicon."""
        return Fidelity(
            bit_accurate=(),
            modelled=(
                "neurons as py-spinnaker2 describes them, in float32: not proven against silicon",
                "a core sums alpha v, the constant current and the weights in this order",
                "one step of latency per synapse; a delay is counted beyond it",
                *(note for note in program.notes if "modelled" in note),
            ),
            omitted=(
                "packets that routers drop or delay; loading and extraction by a host",
                "memory of neurons, routing tables and headers of synapse rows",
            ),
        )

    def artefacts(self, program: Program, target: Target, mapping: CoreMapping) -> Artefacts:
        """A script for py-spinnaker2 and the network that it reads, and NIR for its converter."""
        made = artefacts(program)
        tables = multicast.routing(program, target, mapping)
        return replace(made, files={**made.files, multicast.ROUTING: tables})
