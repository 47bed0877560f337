"""What keeps a student off chips: found before it is trained, all of it at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from snn2chip.core import Violation
from snn2chip.distill.checkpoint import CheckpointMetadata
from snn2chip.distill.on_target import graph_of_student
from snn2chip.distill.students.layers import Layer
from snn2chip.distill.students.modules import build_student
from snn2chip.errors import DoesNotFitError, Snn2chipError, UnsupportedError, combine, counted
from snn2chip.graph import Graph
from snn2chip.pipeline import Network, Options, check
from snn2chip.pipeline.results.comparing import choice_of

PAPER, LEGAL = "paper", "chip-legal"


def paper_reasons(metadata: CheckpointMetadata) -> tuple[str, ...]:
    """Why a student is one on paper: what the papers' networks have and spiking chips have not.

    Empty for a student that is made for chips.
    """
    soft = any(layer.get("reset") == "subtract" for layer in _neurons(metadata.architecture))
    relu = any(layer["kind"] == "relu" for layer in metadata.architecture)
    found = {
        "its neurons are ReLUs, which do not spike (student.neuron)": relu,
        "a spike subtracts the threshold instead of clearing the membrane (reset)": soft,
        "the input is values, not spikes (encoding 'direct')": metadata.encoding.kind == "direct",
    }
    return tuple(reason for reason, holds in found.items() if holds)


def label_of(metadata: CheckpointMetadata) -> str:
    """``paper`` or ``chip-legal``."""
    return PAPER if paper_reasons(metadata) else LEGAL


def check_targets(
    metadata: CheckpointMetadata,
    targets: Sequence[str],
    limits: bool = True,
    otherwise: str = "leave the target out of `targets`",
) -> None:
    """Refuse a student that one of the chips cannot run, or has no room for.

    The student is laid out with torch's initial weights: what a chip lacks hangs on the layers,
    not on what is trained.

    Args:
        limits: also that it has room.
        otherwise: what to do where the student is to stay as it is.

    Raises:
        UnsupportedError: neurons, an encoding or delays that a chip has not.
        DoesNotFitError: limits of a chip that it breaks; each names all of them, of all chips.
        ConfigError: no such target.
    """
    if not targets:
        return
    if any(layer["kind"] == "relu" for layer in metadata.architecture):
        raise UnsupportedError(
            "the recipe's student: its neurons are ReLUs",
            needs="neurons that spike",
            remedy=f'student.neuron = "lif", or {otherwise}',
        )
    with torch.random.fork_rng(devices=[]):
        student = build_student(metadata.architecture, metadata.discretization.dt).eval()
    graph = graph_of_student(student, metadata)
    remedy = _chip_legal(metadata)
    errors = [
        error
        for target in targets
        for error in _refusals(graph, target, remedy, otherwise)
        if limits or isinstance(error, UnsupportedError)
    ]
    if errors:
        raise combine(sorted(errors, key=lambda e: not isinstance(e, UnsupportedError)))


def _chip_legal(metadata: CheckpointMetadata) -> str:
    """What in the recipe makes a student on paper one for chips, or ""."""
    soft = any(layer.get("reset") == "subtract" for layer in _neurons(metadata.architecture))
    changes = ['student.reset = "zero"'] if soft else []
    changes += ['encoding.kind = "if"'] if metadata.encoding.kind == "direct" else []
    return " and ".join(changes) + " in the recipe" if changes else ""


def _refusals(graph: Graph, target: str, remedy: str, otherwise: str) -> Iterator[Snn2chipError]:
    choice = choice_of(target)
    options = Options(target=choice.place, costs=choice.costs)
    try:
        checked = check(Network(graph, "a student in memory"), options)
    except UnsupportedError as error:
        yield UnsupportedError(
            f"the recipe's student on {target}: {error.what}",
            needs=error.needs,
            has=error.has,
            remedy=", or ".join(filter(None, (remedy or error.remedy, otherwise))),
        )
        return
    if checked.violations:
        yield DoesNotFitError(
            f"the recipe's student breaks {counted(len(checked.violations), 'limit')} of {target}",
            has="\n".join(_line(violation) for violation in checked.violations),
            remedy="a smaller student, or leave the target out of `targets`",
        )


def _line(violation: Violation) -> str:
    return f"{violation.object}: {violation.needs} ({violation.has}; {violation.rule})"


def _neurons(layers: Sequence[Layer]) -> Iterator[Layer]:
    for layer in layers:
        yield layer["neuron"] if layer["kind"] == "residual" else layer
