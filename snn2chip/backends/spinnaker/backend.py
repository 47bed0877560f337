"""The SpiNNaker family: the integers of sPyNNaker's firmware, for spinnaker1 and its variants."""

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
from snn2chip.backends.spinnaker.arithmetic import NAME, SpinnakerArithmetic
from snn2chip.backends.spinnaker.emit.artefacts import artefacts
from snn2chip.backends.spinnaker.realise import realise, stored_weights
from snn2chip.backends.spinnaker.rules import of_a_board, sources_of_biases, violations
from snn2chip.core import Activity, Program, Violation
from snn2chip.core import Mapping as CoreMapping
from snn2chip.engine import Arithmetic
from snn2chip.errors import ConfigError
from snn2chip.graph import Graph
from snn2chip.quantize import Multiplier, StoredWeights
from snn2chip.targets.types import Target


@dataclass(frozen=True)
class SpinnakerBackend(Defaults):
    """What cores with the binaries of sPyNNaker 1!7.4.1 compute.

    There is one scale to a population, which calibration fills the ring buffers by, and nothing to
    search: words have 16 bits.
    """

    scale_candidates: tuple[float, ...] = (1.0,)
    arithmetics: tuple[str, ...] = (NAME,)

    def realise(
        self,
        graph: Graph,
        target: Target,
        multipliers: Mapping[str, Multiplier] | None = None,
        reference: Activity | None = None,
    ) -> Program:
        """The graph in the firmware's integers."""
        formats_of(target)
        require_spiking_sources(graph)
        return realise(graph, multipliers, reference)

    def stored_weights(
        self,
        graph: Graph,
        target: Target,
        population: str,
        multiplier: Multiplier = 1.0,
        reference: Activity | None = None,
    ) -> tuple[StoredWeights, ...]:
        """What a core would hold of the weights into a population."""
        return stored_weights(graph, population, multiplier, reference)

    def with_scales(
        self,
        target: Target,
        granularity: str = "layer",
        weight_bits: int | None = None,
        fine_biases: bool = False,
    ) -> SpinnakerBackend:
        """Only itself.

        Raises:
            ConfigError: scales or weights that a ring buffer has not.
        """
        own = int(formats_of(target)["weight_bits"].value)
        if granularity == "layer" and weight_bits in (None, own) and not fine_biases:
            return self
        asked = "--fine-biases" if fine_biases else f"--granularity {granularity}"
        if weight_bits not in (None, own):
            asked = f"--weight-bits {weight_bits}"
        raise ConfigError(
            f"{asked} on {target.name}",
            needs=f"{own}-bit words with one scale for all neurons of a ring buffer",
            has=formats_of(target)["weight_bits"].source,
            remedy="leave the option out",
        )

    def arithmetic(self, graph: Graph) -> Arithmetic:
        """Bit-accurate integers."""
        return SpinnakerArithmetic()

    def violations(
        self,
        program: Program,
        target: Target,
        activity: Activity | None = None,
        mapping: CoreMapping | None = None,
    ) -> tuple[Violation, ...]:
        """Delays, what a run overflowed, and what chips and routers hold of a mapping."""
        found = violations(program, target, activity)
        return found if mapping is None else (*found, *of_a_board(program, target, mapping))

    def fidelity(self, program: Program) -> Fidelity:
        """What the binaries fix, and what a real board adds."""
        return Fidelity(
            bit_accurate=(
                "spikes and membranes of every population, as the binaries of sPyNNaker 1!7.4.1 "
                "compute them",
            ),
            modelled=(
                "one step of latency per synapse",
                "every packet arrives in the step in which it was sent",
                *(note for note in program.notes if "modelled" in note),
            ),
            omitted=("packets that real routers drop or delay; loading and extraction by a host",),
        )

    def artefacts(self, program: Program, target: Target, mapping: CoreMapping) -> Artefacts:
        """A script for sPyNNaker, and the unrolled network that it reads."""
        made = artefacts(program)
        tables = multicast.routing(program, target, mapping, sources_of_biases(program, mapping))
        return replace(made, files={**made.files, multicast.ROUTING: tables})
