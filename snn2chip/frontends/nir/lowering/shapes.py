"""Moves Flattens behind neurons, so that operators and populations have the same shapes.

A convolution cannot hand out a flattened image. Where a population's own shape differs from the
image of a convolution that touches it, the population takes the image's shape, which has the same
neurons in the same order. Matrices and identities follow; of several images the first wins and the
other convolutions become matrices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from snn2chip.graph import Conv, Delay, Population, Projection
from snn2chip.graph.compose import reshaped, to_dense
from snn2chip.graph.operators import Shape


def unify_shapes(
    populations: Mapping[str, Population], projections: Sequence[Projection]
) -> tuple[dict[str, Population], list[Projection]]:
    """Populations and projections whose shapes agree.

    Raises:
        UnsupportedError: a convolution that must become a matrix is too large for one.
    """
    shapes = {name: _image(population, projections) for name, population in populations.items()}
    moved = {name: _with_shape(p, shapes[name]) for name, p in populations.items()}
    return moved, [_between(p, shapes[p.source], shapes[p.target]) for p in projections]


def _image(population: Population, projections: Sequence[Projection]) -> Shape:
    wanted = [
        p.operator.target_shape
        for p in projections
        if p.target == population.name and isinstance(p.operator, Conv)
    ]
    wanted += [
        p.operator.source_shape
        for p in projections
        if p.source == population.name and isinstance(p.operator, Conv)
    ]
    return population.shape if not wanted or population.shape in wanted else wanted[0]


def _with_shape(population: Population, shape: Shape) -> Population:
    if shape == population.shape:
        return population
    neuron = population.neuron
    values = {f.name: getattr(neuron, f.name).reshape(shape) for f in fields(neuron)}
    return Population(population.name, replace(neuron, **values), shape)


def _between(projection: Projection, source: Shape, target: Shape) -> Projection:
    operator = reshaped(projection.operator, source, target)
    if operator is None:
        operator = reshaped(to_dense(projection.operator, projection.name), source, target)
        assert operator is not None
    bias = None if projection.bias is None else projection.bias.reshape(target)
    delay = projection.delay
    if delay.axis in ("source", "target"):
        delay = Delay(delay.steps.reshape(source if delay.axis == "source" else target), delay.axis)
    return Projection(projection.source, projection.target, operator, bias, delay)
