"""Networks written by hand: names, sizes, circles, steps and numbers that no file should have."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

from snn2chip.frontends.nir import write_graph
from tests import networks
from tests.fuzz import hostile_values as hostile

File = tuple[str, str, bytes]
"""Name, place and content."""


def _edited(content: bytes, change: Callable[[h5py.File], None]) -> bytes:
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        change(file)
    return stream.getvalue()


def _put(file: h5py.File, name: str, value: object, **options: object) -> None:
    del file[name]
    file.create_dataset(name, data=value, **options)


def nir(base: Path) -> Iterator[File]:
    """Names, sizes, cycles, steps and numbers."""
    valid = (base / "in" / "net.nir").read_bytes()
    for k, name in enumerate(hostile.NAMES):
        try:
            graph = networks.chain(np.random.default_rng(0))
            write_graph(_renamed(graph, name), base.parent / "named.nir")
        except Exception:  # not every name can be written
            continue
        yield f"name {k}", "in/net.nir", (base.parent / "named.nir").read_bytes()

    def metadata(**changes: object) -> bytes:
        def change(file: h5py.File) -> None:
            key = "node/metadata/snn2chip"
            content = json.loads(file[key][()]) | changes
            _put(file, key, json.dumps(content))

        return _edited(valid, change)

    for dt in (
        0,
        -1e-3,
        1e-300,
        1e300,
        5e-324,
        float("nan"),
        float("inf"),
        "1e-3",
        None,
        [1],
        True,
    ):
        yield f"dt {dt}", "in/net.nir", metadata(dt=dt)
    for steps in (2**31 - 1, 10**6):
        encoding = {"kind": "if", "steps": steps, "threshold": 1.0, "gain": 1.0}
        yield f"{steps} steps", "in/net.nir", metadata(encoding=encoding)
    yield "outputs", "in/net.nir", metadata(outputs=["out", "out", "nowhere", *hostile.NAMES[:9]])
    yield "classes", "in/net.nir", metadata(classes=list(map(utf8, hostile.NAMES)))
    yield "a million classes", "in/net.nir", metadata(classes=["x"] * 10**6)
    yield "data", "in/net.nir", metadata(data="../../etc/passwd")
    for value in (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300, 5e-324):

        def fill(file: h5py.File, value: float = value) -> None:
            for group in ("input->hidden0", "hidden0", "hidden0->out", "out"):
                for key in list(file.get(f"node/nodes/{group}", {})):
                    if file[f"node/nodes/{group}/{key}"].dtype.kind == "f":
                        old = file[f"node/nodes/{group}/{key}"]
                        _put(file, f"node/nodes/{group}/{key}", np.full(old.shape, value))

        yield f"all {value}", "in/net.nir", _edited(valid, fill)
    yield from _foreign_nir()


def _foreign_nir() -> Iterator[File]:
    """Graphs by h5py alone: huge, deep, in circles."""

    def graph(nodes: dict[str, dict[str, object]], edges: list[tuple[str, str]]) -> bytes:
        stream = io.BytesIO()
        with h5py.File(stream, "w") as file:
            file["version"] = "1.0.8"
            file["node/type"] = "NIRGraph"
            file.create_group("node/nodes")
            file.create_dataset("node/edges", (len(edges), 2), h5py.string_dtype(), edges or None)
            for name, node in nodes.items():
                for key, value in node.items():
                    file[f"node/nodes/{name}/{key}"] = value
        return stream.getvalue()

    def port(kind: str, *shape: int) -> dict[str, object]:
        return {"type": kind, "shape": np.array(shape)}

    one = np.ones(3)
    lif = {"type": "LIF", "tau": one / 99, "r": one, "v_leak": 0 * one, "v_threshold": one}
    lif["v_reset"] = 0 * one
    scalar = {k: v if isinstance(v, str) else np.float64(1) for k, v in lif.items()}
    w = {"type": "Linear", "weight": np.eye(3)}
    for size in (10**6, 10**7, 10**9, 2**40, 2**62):
        nodes = {"input": port("Input", size), "lif": scalar, "output": port("Output", size)}
        chain = [("input", "lif"), ("lif", "output")]
        yield f"plain {size} neurons", "in/net.nir", graph(nodes, chain)
        image = port("Input", 1, size, size)
        pool = {"type": "AvgPool2d", "kernel_size": np.array([2, 2]), "stride": np.array([1, 1]),
                "padding": np.array([size, size])}  # fmt: skip
        nodes = {"input": image, "pool": pool, "lif": scalar, "output": port("Output", 1, 1, 1)}
        chain = [("input", "pool"), ("pool", "lif"), ("lif", "output")]
        yield f"plain {size} pixels", "in/net.nir", graph(nodes, chain)
        conv = {"type": "Conv2d", "weight": np.ones((1, 1, 3, 3)), "bias": np.zeros(1),
                "input_shape": np.array([size, size]), "padding": np.array([size, size]),
                "stride": np.array([1, 1]), "dilation": np.array([size, 1]),
                "groups": 1}  # fmt: skip
        nodes["pool"] = conv
        yield f"plain convolution of {size}", "in/net.nir", graph(nodes, chain)
    ends = {"input": port("Input", 3), "output": port("Output", 3)}
    delay = {"type": "Delay", "delay": one * 1e6}
    chain = [("input", "w"), ("w", "lif"), ("lif", "d"), ("d", "output")]
    yield "plain delays", "in/net.nir", graph({**ends, "w": w, "lif": lif, "d": delay}, chain)
    for kind in ("Linear", "Scale", "Delay", "LIF"):
        node = {"Linear": w, "Scale": {"type": "Scale", "scale": one}, "LIF": lif}.get(kind, delay)
        nodes = {**ends, "a": node, "b": node, "w": w, "lif": lif}
        circle = [("input", "w"), ("w", "lif"), ("lif", "output"), ("a", "b"), ("b", "a")]
        yield f"plain circle of {kind}", "in/net.nir", graph(nodes, [*circle, ("a", "lif")])
        yield f"plain circle at {kind}", "in/net.nir", graph(nodes, [*circle, ("lif", "a")])
    layers = {f"{k}": lif if k % 2 else w for k in range(600)}
    order = ["input", *layers, "output"]
    path = list(pairwise(order))
    yield "plain 600 layers", "in/net.nir", graph({**ends, **layers}, path)
    wide = [("input", name) for name in layers] + [(name, "output") for name in layers]
    yield "plain 600 branches", "in/net.nir", graph({**ends, **layers}, wide)
    full = [(a, b) for a in list(layers)[:60] for b in list(layers)[:60]]
    yield "plain everything to everything", "in/net.nir", graph({**ends, **layers}, full + path)
    scales = {f"s{k}": {"type": "Scale", "scale": one} for k in range(60)}
    ladder = [(f"s{k}", f"s{m}") for k in range(60) for m in (k + 1, k + 2) if m < 60]
    ladder += [("input", "s0"), ("s59", "lif"), ("s58", "lif"), ("lif", "output")]
    yield "plain ladder of paths", "in/net.nir", graph({**ends, **scales, "lif": lif}, ladder)
    yield "plain nothing", "in/net.nir", graph({}, [])
    yield "plain ports only", "in/net.nir", graph(ends, [("input", "output")])


def utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _renamed(graph, name):
    """The graph with its hidden population under another name."""
    from dataclasses import replace

    def new(old: str) -> str:
        return name if old == "hidden0" else old

    return replace(
        graph,
        populations=tuple(replace(p, name=new(p.name)) for p in graph.populations),
        projections=tuple(
            replace(p, source=new(p.source), target=new(p.target)) for p in graph.projections
        ),
    )


def net() -> Iterator[File]:
    from tests.backends.loihi.netx import net_files as files

    def made(*layers: dict[str, object]) -> bytes:
        stream = io.BytesIO()
        files.write_net(stream, layers)
        return stream.getvalue()

    place = "in/chip.net"
    ones = np.ones((3, 5))
    for size in (10**6, 10**9, 2**40, -1, 0):
        source = {"type": "input", "shape": np.array([size])}
        yield f"{size} inputs", place, made(source, files.dense(ones, files.cuba()))
        image = {"type": "input", "shape": np.array([size, size, 1])}
        conv = files.conv(
            np.ones((1, 1, 3, 3)), (size, size, 1), files.cuba(), padding=(size, size)
        )
        yield f"image of {size}", place, made(image, conv)
        yield (
            f"stride {size}",
            place,
            made(
                {"type": "input", "shape": np.array([4, 4, 1])},
                files.conv(np.ones((1, 1, 3, 3)), (2, 2, 1), files.cuba(), stride=(size, 1)),
            ),
        )
        yield (
            f"delay {size}",
            place,
            made(
                {"type": "input", "shape": np.array([5])},
                files.dense(ones, files.cuba(), delay=size),
            ),
        )
        yield (
            f"average {size}",
            place,
            made(
                {"type": "input", "shape": np.array([5])},
                files.dense(ones, files.cuba()),
                {"type": "average", "shape": np.array([size])},
            ),
        )
    for value in (np.nan, np.inf, 1e300, -1, 0, 2**31):
        neuron = files.cuba(threshold=value, decay_u=value, decay_v=value)
        start = {"type": "input", "shape": np.array([5])}
        yield f"neuron of {value}", place, made(start, files.dense(ones, neuron))
        weight = np.clip(ones * value, -1e38, 1e38)
        yield f"weights of {value}", place, made(start, files.dense(weight, files.cuba()))
    for kind in hostile.NAMES[:20]:
        if kind.isascii() and "\0" not in kind:
            yield f"type {kind!r}", place, made({"type": kind, "shape": np.array([5])})
    layers = [files.dense(np.ones((3, 3)), files.cuba()) for _ in range(400)]
    yield "400 layers", place, made({"type": "input", "shape": np.array([3])}, *layers)


def onnx() -> Iterator[File]:
    from onnx import ModelProto

    model = ModelProto(ir_version=8)
    model.opset_import.add(version=17)
    yield "no graph", "in/net.onnx", model.SerializeToString()
    model.graph.name = "g"
    for dims in ([10**9], [2**31, 2**31], [-1], [0], [1] * 2000):
        made = ModelProto()
        made.CopyFrom(model)
        tensor = made.graph.initializer.add(name="w", data_type=1)
        tensor.dims.extend(dims)
        tensor.raw_data = b"\0" * 4
        for key in ("snn2chip", "snn2chip.network", "snn2chip.states"):
            made.metadata_props.add(key=key, value='{"schema": "snn2chip/onnx/1"}')
        yield f"dims {str(dims)[:20]}", "in/net.onnx", made.SerializeToString()
    for k, depth in enumerate((99, 101, 100_000)):
        yield f"deep {k}", "in/net.onnx", _nested(depth)
    yield "deep JSON", "in/net.onnx", _with_network(model, "[" * 100_000)
    yield "long JSON", "in/net.onnx", _with_network(model, json.dumps(["x"] * 10**6))


def _with_network(model, text: str) -> bytes:
    from onnx import ModelProto

    made = ModelProto()
    made.CopyFrom(model)
    for key in ("snn2chip", "snn2chip.network", "snn2chip.states"):
        made.metadata_props.add(key=key, value=text)
    content: bytes = made.SerializeToString()
    return content


def _nested(depth: int) -> bytes:
    """Fields 7 (graph), 1 (node), 5 (attribute), 6 (graph) inside one another."""
    content = b""
    for k in range(min(depth, 3000)):
        tag = (b"\x3a", b"\x0a", b"\x2a", b"\x32")[k % 4]
        size = len(content)
        length = b""
        while size > 127:
            length += bytes([size & 127 | 128])
            size >>= 7
        content = tag + length + bytes([size]) + content
    return content
