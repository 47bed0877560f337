"""Whether a program is one path of layers, as ``.net`` files are, and that path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.errors import Snn2chipError, UnsupportedError

_SIMULATES = "nothing, unless Lava must run it: `snn2chip simulate` and `compile` take it as it is"


@dataclass(frozen=True, eq=False)
class Link:
    """One population with the synapses into it.

    Attributes:
        forward: from the population before.
        recurrent: from the population to itself, or None.
    """

    population: ProgramPopulation
    forward: ProgramProjection
    recurrent: ProgramProjection | None = None


def links(program: Program) -> tuple[Link, ...]:
    """The populations behind the input, in order; only for programs without ``branches``."""
    found: list[Link] = []
    name = program.inputs[0].name
    while True:
        onward = [p for p in program.outgoing(name) if p.target != name]
        if not onward:
            return tuple(found)
        name = onward[0].target
        loops = [p for p in program.outgoing(name) if p.target == name]
        found.append(Link(program.population(name), onward[0], loops[0] if loops else None))


def branches(program: Program) -> Iterator[Snn2chipError]:
    """Everything that is not one path from one input to the answer, by name."""
    inputs = [p.name for p in program.inputs]
    if len(inputs) > 1:
        yield _refused("inputs " + _listed(inputs), "one input")
    for population in program.populations:
        name = population.name
        targets = [p.target for p in program.outgoing(name) if p.target != name]
        sources = [p.source for p in program.incoming(name) if p.source != name]
        loops = [p for p in program.outgoing(name) if p.target == name]
        if len(targets) > 1:
            yield _refused(f"population {name!r} feeds {_listed(targets)}", "no branches")
        if len(sources) > 1:
            yield _refused(
                f"population {name!r} is fed by {_listed(sources)}",
                "no branches and no skip connections: each layer reads the one before",
            )
        if not population.is_input and not sources:
            yield _refused(f"population {name!r} is fed by nothing", "layers that read one another")
        if len(loops) > 1:
            yield _refused(f"population {name!r} has {len(loops)} recurrent projections", "one")
        if name in program.outputs and targets:
            yield _refused(
                f"output population {name!r} feeds {_listed(targets)}",
                "the last layer as its only output",
            )


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))


def _refused(what: str, has: str) -> Snn2chipError:
    return UnsupportedError(f".net: {what}", has=f"lava-dl's .net: {has}", remedy=_SIMULATES)
