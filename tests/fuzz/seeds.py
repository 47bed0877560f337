"""Small valid files of every kind, all made by code."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from snn2chip.frontends.nir import write_graph
from snn2chip.graph import Encoding
from snn2chip.resources import models_dir, targets_dir
from tests import networks, whole_networks
from tests.backends.loihi.netx import net_files as net
from tests.fuzz.kinds import IN, Seed

NORSE = ("--preset", "norse", "--dt", "1e-3")

RECIPE = """\
[data]
name = "digits"
split_seed = 3
test_size = 0.9
validation = 0.1

[encoding]
kind = "if"
steps = 3
threshold = 0.9375
dt = 1e-3

[student]
kind = "mlp"
widths = [4]
neuron = "iaf"
tau = [2e-3]
tau_out = 0.5
readout = "v_mean"

[training]
epochs = 1
batch = 256
lr = 1e-2
seed = 1
threads = 1

[training.augmentation]
share = 0.0
"""


def companions(folder: Path) -> None:
    """The valid files beside the mutated one: networks, their data, and a compiled folder."""
    from snn2chip.cli import main

    (folder / IN).mkdir(parents=True)
    rng = np.random.default_rng(0)
    write_graph(networks.chain(rng), folder / IN / "net.nir")
    write_graph(whole_networks.two_inputs(rng), folder / IN / "two.nir")
    arrays = {
        "x_train": rng.random((9, 6)),
        "x_test": rng.random((4, 6)),
        "y_test": rng.integers(0, 3, 4),
    }
    np.savez(folder / IN / "data.npz", **arrays)
    data = ("--data", f"{folder}/in/data.npz")
    code = main(["-q", "compile", f"{folder}/in/net.nir", "-o", f"{folder}/in/made", *data])
    assert code == 0
    (folder / IN / "usernet.py").write_text(_USER_MODULE)
    shutil.copy(folder / IN / "usernet.py", folder / "usernet.py")


def all_seeds(folder: Path) -> tuple[Seed, ...]:
    """Every seed, made with the help of an empty folder.

    Kinds whose package is not installed are left out.
    """
    companions(folder / "base")
    makers: list[Callable[[Path], Iterator[Seed]]] = [_nir, _net, _npz, _toml, _compiled]
    if find_spec("nir"):
        makers.append(_foreign_nir)
    if find_spec("torch") and find_spec("norse"):
        makers += [_checkpoints, _weights]
    if find_spec("onnx"):
        makers.append(_onnx)
    return tuple(seed for make in makers for seed in make(folder))


def _nir(folder: Path) -> Iterator[Seed]:
    for name, build in whole_networks.BUILDERS.items():
        path = folder / f"{name}.nir"
        write_graph(replace(build(np.random.default_rng(1)), encoding=Encoding("none")), path)
        yield Seed("nir", name, "in/net.nir", path.read_bytes())


def _foreign_nir(folder: Path) -> Iterator[Seed]:
    """Files of nir's own writer, and of its older versions."""
    import nir

    from tests.frontends import files
    from tests.frontends.nir import old_files as old

    def made(name: str) -> Seed:
        return Seed("nir", name, "in/net.nir", (folder / f"{name}.nir").read_bytes(), NORSE)

    files.simple(folder / "simple.nir")
    yield made("simple")
    one, w = np.ones(3), np.arange(9.0).reshape(3, 3) / 8
    inner = nir.NIRGraph(
        {
            "input": files.source(3),
            "lif": nir.CubaLIF(one / 256, one / 128, one, 0 * one, one, 0 * one),
            "w_rec": nir.Linear(w),
            "output": files.sink(3),
        },
        [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")],
        type_check=False,
    )
    nested = {"input": files.source(3), "fc": nir.Affine(w, one), "rec": inner}
    nested |= {"output": files.sink(3)}
    edges = [("input", "fc"), ("fc", "rec"), ("rec", "output")]
    files.save(folder / "nested.nir", nested, edges)
    yield made("nested")
    conv = nir.Conv2d((6, 6), np.ones((2, 1, 3, 3)) / 4, 1, 0, 1, 1, np.zeros(2))
    pool = nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    flat = nir.Flatten({"input": np.array([2, 2, 2])}, 0, -1)
    last = nir.Linear(np.ones((3, 8)) / 4)
    names = ["conv", "lif", "pool", "flat", "fc", "if"]
    nodes = [conv, files.lif((2, 4, 4)), pool, flat, last, nir.IF(one, one, 0 * one)]
    ends = files.source(1, 6, 6), files.sink(3)
    files.chain(folder / "convolution.nir", ends[0], *nodes, ends[1], names=names)
    yield made("convolution")
    delayed = [nir.Affine(w, one), files.lif(3), nir.Delay(one / 256), nir.Scale(one / 2)]
    delayed += [nir.Linear(w), files.probe(3)]
    files.chain(folder / "delay.nir", files.source(3), *delayed, files.sink(3))
    yield made("delay")
    for version in old.VERSIONS[:3]:
        nodes = {
            "input": {"type": "Input", "shape": np.array([3])},
            "fc": {"type": "Affine", "weight": w, "bias": one},
            "lif": old.spiking("LIF", version, (3,), tau=0.01, r=1, v_leak=0, v_threshold=1),
            "output": {"type": "Output", "shape": np.array([3])},
        }
        chain = [("input", "fc"), ("fc", "lif"), ("lif", "output")]
        old.write(folder / f"v{version}.nir", old.graph(nodes, chain), version)
        yield made(f"v{version}")


def _net(folder: Path) -> Iterator[Seed]:
    weight = np.arange(-6, 6).reshape(2, 1, 2, 3)
    everything = [
        {"type": "input", "shape": np.array([1, 3, 3]), "neuron": net.cuba(25), "bias": 4},
        net.conv(weight, (2, 2, 1), net.cuba(30), bias=np.array([3.0, -2])),
        {"type": "flatten", "shape": np.array([4])},
        net.dense(np.arange(12).reshape(3, 4) - 5, net.cuba(), weight_rec=np.eye(3)),
        net.dense(np.ones((4, 3)), net.cuba(), delay=np.array([1, 0, 2])),
        {"type": "average", "shape": np.array([2])},
    ]
    plain = [
        {"type": "input", "shape": np.array([5])},
        net.dense(np.arange(20).reshape(4, 5) - 9, net.cuba(decay_u=np.full(4, 1024))),
        net.dense(np.arange(8).reshape(2, 4) - 3, net.cuba(kind="LOIHI")),
    ]
    for name, layers, fixed in (("all", everything, False), ("plain", plain, True)):
        net.write_net(folder / f"{name}.net", layers, fixed_types=fixed)
        yield Seed("net", name, "in/chip.net", (folder / f"{name}.net").read_bytes())


def _npz(folder: Path) -> Iterator[Seed]:
    rng = np.random.default_rng(2)
    x = rng.random((4, 6))
    events = np.stack([rng.integers(0, most, 30) for most in (4, 7, 6)], axis=1)
    variants = {
        "static": {"x": x, "y": np.arange(4) % 3},
        "timed": {"x": rng.random((4, 7, 6)) < 0.3, "y": np.arange(4) % 3},
        "bytes": {"x": (x * 255).astype(np.uint8)},
        "split": {
            "x_train": x,
            "y_train": np.zeros(4, int),
            "x_test": x,
            "y_test": np.ones(4, int),
        },
        "events": {"events": events, "steps": np.array(7), "y": np.arange(4) % 3},
        "two": {"x.left": x[:, :5], "x.right": x[:, :4], "y": np.arange(4) % 3},
        "two_events": {"events.left": events, "events.right": events % 4, "steps": np.array(7)},
    }
    for name, arrays in variants.items():
        for save in (np.savez, np.savez_compressed):
            stream = io.BytesIO()
            save(stream, **arrays)
            yield Seed("npz", f"{name}-{save.__name__}", "in/samples.npz", stream.getvalue())


def _toml(folder: Path) -> Iterator[Seed]:
    for path in sorted(targets_dir().glob("*.toml")):
        yield Seed("target", path.stem, f"in/{path.stem}.toml", path.read_bytes())
    yield Seed("recipe", "small", "in/recipe.toml", RECIPE.encode())
    for path in sorted(models_dir().glob("*/recipe.toml")):
        yield Seed("recipe", path.parent.name, "in/recipe.toml", path.read_bytes())


def _compiled(folder: Path) -> Iterator[Seed]:
    made = folder / "base" / IN / "made"
    for kind, name in (
        ("program", "program.safetensors"),
        ("mapping", "mapping.json"),
        ("manifest", "manifest.json"),
        ("report", "report.json"),
        ("activity", "activity.safetensors"),
    ):
        yield Seed(kind, name, f"in/made/{name}", (made / name).read_bytes())


def _checkpoints(folder: Path) -> Iterator[Seed]:
    import tomllib

    import torch

    from snn2chip.distill import recipe_from_dict, save_checkpoint
    from snn2chip.distill.run import describe, load_samples
    from snn2chip.distill.students import build_student

    for kind, neuron, readout in (("mlp", "lif", "spike_count"), ("conv", "iaf", "v_last")):
        tables = tomllib.loads(RECIPE)
        tables["student"] |= {"kind": kind, "neuron": neuron, "readout": readout}
        recipe = recipe_from_dict(tables)
        metadata = describe(recipe, load_samples(recipe))
        torch.manual_seed(0)
        student = build_student(metadata.architecture, metadata.discretization.dt)
        path = save_checkpoint(folder / f"{kind}.safetensors", student, metadata)
        yield Seed("checkpoint", kind, "in/student.safetensors", path.read_bytes())


_USER_MODULE = """\
import norse.torch as norse
import torch


def make():
    p = norse.LIFBoxParameters(tau_mem_inv=torch.tensor(250.0))
    return norse.SequentialState(
        torch.nn.Linear(6, 4), norse.LIFBoxCell(p), torch.nn.Linear(4, 3), norse.LIFBoxCell(p)
    )
"""


def _weights(folder: Path) -> Iterator[Seed]:
    import torch
    from safetensors.torch import save_file

    namespace: dict[str, object] = {}
    exec(_USER_MODULE, namespace)
    state = namespace["make"]().state_dict()  # type: ignore[operator]
    flags = ("--model", "usernet:make")
    save_file(state, folder / "weights.safetensors")
    content = (folder / "weights.safetensors").read_bytes()
    yield Seed("weights", "safetensors", "in/weights.safetensors", content, flags)
    torch.save({"state_dict": state, "epoch": 3}, folder / "weights.pt")
    yield Seed("weights", "pt", "in/weights.pt", (folder / "weights.pt").read_bytes(), flags)


def _onnx(folder: Path) -> Iterator[Seed]:
    """Steps of a Graph as we write them, and a classifier without neurons."""
    from onnx import TensorProto, helper, numpy_helper

    tensor = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Softmax", ["r"], ["y"]),
    ]
    given = [
        numpy_helper.from_array(np.ones((3, 6), np.float32), "w"),
        numpy_helper.from_array(np.zeros(3, np.float32), "b"),
    ]
    ends = [tensor(n, TensorProto.FLOAT, ["batch", k]) for n, k in (("x", 6), ("y", 3))]
    graph = helper.make_graph(nodes, "classifier", ends[:1], ends[1:], given)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    yield Seed("onnx", "classifier", "in/net.onnx", model.SerializeToString())
    from snn2chip.frontends.onnx import write_onnx

    for name, build in whole_networks.BUILDERS.items():
        path = folder / f"{name}.onnx"
        write_onnx(replace(build(np.random.default_rng(1)), encoding=Encoding("none")), path)
        yield Seed("onnx", name, "in/net.onnx", path.read_bytes())
