"""Limits of Loihi's number formats, as named rules that return violations."""

from __future__ import annotations

from collections.abc import Iterator

from snn2chip.backends.loihi.formats import LoihiFormats
from snn2chip.core import Program, ProgramProjection, Violation, chip_delay
from snn2chip.graph import Conv
from snn2chip.targets.types import Target


def violations(program: Program, target: Target, formats: LoihiFormats) -> tuple[Violation, ...]:
    """Every format limit that the program breaks."""
    found: list[Violation] = []
    for projection in program.projections:
        found.extend(_delay(program, projection, target, formats))
    return tuple(found)


def _delay(
    program: Program, projection: ProgramProjection, target: Target, formats: LoihiFormats
) -> Iterator[Violation]:
    """Synaptic delay beyond the synapse's own step: 6 bits, and none in shared kernels."""
    beyond = int(chip_delay(program, projection).max()) - 1
    source = target.formats["delay_max"].source
    if beyond > formats.delay_max:
        yield Violation(
            rule=f"{target.name}.synaptic-delay",
            object=projection.name,
            needs=f"{beyond} steps of synaptic delay",
            has=f"{formats.delay_max} steps",
            source=source,
            remedy="shorter delays, a larger dt, or a relay population in between",
        )
    if beyond > 0 and isinstance(projection.operator, Conv):
        yield Violation(
            rule=f"{target.name}.convolution-delay",
            object=projection.name,
            needs=f"{beyond} steps of synaptic delay in a convolution",
            has="none: Lava's Conv process has no delay",
            source="Lava 0.10.0, lava.proc.conv",
            remedy="a relay population in the shorter path, or a dense projection",
        )
