"""A Graph as an ONNX file that holds one step of it, weights inside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.files import write_bytes
from snn2chip.frontends.onnx.libraries import library
from snn2chip.frontends.onnx.step import step_of
from snn2chip.frontends.onnx.structure import to_properties
from snn2chip.frontends.onnx.tracing import DOUBLE, Node
from snn2chip.graph import Graph
from snn2chip.graph.operators import Shape

OPSET, IR_VERSION = 17, 8
"""Old ones, which every onnxruntime since 1.12 reads."""

BATCH = "batch"

LARGEST_FILE = 2**31 - 1
"""Bytes of a protobuf message."""


def write_onnx(graph: Graph, path: str | Path) -> None:
    """Writes one step of a graph as ONNX, whole or not at all; ``prove.export_onnx`` proves it too.

    Raises:
        ConfigError: onnx is not installed, or the file cannot be written.
        UnsupportedError: the network is too large for such a file.
    """
    write_bytes(path, to_bytes(graph))


def to_bytes(graph: Graph) -> bytes:
    """The content of the file; errors as ``write_onnx``."""
    onnx = library("onnx", "writing ONNX")
    step = step_of(graph)
    size = sum(array.nbytes for array in step.initializers.values())
    if size > LARGEST_FILE - 2**26:
        raise UnsupportedError(
            f"network {graph.name!r} as ONNX: {size} bytes of weights",
            has="files of up to 2 GiB",
            remedy="NIR: --format nir",
        )
    helper = onnx.helper
    content = helper.make_graph(
        messages(step.nodes),
        "step",
        ports(step.inputs),
        ports(step.outputs),
        [onnx.numpy_helper.from_array(x, name) for name, x in step.initializers.items()],
    )
    model = helper.make_model(
        content,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="snn2chip",
    )
    helper.set_model_props(model, to_properties(graph, step))
    found: bytes = model.SerializeToString(deterministic=True)
    return found


def messages(nodes: tuple[Node, ...]) -> list[Any]:
    """NodeProto of each node."""
    onnx = library("onnx", "reading ONNX")
    found = []
    for node in nodes:
        options = {
            key: onnx.numpy_helper.from_array(x) if isinstance(x, np.ndarray) else x
            for key, x in node.attributes.items()
        }
        found.append(onnx.helper.make_node(node.operation, node.inputs, [node.output], **options))
    return found


def ports(shapes: Mapping[str, Shape]) -> list[Any]:
    """ValueInfoProto of inputs or outputs."""
    helper = library("onnx", "reading ONNX").helper
    return [
        helper.make_tensor_value_info(name, DOUBLE, [BATCH, *shape])
        for name, shape in shapes.items()
    ]
