"""A program as tables, for ``snn2chip info`` of a file that holds a chip's integers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from snn2chip.cli import console

if TYPE_CHECKING:
    from snn2chip.core import Program, ProgramPopulation


def sections(program: Program) -> list[str]:
    """Head, populations, projections and notes."""
    from snn2chip.graph.linear import synapses

    neurons = sum(p.size for p in program.populations if not p.is_input)
    total = sum(synapses(p.operator) for p in program.projections)
    groups = f" in {program.readout_groups} groups" if program.readout_groups else ""
    head = [
        f"{console.shown(program.name)}: {neurons:,} neurons, {total:,} synapses",
        f"arithmetic: {program.arithmetic}, integers of the file",
        f"encoding: {program.encoding.kind}; readout: {program.readout.kind} of "
        f"{console.shown(program.outputs[0])}{groups}",
    ]
    notes = [f"note: {console.shown(line)}" for line in program.notes]
    return ["\n".join(head), _populations(program), _projections(program), "\n".join(notes)]


def _populations(program: Program) -> str:
    rows = [
        (p.name, p.model, "x".join(map(str, p.shape)), p.size, ", ".join(_parameters(p)) or "-")
        for p in program.populations
    ]
    return console.table(("population", "model", "shape", "neurons", "parameters"), rows)


def _parameters(population: ProgramPopulation) -> Iterator[str]:
    """Every parameter with its value, or its range where the neurons differ."""
    for name, values in population.parameters.items():
        low, high = int(values.min()), int(values.max())
        yield f"{name} {low}" if low == high else f"{name} {low}..{high}"


def _projections(program: Program) -> str:
    from snn2chip.graph.linear import synapses
    from snn2chip.graph.operators import weights_of

    rows = []
    for p in program.projections:
        weights = weights_of(p.operator)
        exponent = int(p.parameters.get("exponent", 0))
        rows.append(
            (
                p.name,
                type(p.operator).__name__.lower(),
                synapses(p.operator),
                weights.size,
                f"{int(weights.min())}..{int(weights.max())}",
                exponent,
                p.delay.largest,
            )
        )
    head = ("projection", "operator", "synapses", "weights", "range", "exponent", "delay")
    return console.table(head, rows)
