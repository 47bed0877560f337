"""What must hold for every Graph, checked all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import prod

import numpy as np

from snn2chip.errors import InputFileError
from snn2chip.graph.operators import Array, Dense, weights_of
from snn2chip.graph.order import components, is_cyclic, is_instant
from snn2chip.graph.types import Graph, Population, Projection
from snn2chip.neurons import Discretization


def validate(graph: Graph) -> None:
    """Raises InputFileError that lists every problem of a graph; returns if there is none.

    1. Populations: names that are words and differ; an input at least; parameters that are finite,
       of the population's shape, with positive time constants for which Euler steps do not diverge.
    2. Projections: from a population to one that is no input; operator, bias and delay of the
       shapes of both; finite numbers; delays of at least 0.
    3. Order: inputs first, and no projection without delay from a population that runs later;
       every cycle has a step of delay.
    4. Outputs: at least one, each a population that is no input; spikes are counted only of
       populations that spike; as many classes as output neurons, or none.
    """
    found = [*_populations(graph), *_projections(graph), *_order(graph), *_outputs(graph)]
    if found:
        lines = "".join(f"\n  - {problem}" for problem in found)
        count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
        raise InputFileError(
            f"network {graph.name!r} is inconsistent: {count}{lines}",
            remedy="correct the file, or export the network again",
        )


def _populations(graph: Graph) -> Iterator[str]:
    counts = Counter(p.name for p in graph.populations)
    for name, count in counts.items():
        if count > 1:
            yield f"{count} populations are called {name!r}"
        if not name:
            yield "a population has no name"
    if not graph.inputs:
        yield "there is no input population"
    for population in graph.populations:
        if not population.shape or min(population.shape) < 1:
            yield f"population {population.name!r}: shape {population.shape}"
        yield from _parameters(population, graph.discretization.of(population.name))
    for name in sorted({owner for owner, _, _ in graph.discretization.exceptions} - counts.keys()):
        yield f"an exception of the discretization names {name!r}, which is no population"


def _parameters(population: Population, d: Discretization) -> Iterator[str]:
    where = f"population {population.name!r}"
    for name, value in population.neuron.parameters().items():
        if value.shape != population.shape:
            yield f"{where}: {name} has shape {value.shape}, the population {population.shape}"
        elif not _finite(value):
            yield f"{where}: {name} holds values that are not finite"
        elif name.startswith("tau") and not (value > 0).all():
            yield f"{where}: {name} is {value.min()} where time constants are positive"
        elif name.startswith("tau") and d.integrator == "euler" and d.dt / 2 > value.min():
            yield (
                f"{where}: dt {d.dt:g} is longer than twice {name} {value.min():g}, where Euler "
                "steps diverge; take a shorter dt, in the unit of the file's time constants"
            )


def _projections(graph: Graph) -> Iterator[str]:
    known = {p.name: p for p in graph.populations}
    for projection in graph.projections:
        where = f"projection {projection.name}"
        missing = [n for n in (projection.source, projection.target) if n not in known]
        if missing:
            yield f"{where}: there is no population {' nor '.join(map(repr, missing))}"
            continue
        if known[projection.target].is_input:
            yield f"{where}: nothing can feed an input"
        yield from _shapes(projection, known[projection.source], known[projection.target], where)
        yield from _numbers(projection, where)


def _shapes(
    projection: Projection, source: Population, target: Population, where: str
) -> Iterator[str]:
    operator = projection.operator
    if operator.source_shape != source.shape:
        yield f"{where}: takes {operator.source_shape}, {source.name!r} has {source.shape}"
    if operator.target_shape != target.shape:
        yield f"{where}: gives {operator.target_shape}, {target.name!r} has {target.shape}"
    if projection.bias is not None and projection.bias.shape != operator.target_shape:
        yield f"{where}: bias of shape {projection.bias.shape} for {operator.target_shape}"
    shapes = {
        "all": (),
        "source": operator.source_shape,
        "target": operator.target_shape,
        "synapse": (prod(operator.target_shape), prod(operator.source_shape)),
    }
    axis, steps = projection.delay.axis, projection.delay.steps
    if axis not in shapes:
        yield f"{where}: delay per {axis!r}"
    elif steps.shape != shapes[axis]:
        yield f"{where}: delay per {axis} of shape {steps.shape}, not {shapes[axis]}"
    if axis == "synapse" and not isinstance(operator, Dense):
        yield f"{where}: delays per synapse need a dense operator"


def _numbers(projection: Projection, where: str) -> Iterator[str]:
    if not _finite(weights_of(projection.operator)):
        yield f"{where}: weights that are not finite"
    if projection.bias is not None and not _finite(projection.bias):
        yield f"{where}: a bias that is not finite"
    steps = projection.delay.steps
    if steps.dtype.kind not in "iu":
        yield f"{where}: delays of type {steps.dtype}, not whole numbers"
    elif steps.size and projection.delay.smallest < 0:
        yield f"{where}: a delay of {projection.delay.smallest} steps"


def _finite(array: Array) -> bool:
    """Without a mask of the array's size: a NaN among the values is their least and largest."""
    return not array.size or bool(np.isfinite(array.min()) and np.isfinite(array.max()))


def _order(graph: Graph) -> Iterator[str]:
    names = list(dict.fromkeys(p.name for p in graph.populations))
    place = {name: k for k, name in enumerate(names)}
    edges = [
        (p.source, p.target)
        for p in graph.projections
        if p.source in place
        and p.target in place
        and is_instant(p, graph.population(p.source), graph.discretization)
    ]
    cyclic: set[str] = set()
    for component in components(names, edges):
        if is_cyclic(component, edges):
            cyclic.update(component)
            yield f"populations {', '.join(component)} form a cycle without delay"
    for source, target in dict.fromkeys(edges):
        if place[source] > place[target] and not {source, target} <= cyclic:
            yield f"population {source!r} comes after {target!r}, which it feeds without delay"
    first = next((k for k, p in enumerate(graph.populations) if not p.is_input), None)
    if first is not None and any(p.is_input for p in graph.populations[first:]):
        yield "inputs do not come first"


def _outputs(graph: Graph) -> Iterator[str]:
    known = {p.name: p for p in graph.populations}
    if not graph.outputs:
        yield "there is no output"
    for name in graph.outputs:
        if name not in known:
            yield f"output {name!r} is no population"
        elif known[name].is_input:
            yield f"output {name!r} is an input"
    if len(set(graph.outputs)) < len(graph.outputs):
        yield "an output is named twice"
    answer = known.get(graph.outputs[0]) if graph.outputs else None
    if answer is None:
        return
    if graph.readout.kind == "spike_count" and not answer.neuron.spiking:
        yield f"readout spike_count of {answer.name!r}, a {answer.neuron.kind} that never spikes"
    if len(graph.classes) not in (0, answer.size):
        yield f"{len(graph.classes)} classes for {answer.size} neurons of {answer.name!r}"
