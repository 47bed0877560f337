"""A written step is read as the network that it was, or refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.frontends import load
from snn2chip.frontends.onnx import read_onnx, write_onnx
from snn2chip.graph import Delay, Encoding, differences
from snn2chip.graph.operators import weights_of, with_weights
from snn2chip.neurons import from_preset

from ...graph.networks import DT, tiny
from .networks import convolved, graphs, onnx, refused, two_inputs


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs())
def test_random_networks_come_back(tmp_path: Path, made) -> None:
    graph, _ = made
    write_onnx(graph, tmp_path / "net.onnx")
    again = load(tmp_path / "net.onnx")
    assert differences(graph, again) == []
    assert [p.name for p in again.populations] == [p.name for p in graph.populations]
    write_onnx(again, tmp_path / "again.onnx")
    assert (tmp_path / "net.onnx").read_bytes() == (tmp_path / "again.onnx").read_bytes()


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("axes", [0, 1, 2, 3])
def test_convolutions_come_back(tmp_path: Path, axes: int, groups: int) -> None:
    write_onnx(convolved(axes, groups), tmp_path / "net.onnx")
    assert differences(convolved(axes, groups), load(tmp_path / "net.onnx")) == []


def test_everything_that_onnx_cannot_hold(tmp_path: Path) -> None:
    graph = replace(
        two_inputs(Delay(np.array([[0, 1], [2, 2], [1, 0], [3, 3]]), "synapse")),
        discretization=from_preset("snntorch", DT, reset="subtract").override(
            **{"sum.reset": "zero"}
        ),
        encoding=Encoding("if", 9, 0.5, 2.0),
        classes=("<b>", "\ud800"),
        data="digits",
        split_seed=7,
    )
    write_onnx(graph, tmp_path / "net.onnx")
    again = load(tmp_path / "net.onnx")
    assert differences(graph, again) == []
    assert (again.name, again.classes, again.outputs) == ("net", ("<b>", "\ud800"), ("out", "sum"))


def test_parameters_that_no_node_uses_come_back(tmp_path: Path) -> None:
    """Rockpool ignores r; each neuron has its own here, and they stand in no initializer."""
    first, hidden, last = tiny().populations
    own = replace(hidden, neuron=replace(hidden.neuron, r=np.array([1.0, 2, 3, 4])))
    graph = replace(
        tiny(), populations=(first, own, last), discretization=from_preset("rockpool", DT)
    )
    write_onnx(graph, tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    assert "hidden.r" not in {tensor.name for tensor in model.graph.initializer}
    assert differences(graph, load(tmp_path / "net.onnx")) == []


def test_float32_weights_stay_float32(tmp_path: Path) -> None:
    graph = tiny()
    narrow = tuple(
        replace(p, operator=with_weights(p.operator, weights_of(p.operator).astype(np.float32)))
        for p in graph.projections
    )
    write_onnx(replace(graph, projections=narrow), tmp_path / "net.onnx")
    again = load(tmp_path / "net.onnx")
    assert {weights_of(p.operator).dtype for p in again.projections} == {np.dtype(np.float32)}
    assert differences(graph, again) == []


def test_weights_have_one_place(tmp_path: Path) -> None:
    """A weight changed in the file is the network's weight."""
    write_onnx(tiny(), tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    for tensor in model.graph.initializer:
        if tensor.name == "hidden->out.weight":
            weight = onnx.numpy_helper.to_array(tensor) + 1.0
            tensor.CopyFrom(onnx.numpy_helper.from_array(weight, tensor.name))
    onnx.save(model, tmp_path / "net.onnx")
    assert differences(tiny(), load(tmp_path / "net.onnx")) == ["projection hidden->out: weights"]


def test_flags_go_before_the_file(tmp_path: Path) -> None:
    write_onnx(tiny(), tmp_path / "net.onnx")
    assert load(tmp_path / "net.onnx", dt=2 * DT).discretization.dt == 2 * DT
    changed = load(tmp_path / "net.onnx", overrides={"reset": "subtract", "hidden.fires": ">="})
    assert changed.discretization.reset == "subtract"
    assert changed.discretization.of("hidden").fires == ">="
    assert load(tmp_path / "net.onnx", preset="nengo").discretization.preset == "nengo"


@pytest.mark.parametrize(
    ("preset", "overrides", "named"),
    [
        ("lava", {}, "input_latency 1"),
        (None, {"recurrent_delay": 2}, "recurrent_delay 2"),
        (None, {"weights": "int8"}, "weights int8"),
    ],
)
def test_flags_that_come_too_late(tmp_path: Path, preset, overrides, named: str) -> None:
    write_onnx(tiny(), tmp_path / "net.onnx")
    with pytest.raises(ConfigError, match=named) as caught:
        load(tmp_path / "net.onnx", preset, None, overrides)
    assert "where the network is exported" in caught.value.remedy


def edited(path: Path, change) -> Path:
    """The written network ``tiny`` after a change to its protobuf model."""
    write_onnx(tiny(), path)
    model = onnx.load(path)
    change(model)
    path.write_bytes(model.SerializeToString())
    return path


def node(model, operation: str):
    return next(n for n in model.graph.node if n.op_type == operation)


def network(model, change) -> None:
    """Changes the JSON text of the network."""
    for entry in model.metadata_props:
        if entry.key == "snn2chip.network":
            content = json.loads(entry.value)
            change(content)
            entry.value = json.dumps(content)


CHANGES = {
    "another operation": lambda m: setattr(node(m, "Greater"), "op_type", "Less"),
    "a node more": lambda m: m.graph.node.append(m.graph.node[0]),
    "no nodes": lambda m: m.graph.ClearField("node"),
    "an attribute": lambda m: setattr(node(m, "Gemm").attribute[0], "i", 0),
    "a cycle": lambda m: node(m, "Gemm").input.__setitem__(0, node(m, "Gemm").output[0]),
    "another shape": lambda m: setattr(
        m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 4
    ),
    "another input": lambda m: setattr(m.graph.input[0], "name", "other"),
    "an output less": lambda m: m.graph.output.pop(),
    "an initializer more": lambda m: m.graph.initializer.add(
        name="x", data_type=11, raw_data=b"12345678"
    ),
    "another operator set": lambda m: setattr(m.opset_import[0], "version", 16),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_step_that_is_another(tmp_path: Path, name: str) -> None:
    said = refused(read_onnx, edited(tmp_path / "net.onnx", CHANGES[name]))
    assert "are not those of the network that it names" in said


def weight(model):
    return next(t for t in model.graph.initializer if t.name == "hidden->out.weight")


def grown(content) -> None:
    content["populations"][1]["shape"] = [2**20, 2**20]


def unwound(content) -> None:
    content["projections"][0]["target"] = "input"


DAMAGES = {
    "no such initializer": lambda m: setattr(weight(m), "name", "other"),
    "twice as large a shape": lambda m: weight(m).dims.__setitem__(0, 4),
    "a shape of nothing": lambda m: weight(m).dims.__setitem__(0, 0),
    "a shape below nothing": lambda m: weight(m).dims.__setitem__(0, -2),
    "a huge shape": lambda m: weight(m).dims.__setitem__(0, 2**62),
    "too few bytes": lambda m: setattr(weight(m), "raw_data", b"1234567"),
    "another type": lambda m: setattr(weight(m), "data_type", 10),
    "no such type": lambda m: setattr(weight(m), "data_type", 99),
    "not a number": lambda m: setattr(weight(m), "raw_data", b"\xff" * 64),
    "external": lambda m: (
        setattr(weight(m), "data_location", 1),
        weight(m).external_data.add(key="location", value="/etc/hostname"),
    ),
    "a huge population": lambda m: network(m, grown),
    "a fed input": lambda m: network(m, unwound),
    "no populations": lambda m: network(m, lambda c: c.pop("populations")),
    "another schema": lambda m: network(m, lambda c: c.update(schema="snn2chip/onnx/9")),
    "populations twice": lambda m: network(
        m, lambda c: c["populations"].append(c["populations"][1])
    ),
    "a model that is none": lambda m: network(
        m, lambda c: c["populations"][1].update(model="Izhikevich")
    ),
    "a parameter more": lambda m: network(
        m, lambda c: c["populations"][1]["parameters"].update(w_in=1.0)
    ),
    "a negative delay": lambda m: network(
        m, lambda c: c["projections"][0]["delay"].update(steps=-1)
    ),
    "a delay beyond": lambda m: network(
        m, lambda c: c["projections"][0]["delay"].update(steps=2**40)
    ),
    "an operator that is none": lambda m: network(
        m, lambda c: c["projections"][0]["operator"].update(kind="Sparse")
    ),
    "no list": lambda m: network(m, lambda c: c.update(projections=3)),
    "JSON without end": lambda m: setattr(m.metadata_props[1], "value", "[" * 100_000),
    "no metadata": lambda m: setattr(m.metadata_props[0], "value", "{}"),
    "a subgraph": lambda m: node(m, "Gemm").attribute.add(name="g", type=5).g.SetInParent(),
    "a function": lambda m: m.functions.add(name="f"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_files(tmp_path: Path, name: str) -> None:
    said = refused(read_onnx, edited(tmp_path / "net.onnx", DAMAGES[name]))
    assert "net.onnx" in said or "network 'net' is inconsistent" in said
    assert "change:" in said


def test_a_network_of_more_neurons_than_can_be(tmp_path: Path) -> None:
    """Uniform parameters are one number each, so a few bytes could ask for gigabytes."""

    def change(content) -> None:
        content["populations"][1]["shape"] = [2**23]
        content["populations"][2]["shape"] = [2**23 + 1]

    path = edited(tmp_path / "net.onnx", lambda m: network(m, change))
    assert f"a population of shape ({2**23 + 1},)" in refused(read_onnx, path)


def test_a_padding_that_needs_too_much(tmp_path: Path) -> None:
    write_onnx(convolved(2), tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")

    def change(content) -> None:
        geometry = content["projections"][0]["operator"]
        geometry.update(padding=[[0, 2**30], [0, 2**30]], stride=[2**30, 2**30])

    network(model, change)
    onnx.save(model, tmp_path / "net.onnx")
    assert "a padding of ((0, 1073741824)" in refused(read_onnx, tmp_path / "net.onnx")


def test_a_delay_that_needs_too_much(tmp_path: Path) -> None:
    """The file would be a few hundred bytes, its histories gigabytes."""

    def change(content) -> None:
        content["projections"][0]["delay"]["steps"] = 2**31 - 1

    path = edited(tmp_path / "net.onnx", lambda m: network(m, change))
    with pytest.raises(UnsupportedError, match="whose spikes travel for up to 2147483647 steps"):
        read_onnx(path)
