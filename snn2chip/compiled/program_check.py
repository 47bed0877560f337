"""What must hold for every program that was read from a file, before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from math import isfinite
from typing import Any

import numpy as np

from snn2chip.core import Program, ProgramPopulation, ProgramProjection, chip_delay
from snn2chip.graph.operators import Array, Conv, Dense, weights_of
from snn2chip.graph.order import components, is_cyclic
from snn2chip.neurons import NEURONS

MOST_STEPS = 1 << 20
"""Largest delay and latency, in steps: the engine holds one value per step and neuron."""

_MOST_WEIGHT_BITS = 64
_MOST_SHIFT = 62
"""Largest shift of a synaptic sum: a shift by more leaves no bit of 64, and one by a number of a
file takes as many bits of memory."""
_LATE, _STARTS = "late_bias", "late_bias_starts"

_LOIHI = ({"cuba": {"du", "dv", "vth", "bias_mant", "bias_exp", "v0"}}, {"spikes": {"exponent"}})

_CHIPS = {"loihi-chip": _LOIHI, "loihi-lava": _LOIHI}
"""Integer arithmetics: parameters of each model of neurons, and of synapses.

A program of an arithmetic that is not known here is checked for its shapes only.
"""

_FLOAT, _BIASES = "float64", {"bias", _LATE, _STARTS}


def check_program(program: Program) -> None:
    """Refuses what the engine could not run.

    Raises:
        ValueError: with the first part that is of a wrong type, or does not fit the others.
    """
    problem = next(_problems(program), None)
    if problem is not None:
        raise ValueError(problem)


def _problems(program: Program) -> Iterator[str]:
    for population in program.populations:
        yield from _population(population)
    yield from _names(program)
    yield from _encoding(program)
    for projection in program.projections:
        yield from _projection(program, projection)
    if not program.projections:
        yield "no projection"
    if program.arithmetic in _CHIPS:
        yield from _chip(program)
    elif program.arithmetic == _FLOAT:
        yield from _float(program)
    edges = {(p.source, p.target) for p in program.projections if p.delay.smallest == 0}
    for component in components([p.name for p in program.populations], edges):
        if is_cyclic(component, edges):
            yield f"populations {', '.join(component)} form a cycle without delay"


def _names(program: Program) -> Iterator[str]:
    names = {p.name for p in program.populations}
    if len(names) != len(program.populations) or not program.outputs:
        yield "populations of one name, or no output"
    inputs = {p.name for p in program.inputs}
    if not inputs:
        yield "no input"
    for name in program.outputs:
        if name not in names or name in inputs:
            yield f"output {name!r} is no population that answers"
    if not all(isinstance(text, str) for text in (*program.classes, *program.notes)):
        yield "classes or notes that are no text"
    size = program.population(program.outputs[0]).size
    if len(program.classes) not in (0, size):
        yield f"{len(program.classes)} classes for {size} output neurons"


def _encoding(program: Program) -> Iterator[str]:
    encoding = program.encoding
    if encoding.steps is not None and not _whole(encoding.steps, 1, MOST_STEPS):
        yield f"encoding: {encoding.steps!r} steps"
    for name in ("threshold", "gain", "byte_scale"):
        value: Any = getattr(encoding, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            yield f"encoding: {name} is {value!r}"


def _population(population: ProgramPopulation) -> Iterator[str]:
    texts = (population.name, population.model, population.kind)
    if not all(isinstance(text, str) and text for text in texts):
        yield f"a population called {population.name!r} of model {population.model!r}"
    where = f"population {population.name!r}"
    if not population.shape or not all(_whole(n, 1, 2**31 - 1) for n in population.shape):
        yield f"{where}: shape {population.shape}"
    if not isinstance(population.spiking, bool):
        yield f"{where}: spiking is {population.spiking!r}"
    if not _whole(population.latency, 0, MOST_STEPS):
        yield f"{where}: latency {population.latency!r}"
    fitting = {"scale": population.scale, "offset": population.offset}
    starts = population.parameters.get(_STARTS, np.zeros(0)).shape
    for name, value in {**population.parameters, **fitting}.items():
        if not _numbers(value):
            yield f"{where}: {name} holds values that are no finite numbers"
        wanted = {_LATE: (*starts, *population.shape), _STARTS: (value.size,)}.get(name)
        fits = (
            _broadcasts(value.shape, population.shape) if wanted is None else value.shape == wanted
        )
        if not fits:
            yield f"{where}: {name} of shape {value.shape} for neurons {population.shape}"


def _projection(program: Program, projection: ProgramProjection) -> Iterator[str]:
    shapes = {p.name: p.shape for p in program.populations}
    operator, steps = projection.operator, projection.delay.steps
    ends = (shapes.get(projection.source), shapes.get(projection.target))
    if ends != (operator.source_shape, operator.target_shape):
        yield f"{projection.name}: the operator does not fit its populations"
    if program.population(projection.target).is_input:
        yield f"{projection.name}: nothing can feed an input"
    if isinstance(operator, Conv) and not _walks(operator):
        yield f"{projection.name}: stride, padding, dilation or groups of a convolution"
    if not _numbers(weights_of(operator)):
        yield f"{projection.name}: weights that are no finite numbers"
    for name, value in projection.parameters.items():
        if value.shape != () or not _numbers(value):
            yield f"{projection.name}: {name} is no single number"
    if not _whole(projection.weight_bits, 1, _MOST_WEIGHT_BITS):
        yield f"{projection.name}: weights of {projection.weight_bits!r} bits"
    axes = {"all": (), "source": operator.source_shape, "target": operator.target_shape}
    if isinstance(operator, Dense):
        axes["synapse"] = operator.weight.shape
    if steps.dtype.kind not in "iu" or axes.get(projection.delay.axis) != steps.shape:
        yield f"{projection.name}: delay per {projection.delay.axis} of shape {steps.shape}"
    elif projection.delay.smallest < 0 or projection.delay.largest > MOST_STEPS:
        yield f"{projection.name}: delays below 0 or above {MOST_STEPS} steps"
    elif int(chip_delay(program, projection).min()) < 0:
        yield f"{projection.name}: arrives on the chip before it is sent"


def _chip(program: Program) -> Iterator[str]:
    """Parameters and numbers of an integer arithmetic."""
    models, synapses = _CHIPS[program.arithmetic]
    for population in program.populations:
        if population.is_input:
            continue
        where = f"population {population.name!r}"
        if models.get(population.model) != set(population.parameters):
            yield f"{where}: parameters of model {population.model!r}"
        if any(value.dtype.kind not in "iu" for value in population.parameters.values()):
            yield f"{where}: parameters that are no integers"
    for projection in program.projections:
        if synapses.get(projection.model) != set(projection.parameters):
            yield f"{projection.name}: parameters of a synapse of model {projection.model!r}"
        arrays = (weights_of(projection.operator), *projection.parameters.values())
        if any(array.dtype.kind not in "iu" for array in arrays):
            yield f"{projection.name}: weights or parameters that are no integers"
        elif not -_MOST_SHIFT <= int(projection.parameters.get("exponent", 0)) <= _MOST_SHIFT:
            yield f"{projection.name}: an exponent beyond {_MOST_SHIFT}"
        if int(chip_delay(program, projection).min()) < 1:
            yield f"{projection.name}: arrives on the chip before it is sent"


def _float(program: Program) -> Iterator[str]:
    """Models and parameters of the float reference."""
    for population in program.populations:
        if population.is_input:
            continue
        model = NEURONS.get(population.model)
        known = set() if model is None else {field.name for field in fields(model)}
        given = set(population.parameters)
        if model is None or given - known - _BIASES or (known | _BIASES) - given:
            yield f"population {population.name!r}: parameters of model {population.model!r}"


def _walks(conv: Conv) -> bool:
    """Whether stride, dilation and groups are at least 1, and the padding at least 0."""
    padding = [n for pair in conv.padding for n in pair]
    return all(
        _whole(n, least, MOST_STEPS)
        for least, numbers in ((1, (*conv.stride, *conv.dilation, conv.groups)), (0, padding))
        for n in numbers
    ) and all(_whole(n, 1, 2**31 - 1) for n in conv.source_shape)


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _numbers(array: Array) -> bool:
    return array.dtype.kind in "iuf" and bool(np.isfinite(array).all())


def _broadcasts(shape: tuple[int, ...], onto: tuple[int, ...]) -> bool:
    """Whether an array of ``shape`` broadcasts to ``onto`` without growing it."""
    try:
        return np.broadcast_shapes(shape, onto) == onto
    except ValueError:
        return False
