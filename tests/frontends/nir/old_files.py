"""Files as old versions of nir wrote them, made with h5py in the way of their writers.

Read in nir's history (``nir/write.py`` up to 1.0.1, ``nir/serialization.py`` after): v0.1 wrote
no version, v0.2 added it and Flatten's input_type, v1.0 the convolutions' input_shape and w_in,
v1.0.2 metadata, v1.0.6 v_reset; nothing was compressed before 1.0.8, and whatever was no array
became a scalar or what h5py makes of a tuple.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

VERSIONS = ("0.1", "0.2", "1.0", "1.0.4", "1.0.7")

Node = dict[str, Any]


def since(version: str, first: str) -> bool:
    return [int(k) for k in version.split(".")] >= [int(k) for k in first.split(".")]


def write(path: Path, graph: Node, version: str, metadata: dict[str, Any] | None = None) -> Path:
    """``write`` of the version: see the module."""

    def recursive(group: h5py.Group, node: Node) -> None:
        for key, value in node.items():
            if isinstance(value, str):
                group.create_dataset(key, data=value, dtype=h5py.string_dtype())
            elif isinstance(value, np.ndarray):
                group.create_dataset(key, data=value, dtype=value.dtype)
            elif isinstance(value, dict):
                recursive(group.create_group(str(key)), value)
            else:
                group.create_dataset(key, data=value)

    if metadata and since(version, "1.0.2"):
        graph = {**graph, "metadata": metadata}
    with h5py.File(path, "w") as file:
        if since(version, "0.2"):
            file.create_dataset("version", data=version)
        recursive(file.create_group("node"), graph)
    return path


def graph(nodes: dict[str, Node], edges: list[tuple[str, str]]) -> Node:
    return {"type": "NIRGraph", "nodes": nodes, "edges": edges}


def spiking(kind: str, version: str, shape: tuple[int, ...], **values: float) -> Node:
    """A spiking neuron as the version wrote it: v_reset came with 1.0.6, w_in with 1.0."""
    node: Node = {"type": kind, **{key: np.full(shape, value) for key, value in values.items()}}
    if not since(version, "1.0.6"):
        node.pop("v_reset", None)
    if not since(version, "1.0"):
        node.pop("w_in", None)
    return node


def convolution(version: str, input_shape: Any, weight: np.ndarray, **options: Any) -> Node:
    given = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **options}
    kind = f"Conv{weight.ndim - 2}d"
    node: Node = {"type": kind, "weight": weight, "bias": np.zeros(len(weight)), **given}
    if since(version, "1.0"):
        node["input_shape"] = input_shape
    return node


def flat(version: str, shape: tuple[int, ...]) -> Node:
    node: Node = {"type": "Flatten", "start_dim": 0, "end_dim": -1}
    return {**node, "input_type": np.array(shape)} if since(version, "0.2") else node
