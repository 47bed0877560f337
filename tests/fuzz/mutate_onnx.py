"""Changes of ONNX files that leave them protobuf: nodes, tensors, names, graphs in graphs."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import onnx

from tests.fuzz import hostile_values as hostile
from tests.fuzz.mutate_text import change_json

_OPERATORS = ("Conv", "Gemm", "MatMul", "Relu", "Add", "Mul", "Where", "Loop", "If", "Scan", "Cast",
              "Identity", "Reshape", "Gather", "Expand", "ConstantOfShape", "Nope")  # fmt: skip
_SIZES = (0, 1, -1, 3, 1000, 10**6, 10**9, 2**31, 2**40, 2**62)


def mutate(content: bytes, draw: Random) -> bytes:
    """One to three changes."""
    model = onnx.ModelProto()
    model.ParseFromString(content)
    for _ in range(draw.choice((1, 1, 2, 3))):
        change = draw.choice(_CHANGES)
        try:
            with np.errstate(all="ignore"):
                change(model, draw)
        except Exception:  # what an earlier change spoiled, of which onnx has its own complaints
            continue
    made: bytes = model.SerializeToString()
    return made


def _text(draw: Random) -> str:
    """Protobuf's words are UTF-8."""
    return hostile.name(draw).encode("utf-8", "replace").decode()


def _tensor(model: Any, draw: Random) -> Any:
    return draw.choice(model.graph.initializer)


def _values(model: Any, draw: Random) -> None:
    tensor = _tensor(model, draw)
    array = hostile.array(draw, onnx.numpy_helper.to_array(tensor))
    tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))


def _numbers(model: Any, draw: Random) -> None:
    tensor = _tensor(model, draw)
    array = onnx.numpy_helper.to_array(tensor).copy()
    value = hostile.number(draw)
    array.reshape(-1)[draw.randrange(array.size)] = value if array.dtype.kind == "f" else int(value)
    tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))


def _dims(model: Any, draw: Random) -> None:
    tensor = _tensor(model, draw)
    tensor.dims[:] = [draw.choice(_SIZES) for _ in range(draw.randrange(5))]


def _raw(model: Any, draw: Random) -> None:
    tensor = _tensor(model, draw)
    match draw.randrange(4):
        case 0:
            tensor.raw_data = tensor.raw_data[: draw.randrange(len(tensor.raw_data) + 1)]
        case 1:
            tensor.data_type = draw.choice((0, 1, 3, 7, 8, 9, 11, 14, 16, 99))
        case 2:
            tensor.ClearField("raw_data")
            tensor.float_data.extend([1.0] * draw.randrange(10))
        case _:
            tensor.raw_data = draw.randbytes(len(tensor.raw_data))


def _elsewhere(model: Any, draw: Random) -> None:
    """Weights in another file."""
    tensor = _tensor(model, draw)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (
        ("location", draw.choice(("../../etc/passwd", "/etc/passwd", "/dev/zero", _text(draw)))),
        ("offset", str(draw.choice(_SIZES))),
        ("length", str(draw.choice(_SIZES))),
    ):
        tensor.external_data.add(key=key, value=value)


def _node(model: Any, draw: Random) -> None:
    node = draw.choice(model.graph.node)
    match draw.randrange(6):
        case 0:
            node.op_type = draw.choice((*_OPERATORS, _text(draw)))
        case 1:
            node.domain = draw.choice(("com.microsoft", "ai.onnx.ml", _text(draw)))
        case 2:
            node.input[draw.randrange(len(node.input))] = draw.choice(node.output)
        case 3:
            node.input[draw.randrange(len(node.input))] = _text(draw)
        case 4:
            node.output[draw.randrange(len(node.output))] = _text(draw)
        case _:
            other = draw.choice(model.graph.node)
            node.input[0] = other.output[0]


def _attribute(model: Any, draw: Random) -> None:
    nodes = [node for node in model.graph.node if node.attribute]
    if nodes and draw.random() < 0.7:
        attribute = draw.choice(draw.choice(nodes).attribute)
        attribute.i = draw.choice(_SIZES)
        attribute.ints[:] = [draw.choice(_SIZES) for _ in attribute.ints]
        attribute.type = draw.choice((attribute.type, 1, 2, 3, 7))
    else:
        draw.choice(model.graph.node).attribute.add(name=_text(draw), type=2, i=3)


def _rename(model: Any, draw: Random) -> None:
    """A value under another name wherever it stands, so that the graph stays whole."""
    graph = model.graph
    items = [*graph.input, *graph.output, *graph.initializer]
    old, new = draw.choice(items).name, _text(draw)
    for item in items:
        item.name = new if item.name == old else item.name
    for node in graph.node:
        for names in (node.input, node.output):
            for k, name in enumerate(names):
                names[k] = new if name == old else name
    for entry in model.metadata_props:
        entry.value = entry.value.replace(f'"{old}', '"' + new.replace("\\", "").replace('"', ""))


def _port(model: Any, draw: Random) -> None:
    port = draw.choice([*model.graph.input, *model.graph.output])
    match draw.randrange(4):
        case 0:
            port.type.tensor_type.elem_type = draw.choice((0, 1, 7, 8, 11, 99))
        case 1:
            draw.choice(port.type.tensor_type.shape.dim).dim_value = draw.choice(_SIZES)
        case 2:
            port.type.Clear()
        case _:
            model.graph.input.add().CopyFrom(port)


def _metadata(model: Any, draw: Random) -> None:
    if not model.metadata_props:
        model.metadata_props.add(key="snn2chip", value=hostile.word(draw))
        return
    entry = draw.choice(model.metadata_props)
    if entry.value.startswith(("{", "[")):
        entry.value = change_json(entry.value, draw).encode("utf-8", "replace").decode()
    else:
        entry.value = draw.choice((_text(draw), str(hostile.number(draw)), "{}", "[]"))


def _remove(model: Any, draw: Random) -> None:
    graph = model.graph
    lists = [graph.node, graph.input, graph.output, graph.initializer, model.metadata_props]
    chosen = draw.choice([items for items in [*lists, model.opset_import] if len(items)])
    del chosen[draw.randrange(len(chosen))]


def _repeat(model: Any, draw: Random) -> None:
    items = draw.choice([model.graph.node, model.graph.initializer, model.graph.output])
    one = draw.choice(items)
    for _ in range(draw.choice((1, 2000))):
        items.add().CopyFrom(one)


def _deep(model: Any, draw: Random) -> None:
    """Graphs within graphs, which protobuf itself bounds at 100."""
    graph = model.graph
    for _ in range(draw.choice((3, 20, 45))):
        node = graph.node.add(op_type="If", name="deep")
        node.input.append("x")
        node.output.append("z")
        attribute = node.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH)
        graph = attribute.g
        graph.name = "deep"


def _versions(model: Any, draw: Random) -> None:
    if draw.random() < 0.5:
        model.ir_version = draw.choice((0, 1, 99, 2**40))
    else:
        model.opset_import[0].version = draw.choice((0, 1, 7, 999, 2**40))


_CHANGES = (_values, _values, _numbers, _numbers, _dims, _raw, _elsewhere, _node, _node, _attribute,
            _rename, _rename, _port, _metadata, _metadata, _metadata, _remove, _remove, _repeat,
            _deep, _versions)  # fmt: skip
