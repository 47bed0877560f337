"""What ONNX has no room for, as JSON in ``metadata_props``.

``snn2chip``          how the network is run: the text that NIR files carry (``nir.metadata``)
``snn2chip.network``  populations and projections; every array by the name of its initializer, so
                      that there is one truth. A parameter that the step does not use stands here
                      as a number or a list.
``snn2chip.states``   for whoever runs the file: per state input the output that follows it, its
                      shape without the batch, and its values before the first step
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from math import prod
from typing import Any

import numpy as np

from snn2chip.frontends.nir.metadata import KEY, to_text
from snn2chip.frontends.nir.write import metadata_of
from snn2chip.frontends.onnx.step import Step
from snn2chip.graph import Conv, Delay, Dense, Graph, Identity, Operator, Population, Projection
from snn2chip.graph.operators import Array, Shape
from snn2chip.neurons import NEURONS, Neuron

NETWORK, STATES = f"{KEY}.network", f"{KEY}.states"
SCHEMA = "snn2chip/onnx/1"

_MOST_NEURONS = 2**24
"""Of a network: a uniform parameter is one number in the file, whatever the shape says."""

_MOST_AXES = 16

_MOST_PIXELS = 2**27
"""Of the padded input of a convolution, which is made when it is run."""

Arrays = Callable[[str], Array]


def to_properties(graph: Graph, step: Step) -> dict[str, str]:
    """The metadata of a file, the same for equal graphs."""
    network = {
        "schema": SCHEMA,
        "populations": [_population(p, step) for p in graph.populations],
        "projections": [
            _projection(projection, names)
            for projection, names in zip(graph.projections, step.projections, strict=True)
        ],
    }
    states = {
        s.name: {"next": s.next, "shape": list(s.shape), "start": _plain(s.start)}
        for s in step.states
    }
    run = json.loads(to_text(metadata_of(graph)))
    return {key: json.dumps(x) for key, x in ((KEY, run), (NETWORK, network), (STATES, states))}


def _plain(array: Array) -> Any:
    """A number where all are the same, else nested lists."""
    same = array.size and (array == array.flat[0]).all()
    return float(array.flat[0]) if same else array.tolist()


def _population(population: Population, step: Step) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, array in population.neuron.parameters().items():
        name = step.parameters[population.name, key]
        found[key] = name if name in step.initializers else _plain(array)
    return {
        "name": population.name,
        "tensor": step.tensors[population.name],
        "model": population.neuron.kind,
        "shape": list(population.shape),
        "parameters": found,
    }


def _projection(projection: Projection, names: Mapping[str, str]) -> dict[str, Any]:
    operator, delay = projection.operator, projection.delay
    geometry: dict[str, Any] = {}
    if isinstance(operator, Conv):
        geometry = {
            "stride": list(operator.stride),
            "padding": [list(pair) for pair in operator.padding],
            "dilation": list(operator.dilation),
            "groups": operator.groups,
        }
    return {
        "source": projection.source,
        "target": projection.target,
        "operator": {"kind": type(operator).__name__, "weight": names["weight"], **geometry},
        "bias": names.get("bias"),
        "delay": {"axis": delay.axis, "steps": names.get("delay", delay.largest)},
    }


def populations_of(content: Any, arrays: Arrays) -> tuple[Population, ...]:
    """The populations of ``snn2chip.network``.

    Args:
        arrays: the initializer of a name.

    Raises:
        ValueError, LookupError, TypeError, ...: the content is damaged.
    """
    found, neurons = [], 0
    for entry in content["populations"]:
        shape = tuple(_whole(size, 1) for size in entry["shape"])
        neurons += prod(shape)
        if len(shape) > _MOST_AXES or neurons > _MOST_NEURONS:
            raise ValueError(f"a population of shape {str(shape)[:60]}")
        found.append(Population(_word(entry["name"]), _neuron(entry, shape, arrays), shape))
    return tuple(found)


def _neuron(entry: Any, shape: Shape, arrays: Arrays) -> Neuron:
    model, given = NEURONS[entry["model"]], entry["parameters"]
    values = {}
    for key in (field.name for field in fields(model)):
        value = given[key]
        array = arrays(value) if isinstance(value, str) else np.array(value, np.float64)
        if array.shape not in ((), shape):
            raise ValueError(f"{key} of shape {array.shape} for neurons of shape {shape}")
        values[key] = np.broadcast_to(array.astype(np.float64), shape).copy()
    if given.keys() != values.keys():
        raise ValueError(f"parameters {sorted(given)} of {entry['model']}")
    return model(**values)


def projections_of(
    content: Any, populations: tuple[Population, ...], arrays: Arrays
) -> tuple[Projection, ...]:
    """The projections of ``snn2chip.network``; arguments and errors as ``populations_of``."""
    shapes = {p.name: p.shape for p in populations}
    found = []
    for entry in content["projections"]:
        source, target = _word(entry["source"]), _word(entry["target"])
        operator = _operator(entry["operator"], shapes[source], shapes[target], arrays)
        bias = None if entry["bias"] is None else arrays(_word(entry["bias"]))
        found.append(Projection(source, target, operator, bias, _delay(entry["delay"], arrays)))
    return tuple(found)


def _operator(entry: Any, source: Shape, target: Shape, arrays: Arrays) -> Operator:
    weight = arrays(_word(entry["weight"]))
    match entry["kind"]:
        case "Dense":
            return Dense(weight, source, target)
        case "Identity":
            return Identity(weight, source, target)
        case "Conv":
            conv = Conv(
                weight,
                source,
                tuple(_whole(n, 1) for n in entry["stride"]),
                tuple((_whole(a, 0), _whole(b, 0)) for a, b in entry["padding"]),
                tuple(_whole(n, 1) for n in entry["dilation"]),
                _whole(entry["groups"], 1),
            )
            sizes = zip(source[1:], conv.padding, strict=True)
            if source[0] * prod(n + before + after for n, (before, after) in sizes) > _MOST_PIXELS:
                raise ValueError(f"a padding of {str(conv.padding)[:60]}")
            if conv.target_shape != target:
                raise ValueError(f"a convolution that gives {conv.target_shape}, not {target}")
            return conv
    raise ValueError(f"operator {entry['kind']!r}")


def _delay(entry: Any, arrays: Arrays) -> Delay:
    axis, steps = entry["axis"], entry["steps"]
    if axis == "all":
        return Delay(np.array(_whole(steps, 0), np.int64))
    return Delay(arrays(_word(steps)), axis)


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is not a word")
    return value


def _whole(value: Any, least: int) -> int:
    if type(value) is not int or not least <= value < 2**31:
        raise ValueError(f"{str(value)[:40]} is not a whole number from {least}")
    return value
