"""The Loihi family: Lava's fixed-point CUBA model, for loihi1, loihi2 and a user's own variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from snn2chip.backends.base import Artefacts, Fidelity, refuse_direct, require_spiking_sources
from snn2chip.backends.latency import allow_latency
from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.formats import LoihiFormats, formats_of
from snn2chip.backends.loihi.modes import CHIP, LAVA, MODES, Mode, arithmetic_name
from snn2chip.backends.loihi.netx.neurons import BIAS_EXPONENT
from snn2chip.backends.loihi.netx.writing.write import net_artefacts
from snn2chip.backends.loihi.realise import realise, stored_weights
from snn2chip.backends.loihi.realise.grids import grids
from snn2chip.backends.loihi.rules import violations
from snn2chip.core import Activity, Program, Violation
from snn2chip.core import Mapping as CoreMapping
from snn2chip.engine import Arithmetic
from snn2chip.errors import ConfigError, did_you_mean
from snn2chip.graph import Graph
from snn2chip.quantize import Grid, Multiplier, StoredWeights
from snn2chip.targets.types import Target


@dataclass(frozen=True)
class LoihiBackend:
    """Integers of Loihi 1 and 2, as a chip holds them or as Lava computes them."""

    mode: Mode = "chip"
    granularity: str = "layer"
    weight_bits: int | None = None
    fine_biases: bool = False
    arithmetics: tuple[str, ...] = (CHIP, LAVA)
    scale_candidates: tuple[float, ...] = (1.0, 0.8, 0.9, 1.15, 1.35, 1.6, 2.0)

    def realise(
        self,
        graph: Graph,
        target: Target,
        multipliers: Mapping[str, Multiplier] | None = None,
        reference: Activity | None = None,
    ) -> Program:
        """The graph in the target's integers."""
        refuse_direct(graph, target)
        require_spiking_sources(graph)
        return realise(
            graph,
            self._formats(target),
            multipliers,
            reference,
            arithmetic_name(self.mode),
            self.granularity,
            0 if self.fine_biases else BIAS_EXPONENT,
        )

    def stored_weights(
        self,
        graph: Graph,
        target: Target,
        population: str,
        multiplier: Multiplier = 1.0,
        reference: Activity | None = None,
    ) -> tuple[StoredWeights, ...]:
        """What the chip would hold of the weights into a population."""
        formats = self._formats(target)
        return stored_weights(graph, population, formats, multiplier, reference, self.granularity)

    def with_scales(
        self,
        target: Target,
        granularity: str = "layer",
        weight_bits: int | None = None,
        fine_biases: bool = False,
    ) -> LoihiBackend:
        """Other scales, narrower weights, finer biases; how wide weights may be, the target says.

        Raises:
            ConfigError: wider weights than the target has.
        """
        most = formats_of(target).weight_bits
        if weight_bits is not None and weight_bits > most:
            raise ConfigError(
                f"--weight-bits {weight_bits} on {target.name}",
                needs=f"1 to {most} bits, the sign included",
                has=f"weight_bits = {most} ({target.formats['weight_bits'].source})",
                remedy=f"--weight-bits {most}, or leave the option out",
            )
        return replace(
            self, granularity=granularity, weight_bits=weight_bits, fine_biases=fine_biases
        )

    def _formats(self, target: Target) -> LoihiFormats:
        """The target's formats with the weights that the user wants."""
        formats = formats_of(target)
        bits = formats.weight_bits if self.weight_bits is None else self.weight_bits
        return replace(formats, weight_bits=bits)

    def relax(self, graph: Graph) -> tuple[Graph, tuple[str, ...]]:
        """Cycles get the delay that their synapses take."""
        return allow_latency(graph)

    def grids(self, graph: Graph, program: Program, target: Target) -> Mapping[str, Grid]:
        """The scales of weights and biases, projection by projection."""
        return grids(graph, program, self._formats(target))

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
        return replace(self, mode=found)

    def violations(
        self,
        program: Program,
        target: Target,
        activity: Activity | None = None,
        mapping: CoreMapping | None = None,
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
                *(note for note in program.notes if "modelled" in note),
            ),
            omitted=("the embedded processors, input and output of the chip, weight loading",),
        )

    def artefacts(self, program: Program, target: Target, mapping: CoreMapping) -> Artefacts:
        """lava-dl's ``.net``, which netx loads."""
        return net_artefacts(program)
