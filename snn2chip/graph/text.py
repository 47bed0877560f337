"""The stable text form of a Graph: one line per population and projection.

Equal graphs give equal text on every machine; tests compare it, and compiled folders keep it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256

import numpy as np

from snn2chip.graph.linear import synapses
from snn2chip.graph.operators import Array, Conv, Operator, Shape, Sparse, weights_of
from snn2chip.graph.types import Delay, Graph, Population, Projection

_PART = 2**17
"""Values that are hashed at a time."""


def to_text(graph: Graph) -> str:
    """The text form, lines ended by newlines."""
    return "".join(line + "\n" for line in _lines(graph))


def parameter_count(graph: Graph) -> int:
    """Weights and biases of all projections; the neurons' own parameters are not counted.

    A bias counts one per channel of a convolution where it is constant within channels, else one
    per neuron; an identity of scale 1 has none.
    """
    return sum(_weight_count(p.operator) + _bias_count(p) for p in graph.projections)


def _weight_count(operator: Operator) -> int:
    weights = weights_of(operator)
    plain = _kind(operator) == "Identity" and bool((weights == 1.0).all())
    return 0 if plain else weights.size


def _bias_count(projection: Projection) -> int:
    if projection.bias is None:
        return 0
    if isinstance(projection.operator, Conv):
        flat = projection.bias.reshape(projection.bias.shape[0], -1)
        if (flat == flat[:, :1]).all():
            return flat.shape[0]
    return projection.bias.size


def _lines(graph: Graph) -> Iterator[str]:
    yield f"network {_name(graph.name)}"
    d = graph.discretization
    options = (f"{name}={value}" for name, value in d.options().items())
    yield f"discretization {d.preset} dt={d.dt} " + " ".join(options)
    for owner, name, value in d.exceptions:
        yield f"exception {_name(owner)} {name}={value}"
    e = graph.encoding
    scale = "" if e.byte_scale == 1.0 else f" byte_scale={e.byte_scale:g}"
    yield f"encoding {e.kind} steps={e.steps} threshold={e.threshold:g} gain={e.gain:g}{scale}"
    yield f"readout {graph.readout.kind} of {', '.join(map(_name, graph.outputs))}"
    if graph.classes:
        yield f"classes {', '.join(map(_name, graph.classes))}"
    if graph.data:
        yield f"data {_name(graph.data)} split_seed={graph.split_seed}"
    for population in graph.populations:
        yield _population(population)
    for projection in graph.projections:
        yield _projection(projection)
    neurons = sum(p.size for p in graph.populations if not p.is_input)
    count = sum(synapses(p.operator) for p in graph.projections)
    yield f"total neurons={neurons} synapses={count} parameters={parameter_count(graph)}"


def _population(population: Population) -> str:
    values = (f"{k}={_range(v)}" for k, v in population.neuron.parameters().items())
    head = (
        f"population {_name(population.name)} {population.neuron.kind} {_shape(population.shape)}"
    )
    return " ".join((head, *values))


def _projection(projection: Projection) -> str:
    operator = projection.operator
    weights = weights_of(operator)
    parts = [
        f"projection {_name(projection.source)}->{_name(projection.target)} {_kind(operator)}",
        f"{_shape(operator.source_shape)}->{_shape(operator.target_shape)}",
        *_options(operator),
        f"weights={_shape(weights.shape)}:{_range(weights)}:{_digest(weights)}",
    ]
    if projection.bias is not None:
        parts.append(f"bias={_range(projection.bias)}:{_digest(projection.bias)}")
    if projection.delay.largest:
        parts.append(f"delay={_delay(projection.delay)}")
    parts.append(f"synapses={synapses(operator)}")
    return " ".join(parts)


def _name(name: str) -> str:
    """The name itself where it is one visible word, else as JSON."""
    plain = name.isprintable() and name and not any(c.isspace() or c == '"' for c in name)
    return name if plain else json.dumps(name)


def _kind(operator: Operator) -> str:
    return type(operator).__name__


def _options(operator: Operator) -> Iterator[str]:
    if isinstance(operator, Conv):
        padding = ",".join(f"{a}" if a == b else f"{a}:{b}" for a, b in operator.padding)
        yield f"stride={','.join(map(str, operator.stride))}"
        yield f"padding={padding}"
        yield f"dilation={','.join(map(str, operator.dilation))}"
        yield f"groups={operator.groups}"
    if isinstance(operator, Sparse):
        yield f"ends={_digest(operator.sources)}:{_digest(operator.targets)}"


def _delay(delay: Delay) -> str:
    return f"{delay.axis}:{_range(delay.steps)}"


def _shape(shape: Shape) -> str:
    return "[" + "x".join(map(str, shape)) + "]"


def _range(values: Array) -> str:
    """The value if there is one, else least..largest."""
    low, high = (f"{float(v):.6g}" for v in (values.min(), values.max()))
    return low if values.min() == values.max() else f"{low}..{high}"


def _digest(values: Array) -> str:
    """First 12 digits of the SHA-256 of the values as little-endian float64 in C order."""
    flat, digest = values.reshape(-1), sha256()
    for start in range(0, flat.size, _PART):
        digest.update(np.ascontiguousarray(flat[start : start + _PART], "<f8").data)
    return digest.hexdigest()[:12]
