"""A step that ``write_onnx`` wrote, as a Graph again.

The network is made of the metadata and the initializers; then its step is written anew, and every
node, input and output must be the file's: what the file computes is what is read, or it is refused.
Nothing is run, and no other file is opened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np

from snn2chip.errors import ConfigError, InputFileError, UnsupportedError
from snn2chip.frontends.nir.metadata import KEY, Metadata, choose_discretization, from_text
from snn2chip.frontends.onnx import wire
from snn2chip.frontends.onnx.libraries import library
from snn2chip.frontends.onnx.step import step_of
from snn2chip.frontends.onnx.structure import NETWORK, SCHEMA, populations_of, projections_of
from snn2chip.frontends.onnx.write import OPSET, messages, ports
from snn2chip.graph import Graph, Readout, validate
from snn2chip.graph.operators import Array

_TYPES = {1: "<f4", 7: "<i8", 11: "<f8"}
"""ONNX's numbers of the types that are written: float32, int64, float64."""

_FIXED = ("recurrent_delay", "input_latency", "weights")
"""Options that the delays and weights of the file were made with."""

_DAMAGE = (ArithmeticError, ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What content of the wrong kind raises where it is used."""

_REMEDY = "export the network again: snn2chip export NETWORK --format onnx"


def read_onnx(
    path: str | Path,
    preset: str | None = None,
    dt: float | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Graph:
    """The network of a file of ``write_onnx``, named after the file.

    Args:
        preset, dt, overrides: of the discretization; they go before the file's metadata.

    Raises:
        InputFileError: the file is damaged, was changed, or refers to other files.
        UnsupportedError: an ONNX model of something else.
        ConfigError: onnx is not installed, or options that the file's delays and weights fix.
    """
    path = Path(path)
    content = _content(path)
    onnx = library("onnx", "reading ONNX")
    try:
        model = onnx.ModelProto.FromString(content)
    except Exception as error:  # protobuf's own class differs between its implementations
        raise _damaged(path, error) from error
    del content
    properties = {entry.key: entry.value for entry in model.metadata_props}
    metadata = from_text(properties[KEY], str(path))
    graph = _network(path, model, properties[NETWORK], metadata)
    _check_step(path, model, graph)
    return _discretized(path, graph, metadata, preset, dt, overrides)


def _content(path: Path) -> bytes:
    """The file's bytes, if they are ours and small enough to be parsed."""
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            found = wire.properties(data)
            if found is not None and not {KEY, NETWORK} <= found.keys():
                raise _foreign(path)
            if found is None:
                raise ValueError("no graph in it")
            wire.check(data)
            return bytes(data)
    except (ValueError, OSError) as error:
        raise _damaged(path, error) from error


def _foreign(path: Path) -> UnsupportedError:
    return UnsupportedError(
        f"{path}: an ONNX model without a spiking neuron",
        needs="a spiking network: ONNX has no neuron model, and is read as a network only where "
        "`snn2chip export --format onnx` wrote it",
        remedy="train a spiking student (snn2chip distill; this model can be its teacher), or "
        "export the spiking network that the model came from as NIR",
    )


def _damaged(path: Path, error: Exception | str) -> InputFileError:
    said = error if isinstance(error, str) else f"{type(error).__name__}: {str(error)[:200]}"
    return InputFileError(
        f"{path}: a damaged ONNX file, or no ONNX file",
        needs="a file that `snn2chip export --format onnx` wrote",
        has=said,
        remedy=_REMEDY,
    )


def _arrays(model: Any) -> Callable[[str], Array]:
    """The initializer of a name, whose bytes are as many as its shape says."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}

    def array(name: str) -> Array:
        tensor = tensors[name]
        dtype = np.dtype(_TYPES[tensor.data_type])
        shape = tuple(tensor.dims)
        if any(size < 1 for size in shape) or len(shape) > 32:
            raise ValueError(f"initializer {name[:60]!r} of shape {str(shape)[:60]}")
        found = np.frombuffer(tensor.raw_data, dtype).reshape(shape)
        return found.astype(dtype.newbyteorder("="), copy=False)

    return array


def _network(path: Path, model: Any, text: str, metadata: Metadata) -> Graph:
    """The graph as the file's metadata and initializers say it."""
    try:
        content = json.loads(text)
        if content["schema"] != SCHEMA:
            raise InputFileError(
                f"{path}: an ONNX file of schema {str(content['schema'])[:60]!r}",
                needs=SCHEMA,
                remedy="it was written by another version of snn2chip: export it again",
            )
        arrays = _arrays(model)
        populations = populations_of(content, arrays)
        projections = projections_of(content, populations, arrays)
        if metadata.preset is None or metadata.dt is None or metadata.readout is None:
            raise ValueError("the metadata name no preset, dt or readout")
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    graph = Graph(
        name=path.stem,
        populations=populations,
        projections=projections,
        outputs=metadata.outputs,
        discretization=choose_discretization(metadata, str(path), None, None, None, True),
        readout=metadata.readout or Readout(),
        encoding=metadata.encoding,
        classes=metadata.classes,
        data=metadata.data,
        split_seed=metadata.split_seed,
        module=metadata.module,
    )
    validate(graph)
    return graph


def _check_step(path: Path, model: Any, graph: Graph) -> None:
    """Refuses a file that computes something else than the graph made of it."""
    try:
        step = step_of(graph)
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    found, names = model.graph, [tensor.name for tensor in model.graph.initializer]
    same = {
        "nodes": list(found.node) == messages(step.nodes),
        "inputs": list(found.input) == ports(step.inputs),
        "outputs": list(found.output) == ports(step.outputs),
        "initializers": sorted(names) == sorted(step.initializers),
        "operator set": [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)],
    }
    wrong = [part for part, equal in same.items() if not equal]
    if wrong:
        raise InputFileError(
            f"{path}: its {' and '.join(wrong)} are not those of the network that it names",
            needs="the step as `snn2chip export --format onnx` wrote it; weights may be changed",
            remedy=_REMEDY,
        )


def _discretized(
    path: Path,
    graph: Graph,
    metadata: Metadata,
    preset: str | None,
    dt: float | None,
    overrides: Mapping[str, Any] | None,
) -> Graph:
    """The graph with the user's discretization in place of the file's."""
    chosen = choose_discretization(metadata, str(path), preset, dt, overrides, True)
    if chosen == graph.discretization:
        return graph
    before, after = graph.discretization.options(), chosen.options()
    fixed = [name for name in _FIXED if before[name] != after[name]]
    if fixed:
        raise ConfigError(
            f"{path}: {', '.join(f'{name} {after[name]}' for name in fixed)}",
            has="delays and weights that were made with "
            + ", ".join(f"{name} {before[name]}" for name in fixed),
            remedy="leave it as it is, or set it where the network is exported",
        )
    changed = replace(graph, discretization=chosen)
    validate(changed)
    return changed
