"""One step in onnxruntime, fed with its own states, is the Graph: spike for spike."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.onnx import write_onnx
from snn2chip.frontends.onnx.running import steps
from snn2chip.frontends.onnx.step import step_of
from snn2chip.frontends.onnx.write import to_bytes
from snn2chip.graph import Delay, Graph
from snn2chip.graph.oracle import run_graph
from snn2chip.neurons import PRESETS, from_preset

from ...graph.networks import DT, population, tiny
from .networks import convolved, graphs, onnx, spikes_for, two_inputs


def assert_equal_runs(graph: Graph, spikes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Runs both; spikes are equal and membranes are within 1e-9 at every step."""
    expected, step = run_graph(graph, spikes), step_of(graph)
    found = list(steps(to_bytes(graph), {step.tensors[name]: x for name, x in spikes.items()}))
    for population_ in graph.populations:
        name = population_.name
        if population_.is_input:
            continue
        v = np.stack([f[step.membranes[name]] for f in found])
        np.testing.assert_allclose(v, expected[f"{name}.v"], rtol=1e-9, atol=1e-9)
        output = np.stack([f[step.tensors[name]] for f in found])
        if population_.neuron.spiking:
            assert (output != expected[name]).sum() == 0, name
        else:
            np.testing.assert_allclose(output, expected[name], rtol=1e-9, atol=1e-9)
    return expected


@settings(max_examples=60)
@given(graphs())
def test_random_networks(made) -> None:
    graph, spikes = made
    assert_equal_runs(graph, spikes)
    model = onnx.ModelProto.FromString(to_bytes(graph))
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset(preset: str) -> None:
    rng = np.random.default_rng(0)
    graph = replace(two_inputs(), discretization=from_preset(preset, DT))
    expected = assert_equal_runs(graph, spikes_for(rng, graph, steps=20))
    assert expected["sum"].sum() > 10


@pytest.mark.parametrize(
    "delay",
    [
        Delay(np.array(3)),
        Delay(np.array([0, 2]), "source"),
        Delay(np.array([3, 1, 0, 1]), "target"),
        Delay(np.array([[0, 1], [2, 2], [1, 0], [3, 3]]), "synapse"),
    ],
    ids=lambda delay: f"{delay.axis} {delay.steps.max()}",
)
@pytest.mark.parametrize("early_bias", ["kept", "dropped"])
def test_delays_of_every_axis(delay: Delay, early_bias: str) -> None:
    graph = two_inputs(delay)
    graph = replace(graph, discretization=graph.discretization.override(early_bias=early_bias))
    expected = assert_equal_runs(graph, spikes_for(np.random.default_rng(1), graph, steps=20))
    assert expected["sum"].sum() > 10
    step = step_of(graph)
    assert ("step" in step.inputs) is (early_bias == "dropped" and delay.smallest > 0)
    assert step.inputs["left.history"] == (delay.largest, 2)
    assert step.inputs["right.history"] == (2, 3)


@pytest.mark.parametrize(
    ("axes", "groups"), [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]
)
def test_convolutions(axes: int, groups: int) -> None:
    graph = convolved(axes, groups)
    expected = assert_equal_runs(graph, spikes_for(np.random.default_rng(2), graph))
    assert 0 < expected["conv"].mean() < 1


def test_a_population_that_nothing_feeds() -> None:
    lonely = population("lonely", "LIF", (3,), v_leak=1.5)
    graph = replace(tiny(), populations=(*tiny().populations, lonely))
    graph = replace(graph, discretization=graph.discretization.override(initial_v="zero"))
    expected = assert_equal_runs(graph, spikes_for(np.random.default_rng(3), graph, steps=30))
    assert expected["lonely"].sum() > 0


def test_states_begin_where_the_graph_begins() -> None:
    resting = population("hidden", "LIF", (4,), v_leak=0.25)
    mixed = replace(resting.neuron, v_leak=np.array([0.0, 0.5, 0.25, -1.0]))
    for hidden, start in ((resting, 0.25), (replace(resting, neuron=mixed), [0.0, 0.5, 0.25, -1])):
        first, _, last = tiny().populations
        graph = replace(tiny(), populations=(first, hidden, last))
        properties = onnx.ModelProto.FromString(to_bytes(graph)).metadata_props
        states = json.loads({p.key: p.value for p in properties}["snn2chip.states"])
        assert states["hidden.v"] == {"next": "hidden.v.next", "shape": [4], "start": start}
        assert_equal_runs(graph, spikes_for(np.random.default_rng(4), graph))


def test_inputs_and_outputs_are_called_after_populations() -> None:
    model = onnx.ModelProto.FromString(to_bytes(two_inputs()))
    assert [port.name for port in model.graph.input] == [
        "left", "right", "sum.v", "sum.i", "out.v", "right.history", "sum.history",
    ]  # fmt: skip
    assert [port.name for port in model.graph.output] == [
        "sum", "out", "sum.v.next", "sum.i.next", "out.v.next",
        "right.history.next", "sum.history.next",
    ]  # fmt: skip
    names = {tensor.name for tensor in model.graph.initializer}
    assert {"left->sum.weight", "left->sum.bias", "sum.tau_mem", "right->sum.weight_"} <= names
    for port in (*model.graph.input, *model.graph.output):
        shape = port.type.tensor_type.shape
        assert (port.type.tensor_type.elem_type, shape.dim[0].dim_param) == (11, "batch")
        assert all(axis.dim_value > 0 for axis in shape.dim[1:])


@pytest.mark.parametrize(
    "names",
    [
        ("in", "a", "a.i"),
        ("a.history", "a", "out.v.next"),
        ("step", "#1", "#2"),
        ("x\0y", "\ud800", "\\ud800"),
        ("<b>", "../a", "é 日本"),
        ("a.next", "a->a.weight", "a"),
    ],
)
def test_names_of_every_kind(names: tuple[str, ...]) -> None:
    graph = two_inputs()
    new = dict(zip(("left", "sum", "out"), names, strict=True))
    renamed = replace(
        graph,
        populations=tuple(replace(p, name=new.get(p.name, p.name)) for p in graph.populations),
        projections=tuple(
            replace(p, source=new.get(p.source, p.source), target=new.get(p.target, p.target))
            for p in graph.projections
        ),
        outputs=(names[2], names[1]),
    )
    assert_equal_runs(renamed, spikes_for(np.random.default_rng(5), renamed))
    onnx.checker.check_model(onnx.ModelProto.FromString(to_bytes(renamed)), full_check=True)


@pytest.mark.parametrize(
    ("delay", "message"),
    [
        (Delay(np.array(2**27)), "past outputs"),
        (Delay(np.arange(8).reshape(4, 2) * 1000, "synapse"), "different delays"),
    ],
)
def test_delays_without_end_are_refused(
    delay: Delay, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snn2chip.frontends.onnx.step._MOST_DELAYS", 7)
    with pytest.raises(UnsupportedError, match=message):
        step_of(two_inputs(delay))


ALONE = """
import json, sys
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"])
kept = json.loads(session.get_modelmeta().custom_metadata_map["snn2chip.states"])
x = {name: array.astype(float) for name, array in np.load("x.npz").items()}
n = len(x["left"][0])
states = {k: np.broadcast_to(np.float64(s["start"]), (n, *s["shape"])) for k, s in kept.items()}
names = [port.name for port in session.get_outputs()]
spikes = []
for t in range(len(x["left"])):
    fed = {k: a[t] for k, a in x.items()} | {k: np.array(a) for k, a in states.items()}
    found = dict(zip(names, session.run(names, fed)))
    states = {k: found[s["next"]] for k, s in kept.items()}
    spikes.append(found["sum"])
np.save("spikes.npy", spikes)
assert not any(name.startswith(("snn2chip", "torch", "onnx.")) for name in sys.modules)
"""


def test_a_process_with_onnxruntime_alone(tmp_path: Path) -> None:
    graph = two_inputs()
    spikes = spikes_for(np.random.default_rng(6), graph, steps=20)
    write_onnx(graph, tmp_path / "net.onnx")
    np.savez(tmp_path / "x.npz", **spikes)
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert np.array_equal(np.load(tmp_path / "spikes.npy"), run_graph(graph, spikes)["sum"])
    assert np.load(tmp_path / "spikes.npy").sum() > 10
