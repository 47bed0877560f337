"""Architectures, and the modules they become."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="students are torch modules")
norse = pytest.importorskip("norse.torch", reason="students have Norse cells")

from snn2chip.distill.recipe import StudentConfig  # noqa: E402
from snn2chip.distill.students import (  # noqa: E402
    LAYERS,
    architecture,
    build_student,
    check_layer,
    names,
)
from snn2chip.errors import ConfigError, InputFileError  # noqa: E402

IMAGE = (1, 8, 8)


def kinds(student: StudentConfig, shape=IMAGE) -> list[str]:
    return [layer["kind"] for layer in architecture(student, shape, 10)]


def test_an_mlp_is_flatten_then_linear_and_neurons() -> None:
    student = StudentConfig(kind="mlp", widths=(20, 30), dropout=0.0)
    assert kinds(student) == ["flatten", "linear", "lif", "linear", "lif", "linear", "lif"]
    linear = [layer for layer in architecture(student, IMAGE, 10) if layer["kind"] == "linear"]
    assert [(layer["inputs"], layer["outputs"]) for layer in linear] == [
        (64, 20),
        (20, 30),
        (30, 10),
    ]


def test_a_conv_student_pools_after_every_population() -> None:
    student = StudentConfig(kind="conv", widths=(4, 6), dropout=0.2, neuron="iaf")
    block = ["conv2d", "batchnorm2d", "iaf", "avgpool2d"]
    assert kinds(student) == [*block, *block, "flatten", "dropout", "linear", "iaf"]
    assert architecture(student, (3, 9, 8), 5)[-2] == {
        "kind": "linear",
        "inputs": 6 * 2 * 2,
        "outputs": 5,
        "bias": True,
    }


@pytest.mark.parametrize("readout", ["v_last", "v_mean", "v_max"])
def test_membrane_readouts_end_in_a_leaky_integrator(readout) -> None:
    student = StudentConfig(kind="mlp", readout=readout, tau_out=0.016, neuron="iaf")
    assert architecture(student, IMAGE, 10)[-1] == {"kind": "li", "tau": 0.016}


def test_each_hidden_population_has_its_time_constant() -> None:
    student = StudentConfig(kind="mlp", widths=(5, 6), tau=(0.003, 0.005), tau_out=0.007)
    layers = architecture(student, IMAGE, 10)
    assert [layer["tau"] for layer in layers if layer["kind"] == "lif"] == [0.003, 0.005, 0.007]


def test_an_image_too_small_for_its_poolings() -> None:
    with pytest.raises(ConfigError, match="poolings"):
        architecture(StudentConfig(kind="conv", widths=(2, 2, 2, 2)), IMAGE, 10)


def test_a_conv_student_needs_images() -> None:
    with pytest.raises(ConfigError, match="shape"):
        architecture(StudentConfig(kind="conv"), (64,), 10)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_users_recognise_the_module(kind) -> None:
    student = StudentConfig(kind=kind, widths=(4,), readout="v_last")
    module = build_student(architecture(student, IMAGE, 10), 1e-3)
    assert isinstance(module, norse.SequentialState)
    assert {type(m).__module__.split(".")[0] for m in module} == {"torch", "norse"}
    y, state = module(torch.zeros(2, *IMAGE))
    assert y.shape == (2, 10)
    assert sum(s is not None for s in state) == 2, "one state for each population"


def test_a_lif_follows_norse_by_hand() -> None:
    """tau = 4 dt, threshold 1: v' = v + (x - v)/4, spikes above 1, then 0."""
    layer = {"kind": "lif", "tau": 4e-3, "v_threshold": 1.0, "surrogate": "circ", "alpha": 1.0}
    cell = build_student([layer], 1e-3)
    v, state, expected = 0.0, None, []
    drive = [2.0, 2.0, 2.0, 0.0, 8.0, 4.0, 0.0]
    for x in drive:
        v += (x - v) * 0.25
        expected.append(float(v > 1.0))
        v = 0.0 if v > 1.0 else v
        z, state = cell(torch.tensor([[x]]), state)
        assert z.item() == expected[-1]
        assert state[0].v.item() == v
    assert expected == [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0], "4.0 reaches the threshold, not above"


def test_an_iaf_adds_without_leak() -> None:
    layer = {"kind": "iaf", "v_threshold": 1.0, "surrogate": "circ", "alpha": 1.0}
    cell = build_student([layer], 1e-3)
    state, spikes = None, []
    for x in (0.5, 0.5, 0.25, 1.0):
        z, state = cell(torch.tensor([[x]]), state)
        spikes.append(z.item())
    assert spikes == [0.0, 0.0, 1.0, 0.0]


def test_an_li_never_spikes() -> None:
    cell = build_student([{"kind": "li", "tau": 2e-3}], 1e-3)
    state, v, seen = None, 0.0, []
    for x in (4.0, 4.0, -2.0):
        v += (x - v) * 0.5
        y, state = cell(torch.tensor([[x]]), state)
        seen.append(y.item())
        assert seen[-1] == v
    assert seen == [2.0, 3.0, 0.5]


def test_neuron_parameters_keep_the_module_in_its_type() -> None:
    """Scalars in float64 must not turn float32 activity into float64."""
    layers = architecture(StudentConfig(kind="mlp", widths=(4,)), IMAGE, 10)
    for dtype in (torch.float32, torch.float64):
        module = build_student(layers, 1e-3).to(dtype)
        y, state = module(torch.ones(2, *IMAGE, dtype=dtype))
        y, state = module(torch.ones(2, *IMAGE, dtype=dtype), state)
        assert y.dtype == dtype
        assert state[2].v.dtype == dtype
        assert float(module[2].p.tau_mem_inv) == 1.0 / 4e-3


def test_cells_share_no_parameter() -> None:
    layers = architecture(StudentConfig(kind="mlp", widths=(4, 4), neuron="iaf"), IMAGE, 10)
    module = build_student(layers, 1e-3)
    tensors = [t for cell in (module[2], module[4]) for t in cell.p if torch.is_tensor(t)]
    assert len({t.data_ptr() for t in tensors}) == len(tensors)


@pytest.mark.parametrize("surrogate", ["circ", "tanh", "triangle", "heavi_erfc", "super"])
def test_every_surrogate_passes_a_gradient(surrogate) -> None:
    torch.manual_seed(0)
    student = StudentConfig(kind="mlp", widths=(6,), surrogate=surrogate, tau=(1e-3,))
    module = build_student(architecture(student, IMAGE, 10), 1e-3)
    module(torch.ones(3, *IMAGE))[0].sum().backward()
    gradient = module[1].weight.grad
    assert torch.isfinite(gradient).all()
    assert np.count_nonzero(gradient.numpy()) > 0


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"kind": "linar", "inputs": 1}, "did you mean 'linear'"),
        ({}, "kind None"),
        ("linear", "kind None"),
        ({"kind": ["lif"]}, "kind"),
        ({"kind": "li"}, "options"),
        ({"kind": "li", "tau": 0.002, "gain": 1.0}, "options"),
        ({"kind": "li", "tau": 0.0}, "tau = 0.0"),
        ({"kind": "li", "tau": float("nan")}, "tau"),
        ({"kind": "li", "tau": True}, "tau"),
        ({"kind": "avgpool2d", "kernel": 0}, "kernel"),
        ({"kind": "avgpool2d", "kernel": 2.0}, "kernel"),
        ({"kind": "batchnorm2d", "channels": 1 << 40}, "channels"),
        ({"kind": "dropout", "share": 1.0}, "share"),
        ({"kind": "linear", "inputs": 2, "outputs": 2, "bias": 1}, "bias"),
        ({"kind": "iaf", "v_threshold": 1.0, "surrogate": "sgn", "alpha": 1.0}, "surrogate"),
    ],
)
def test_senseless_layers_are_refused(layer, message) -> None:
    with pytest.raises(InputFileError) as caught:
        check_layer(layer, 7)
    assert "layer 7" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["flatten", "linear", "lif"], ["flatten0", "out_weight", "out"]),
        (
            ["conv2d", "batchnorm2d", "iaf", "avgpool2d", "linear", "li"],
            ["conv1_weight", "conv1_norm", "conv1", "conv1_pool", "out_weight", "out"],
        ),
        (
            ["linear", "lif", "linear", "lif", "linear", "lif"],
            ["hidden1_weight", "hidden1", "hidden2_weight", "hidden2", "out_weight", "out"],
        ),
        (["lif"], ["lif0"]),
    ],
)
def test_populations_are_named_after_what_feeds_them(layers, expected) -> None:
    assert names([{"kind": kind} for kind in layers]) == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(sorted(LAYERS)), max_size=12))
def test_names_are_unique(layers) -> None:
    found = names([{"kind": kind} for kind in layers])
    assert len(set(found)) == len(layers)
