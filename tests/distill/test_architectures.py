"""Every kind of student: what it is made of, and that it is the same network everywhere."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
norse = pytest.importorskip("norse.torch", reason="students have Norse cells")

from snn2chip.data.digits import Split  # noqa: E402
from snn2chip.distill import load_checkpoint, save_checkpoint  # noqa: E402
from snn2chip.distill.describing import describe  # noqa: E402
from snn2chip.distill.on_target import graph_of_student, run_on_target  # noqa: E402
from snn2chip.distill.recipe import StudentConfig, recipe_from_dict  # noqa: E402
from snn2chip.distill.sequence import encode_spikes, run_layers, run_steps  # noqa: E402
from snn2chip.distill.students import architecture, build_student, check_layer  # noqa: E402
from snn2chip.errors import ConfigError, InputFileError, UnsupportedError  # noqa: E402

SHAPES = {"conv": (2, 8, 8), "resnet": (2, 8, 8), "audio": (1, 9, 6), "mlp": (1, 4, 4)}
STUDENTS = {
    "vgg": {"kind": "conv", "widths": [3, 4, 4], "pools": [2], "strides": [1, 1, 2], "dense": [7]},
    "resnet": {"kind": "resnet", "widths": [3, 5], "blocks": [1, 2], "tau": [0.002, 0.004]},
    "iaf resnet": {"kind": "resnet", "widths": [3, 3], "strides": [2, 1], "neuron": "iaf"},
    "audio": {"kind": "audio", "widths": [4, 5], "strides": [2, 1], "pools": [1]},
    "cubalif": {"kind": "mlp", "widths": [7], "neuron": "cubalif", "tau_syn": 0.003},
    "cubalif resnet": {"kind": "resnet", "widths": [3], "neuron": "cubalif"},
    "atan": {"kind": "conv", "widths": [3], "surrogate": "atan", "alpha": 2.0},
}


def made(name: str, **training: object):
    """A student with statistics and thresholds that make it spike, its metadata and samples."""
    recipe = recipe_from_dict(
        {
            "student": {**STUDENTS[name], "v_threshold": 0.4},
            "encoding": {"steps": 6, "gain": 1.5},
            "training": {"epochs": 2, "batch": 8, "threads": 1, **training},
        }
    )
    rng = np.random.default_rng(0)
    shape = SHAPES[STUDENTS[name]["kind"]]
    x = rng.integers(0, 17, (24, *shape)) / 16
    y = np.arange(24) % 3
    metadata = describe(recipe, Split(x, y, x, y))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        student = build_student(metadata.architecture, metadata.discretization.dt)
        for module in student.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.1, 0.1)
                module.running_var.uniform_(0.02, 0.1)
                module.bias.data.uniform_(0.1, 0.3)
            if isinstance(module, torch.nn.Linear):
                module.weight.data.mul_(3)
                module.bias.data.uniform_(0.2, 0.8)
    return recipe, student.eval(), metadata, Split(x, y, x, y)


@pytest.fixture(params=STUDENTS)
def name(request):
    return request.param


def test_layer_by_layer_is_step_by_step(name):
    _, student, metadata, split = made(name)
    x = encode_spikes(torch.as_tensor(split.x_test, dtype=torch.float32), metadata.encoding)
    whole = run_layers(student, x)
    assert whole.output.sum() > 0
    assert torch.equal(whole.output, run_steps(student, x))


def test_all_populations_spike_and_are_those_of_the_graph(name):
    _, student, metadata, split = made(name)
    x = encode_spikes(torch.as_tensor(split.x_test, dtype=torch.float32), metadata.encoding)
    spikes = run_layers(student, x).spikes
    graph = graph_of_student(student, metadata)
    inner = {p.name: p.shape for p in graph.populations if not p.is_input}
    assert {n: tuple(s.shape[2:]) for n, s in spikes.items()} == inner
    assert all(s.sum() > 0 for s in spikes.values())


def test_a_chip_runs_it_and_the_float_graph_is_the_student(name):
    """Spikes of the graph equal the student's in float64, but where rounding meets a threshold."""
    _, student, metadata, split = made(name)
    result = run_on_target(student, metadata, split, "loihi2")
    x = encode_spikes(torch.as_tensor(split.x_test), metadata.encoding)
    twin = student.double()
    assert result.reference is not None
    for population, spikes in run_layers(twin, x).spikes.items():
        raster = result.reference.populations[population].spikes.unpack()
        found = np.asarray(raster).reshape(spikes.shape)
        assert (found != spikes.detach().numpy()).mean() < 2e-3
    assert not result.violations
    assert sum(layer.counts.spikes for layer in result.energy.layers) > 0


def test_a_checkpoint_holds_it(name, tmp_path):
    _, student, metadata, split = made(name)
    path = save_checkpoint(tmp_path / "s.safetensors", student, metadata)
    again, found = load_checkpoint(path)
    assert found.architecture == metadata.architecture
    x = encode_spikes(torch.as_tensor(split.x_test, dtype=torch.float32), metadata.encoding)
    assert torch.equal(run_layers(student, x).output, run_layers(again, x).output)


def test_export_proves_it(name, tmp_path, cli_export):
    _, student, metadata, split = made(name)
    path = save_checkpoint(tmp_path / "s.safetensors", student, metadata)
    np.savez(tmp_path / "x.npz", x=split.x_test, y=split.y_test)
    cli_export(path, tmp_path / "x.npz", tmp_path / "s.nir")


@pytest.fixture
def cli_export():
    """``snn2chip export`` to NIR, and ``simulate`` of that on loihi2."""
    from snn2chip.cli import main

    def call(checkpoint, data, out):
        assert main(["export", str(checkpoint), "--data", str(data), "-o", str(out)]) == 0
        report = out.with_suffix(".json")
        arguments = ["simulate", str(out), "--target", "loihi2", "--data", str(data)]
        assert main([*arguments, "--json", str(report)]) == 0
        assert json.loads(report.read_text())["run"]["samples"] == 24

    return call


def test_it_trains(name):
    from snn2chip.distill.training import fit

    recipe, _, _, split = made(name, epochs=4, drive_weight=1.0)
    fitted = fit(recipe, split.x_train, split.y_train)
    assert fitted.losses[-1] < fitted.losses[0]
    assert all(torch.isfinite(p).all() for p in fitted.student.parameters())


def test_parts_of_a_block_can_be_tapped():
    _, student, metadata, split = made("resnet")
    x = encode_spikes(torch.as_tensor(split.x_test, dtype=torch.float32), metadata.encoding)
    taps = run_layers(student, x, ("block1", "block1.mid", "block2.out_norm", "absent")).taps
    assert set(taps) == {"block1", "block1.mid", "block2.out_norm"}
    assert torch.equal(taps["block1"], run_layers(student, x).spikes["block1/out"])


def test_both_branches_are_projections_into_one_population():
    _, student, metadata, _ = made("resnet")
    graph = graph_of_student(student, metadata)
    into = {p.name: sorted(q.source for q in graph.incoming(p.name)) for p in graph.populations}
    assert into["block1/out"] == ["block1/mid", "conv1"]
    assert into["block2/out"] == ["block2/mid", "conv2"]
    assert into["block3/mid"] == ["block2/out"]
    operators = {q.source: type(q.operator).__name__ for q in graph.incoming("block1/out")}
    assert operators == {"conv1": "Identity", "block1/mid": "Conv"}


@pytest.mark.parametrize("name", ["vgg", "audio", "resnet"])
def test_shapes_are_those_of_the_plan(name):
    _, student, metadata, _ = made(name)
    shapes = {p.name: p.shape for p in graph_of_student(student, metadata).populations}
    expected = {
        "vgg": {"conv1": (3, 8, 8), "conv2": (4, 8, 8), "conv3": (4, 2, 2), "hidden1": (7,)},
        "audio": {"conv1": (4, 5, 1), "conv2": (5, 2, 1)},
        "resnet": {"conv1": (3, 8, 8), "block1/out": (3, 8, 8), "block3/out": (5, 4, 4)},
    }[name]
    assert {n: shapes[n] for n in expected} == expected


@pytest.mark.parametrize(
    ("neuron", "reset"),
    [("lif", "zero"), ("lif", "subtract"), ("iaf", "zero"), ("cubalif", "zero")],
)
def test_atan_has_its_gradient_with_kernels_and_without(neuron, reset, monkeypatch):
    """d spike / d v = a/2 / (1 + (pi/2 a (v - 1))^2), through one step from 0."""
    student = StudentConfig(
        "mlp", (3,), neuron=neuron, reset=reset, surrogate="atan", alpha=2.0, tau=(2e-3,)
    )
    drive = torch.tensor([[0.2, 1.5, 3.0]])
    v = drive.numpy() * (0.5 if neuron != "iaf" else 1.0)
    slope = 1.0 / (1.0 + (np.pi * (v - 1.0)) ** 2) * (0.5 if neuron != "iaf" else 1.0)
    for switch in ("1", "0"):
        monkeypatch.setenv("SNN2CHIP_NUMBA", switch)
        cell = build_student([architecture(student, (1, 2, 2), 2)[2]], 1e-3)
        x = drive.clone()[None].requires_grad_()
        spikes = run_layers(cell, x).output
        np.testing.assert_array_equal(spikes.detach().numpy()[0], v > 1.0)
        spikes.sum().backward()
        np.testing.assert_allclose(x.grad.numpy()[0], slope, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "conv", "widths": [3, 3], "pools": [3]}, "pools = 3"),
        ({"kind": "mlp", "strides": [2]}, "strides"),
        ({"kind": "conv", "blocks": [2]}, "blocks"),
        ({"kind": "resnet", "pools": []}, "pools"),
        ({"kind": "resnet", "widths": [4, 4], "blocks": [1, 2, 3]}, "blocks"),
        ({"kind": "conv", "widths": [4, 4, 4], "strides": [1, 2]}, "strides"),
        ({"kind": "mlp", "dense": [0]}, "dense"),
        ({"kind": "mlp", "neuron": "cubalif", "reset": "subtract"}, "subtract"),
        ({"kind": "mlp", "tau_syn": 0.0}, "tau_syn"),
        ({"kind": "resnet", "widths": [4] * 8, "blocks": [60]}, "layers"),
    ],
)
def test_senseless_options_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        recipe_from_dict({"student": options})


@pytest.mark.parametrize("kind", ["conv", "resnet", "audio"])
def test_samples_that_do_not_fit_are_named(kind):
    with pytest.raises(ConfigError, match="shape"):
        architecture(StudentConfig(kind, (3,)), (64,), 3)
    pools = None if kind == "resnet" else (1, 2, 3, 4, 5)
    small = StudentConfig(kind, (3,) * 5, pools=pools)
    if kind == "resnet":  # strides with padding never leave less than one value
        assert architecture(small, (1, 8, 8), 3)
        return
    with pytest.raises(ConfigError, match="5 poolings"):
        architecture(small, (1, 8, 8), 3)


@pytest.mark.parametrize(
    ("neuron", "message"),
    [
        ({"kind": "li", "tau": 0.002}, "neurons 'li'"),
        ({"kind": "lif", "tau": 0.002}, "options"),
        ({"kind": "residual"}, "options"),
        (None, "kind None"),
        ("lif", "kind None"),
    ],
)
def test_blocks_of_odd_neurons_are_refused(neuron, message):
    layer = {"kind": "residual", "channels": 2, "kernel": 3}
    with pytest.raises(InputFileError) as caught:
        check_layer({**layer, "neuron": neuron}, 4)
    assert "layer 4" in str(caught.value)
    assert message in str(caught.value)


def test_blocks_are_not_fine_tuned_in_integers():
    from snn2chip.distill.quantized.folding import sites

    for name in ("resnet", "cubalif"):
        with pytest.raises(UnsupportedError, match=r"block1|hidden1") as caught:
            sites([x for x in made(name)[2].architecture if x["kind"] != "batchnorm2d"])
        assert "quantization" in caught.value.remedy
