"""Plain node graphs into NIR files that nir.read 1.0.8 opens; the same bytes for the same graph."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from snn2chip.files import replacing
from snn2chip.frontends.nir.metadata import KEY
from snn2chip.frontends.nir.nodes import NirGraph, NirNode
from snn2chip.frontends.nir.storage.names import escape


def write_nodes(graph: NirGraph, path: str | Path) -> None:
    """Writes a NIR file, whole or not at all.

    Arrays are compressed as nir.write does, scalars are not (HDF5 cannot). Names with "/" are
    escaped, which needs our metadata for the way back.

    Raises:
        ConfigError: the file cannot be written.
        ValueError: names need escaping and the graph has no metadata of ours.
    """
    with replacing(Path(path)) as temporary:
        write_plain(graph, temporary)


def write_plain(graph: NirGraph, path: Path) -> None:
    """Writes a NIR file in place."""
    escaped = KEY in graph.metadata
    with h5py.File(path, "w") as file:
        _word(file, "version", graph.version)
        node = file.create_group("node")
        _write_graph(node, graph, escaped)


def _write_graph(group: h5py.Group, graph: NirGraph, escaped: bool) -> None:
    _word(group, "type", "NIRGraph")
    names = {name: _name(name, escaped) for name in graph.nodes}
    edges = [[names[source], names[target]] for source, target in graph.edges]
    group.create_dataset(
        "edges", data=np.array(edges, object).reshape(-1, 2), dtype=h5py.string_dtype()
    )
    nodes = group.create_group("nodes")
    for name in sorted(names):
        node = graph.nodes[name]
        child = nodes.create_group(names[name])
        if isinstance(node, NirGraph):
            _write_graph(child, node, escaped)
        else:
            _write_node(child, node)
    if graph.metadata:
        metadata = group.create_group("metadata")
        for key in sorted(graph.metadata):
            _word(metadata, key, graph.metadata[key])


def _name(name: str, escaped: bool) -> str:
    if not escaped and escape(name) != name and "%" not in name:
        raise ValueError(f"{name!r} needs escaping, but the graph has no metadata {KEY!r}")
    return escape(name) if escaped else name


def _write_node(group: h5py.Group, node: NirNode) -> None:
    _word(group, "type", node.kind)
    for key in sorted(node.params):
        value = node.params[key]
        if isinstance(value, str):
            _word(group, key, value)
        elif isinstance(value, np.ndarray) and value.ndim:
            group.create_dataset(key, data=value, compression="gzip", compression_opts=4)
        else:
            group.create_dataset(key, data=value)


def _word(group: h5py.Group, key: str, value: str) -> None:
    group.create_dataset(key, data=value, dtype=h5py.string_dtype())
