"""The walk over Norse modules: what becomes what, and what is refused by path and type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from snn2chip.errors import ConfigError, InputFileError, UnsupportedError
from snn2chip.frontends.nir import graph_of
from snn2chip.frontends.torch import require_torch, walk
from snn2chip.graph import Conv, Dense, Graph, Identity

torch = pytest.importorskip("torch", reason="the front end of PyTorch modules")
snn = pytest.importorskip("norse.torch", reason="the front end of Norse modules")
nn = torch.nn

DT = 1e-3


def graph(module: Any, *shape: int, overrides: dict[str, str] | None = None) -> Graph:
    walked = walk(module, shape, DT)
    return graph_of(walked.nodes, "model", "norse", DT, {**walked.overrides, **(overrides or {})})


def operator(module: Any, *shape: int) -> Any:
    """The operator from the input to the first neurons."""
    return graph(snn.SequentialState(module, snn.LIFBoxCell(dt=DT)), *shape).projections[0].operator


def test_names_are_the_paths_of_modules() -> None:
    model = snn.SequentialState(
        nn.Linear(3, 4),
        snn.LIFBoxCell(dt=DT),
        snn.SequentialState(nn.Linear(4, 2), snn.LIBoxCell(dt=DT)),
    )
    walked = walk(model, (3,), DT)
    assert list(walked.nodes.nodes) == ["input", "0", "1", "2/0", "2/1", "output"]
    assert dict(walked.cells) == {"1": "1", "2/1": "2/1"}
    assert [p.name for p in graph(model, 3).populations] == ["input", "1", "2/1"]


def test_a_single_cell_is_a_model() -> None:
    made = graph(snn.IAFCell(), 2)
    assert [p.name for p in made.populations] == ["input", "IAFCell"]
    assert isinstance(made.projections[0].operator, Identity)


def values(module: Any, shape: tuple[int, ...] = (2,)) -> tuple[str, dict[str, np.ndarray]]:
    neuron = graph(snn.SequentialState(module), *shape).populations[1].neuron
    return neuron.kind, neuron.parameters()


def test_box_cells_have_r_of_one_and_one_value_per_neuron() -> None:
    p = snn.LIFBoxParameters(
        tau_mem_inv=torch.tensor([100.0, 50.0]),
        v_leak=torch.tensor(0.25),
        v_th=torch.tensor(0.5),
        v_reset=torch.tensor(-0.5),
    )
    kind, found = values(snn.LIFBoxCell(p, dt=DT))
    assert kind == "LIF"
    expected = {
        "tau": [0.01, 0.02],
        "r": [1, 1],
        "v_leak": [0.25, 0.25],
        "v_threshold": [0.5, 0.5],
        "v_reset": [-0.5, -0.5],
    }
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].dtype == np.float64
    kind, found = values(snn.LIBoxCell(dt=DT))
    assert (kind, found["tau"].tolist(), found["r"].tolist()) == ("LI", [0.01] * 2, [1.0] * 2)


def test_an_iaf_adds_its_input_whatever_dt() -> None:
    kind, found = values(snn.IAFCell(dt=0.5))
    assert (kind, found["r"].tolist(), found["v_threshold"].tolist()) == ("IF", [1, 1], [1, 1])


def test_cells_with_a_current_get_its_gain_undone() -> None:
    kind, found = values(snn.LIFCell(dt=DT))
    assert kind == "CubaLIF"
    np.testing.assert_array_equal(found["tau_syn"], 1 / 200.0)
    np.testing.assert_array_equal(found["w_in"], (1 / 200.0) / DT)
    assert values(snn.LICell(dt=DT))[0] == "CubaLI"


def test_a_recurrent_cell_shows_its_weights() -> None:
    cell = snn.LIFRecurrentCell(3, 4, dt=DT)
    made = graph(snn.SequentialState(cell), 3)
    inward, loop = made.projections
    np.testing.assert_array_equal(inward.operator.weight, cell.input_weights.detach().numpy())
    np.testing.assert_array_equal(loop.operator.weight, cell.recurrent_weights.detach().numpy())
    assert (loop.name, loop.delay.largest) == ("0->0", 1)


def test_parameters_broadcast_to_images() -> None:
    p = snn.LIFBoxParameters(v_th=torch.tensor([1.0, 2.0]).reshape(2, 1, 1))
    _, found = values(snn.LIFBoxCell(p, dt=DT), (2, 3, 3))
    assert found["v_threshold"].shape == (2, 3, 3)
    assert (found["v_threshold"][1] == 2.0).all()


def test_the_reset_becomes_an_option() -> None:
    from norse.torch.functional.reset import reset_subtract

    p = snn.LIFBoxParameters(reset_method=reset_subtract)
    walked = walk(snn.SequentialState(snn.LIFBoxCell(p, dt=DT)), (1,), DT)
    assert walked.overrides == {"reset": "subtract"}
    mixed = snn.SequentialState(snn.LIFBoxCell(p, dt=DT), snn.IAFCell())
    assert walk(mixed, (1,), DT).overrides == {"reset": "subtract", "1.reset": "zero"}
    found = graph(mixed, 1).discretization
    assert (found.of("0").reset, found.of("1").reset) == ("subtract", "zero")


def eval_norm(norm: Any) -> Any:
    """A BatchNorm with statistics that differ per channel."""
    torch.manual_seed(0)
    with torch.no_grad():
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
        if norm.affine:
            norm.weight.uniform_(-1.0, 1.0)
            norm.bias.normal_()
    return norm.eval()


NORMS: dict[str, Callable[[], tuple[list[Any], tuple[int, ...]]]] = {
    "linear": lambda: ([nn.Linear(4, 3), eval_norm(nn.BatchNorm1d(3))], (4,)),
    "linear without bias": lambda: (
        [nn.Linear(4, 3, bias=False), nn.Dropout(), eval_norm(nn.BatchNorm1d(3))],
        (4,),
    ),
    "twice": lambda: (
        [nn.Linear(4, 3), eval_norm(nn.BatchNorm1d(3)), eval_norm(nn.BatchNorm1d(3))],
        (4,),
    ),
    "conv1d": lambda: ([nn.Conv1d(2, 3, 2), eval_norm(nn.BatchNorm1d(3))], (2, 5)),
    "conv2d": lambda: (
        [nn.Conv2d(2, 4, 3, groups=2, bias=False), eval_norm(nn.BatchNorm2d(4))],
        (2, 5, 5),
    ),
    "plain": lambda: ([nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3, affine=False)], (2, 3, 3)),
    "first": lambda: ([eval_norm(nn.BatchNorm2d(2))], (2, 3, 3)),
    "behind a pool": lambda: ([nn.AvgPool2d(2), eval_norm(nn.BatchNorm2d(2))], (2, 4, 4)),
    "before a convolution": lambda: (
        [eval_norm(nn.BatchNorm2d(2)), nn.Conv2d(2, 3, 2, padding=1)],
        (2, 3, 3),
    ),
    "first of 1d": lambda: ([eval_norm(nn.BatchNorm1d(2))], (2, 3)),
    "convolutions of all options": lambda: (
        [nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)],
        (2, 6, 5),
    ),
    "same": lambda: ([nn.Conv2d(1, 2, (2, 3), padding="same")], (1, 4, 4)),
    "valid": lambda: ([nn.Conv1d(1, 2, 2, padding="valid")], (1, 4)),
    "padded pool": lambda: ([nn.AvgPool2d(3, stride=2, padding=1)], (2, 6, 6)),
    "pool then convolution": lambda: (
        [nn.AvgPool2d(2), nn.Conv2d(2, 3, 3, padding=1)],
        (2, 8, 8),
    ),
    "flatten of two axes": lambda: ([nn.Flatten(2), nn.Conv1d(2, 3, 2)], (2, 3, 3)),
    "flatten": lambda: ([nn.Conv2d(1, 2, 2), nn.Flatten(-3), nn.Linear(8, 3)], (1, 3, 3)),
}


@pytest.mark.filterwarnings("ignore:Using padding")
@pytest.mark.parametrize("case", NORMS)
def test_linear_layers_do_what_torch_does(case: str) -> None:
    """One step of an LI with tau = dt, whose membrane is its input."""
    torch.manual_seed(1)
    layers, shape = NORMS[case]()
    p = snn.LIBoxParameters(tau_mem_inv=torch.tensor(1.0 / DT, dtype=torch.float64))
    made = graph(snn.SequentialState(*layers, snn.LIBoxCell(p, dt=DT)), *shape)
    x = np.random.default_rng(0).random((5, *shape))
    expected = nn.Sequential(*layers).double().eval()(torch.as_tensor(x)).detach().numpy()
    from snn2chip.graph.oracle import run_graph

    (name,) = made.outputs
    found = run_graph(made, x[None])[name][0]
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-12, atol=1e-12)


def test_pools_and_norms_are_composed_into_one_convolution() -> None:
    layers = [nn.AvgPool2d(2), nn.Conv2d(2, 3, 3, padding=1), eval_norm(nn.BatchNorm2d(3))]
    found = operator(nn.Sequential(*layers), 2, 8, 8)
    assert isinstance(found, Conv)
    assert (found.stride, found.weight.shape) == ((2, 2), (3, 2, 6, 6))
    assert isinstance(operator(nn.Linear(2, 3), 2), Dense)


class Custom(nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.relu(x)


SHARED = snn.IAFCell()
REFUSED: dict[str, tuple[Any, tuple[int, ...], str]] = {
    "custom": (Custom(), (1,), "test_walk.py:"),
    "max pool": (nn.MaxPool2d(2), (1, 2, 2), "use AvgPool2d"),
    "relu": (nn.ReLU(), (1,), "ReLU"),
    "softmax": (nn.Softmax(1), (1,), "Softmax"),
    "layer norm": (nn.LayerNorm(1), (1,), "LayerNorm"),
    "a cell behind a module over time": (
        snn.SequentialState(snn.LIF(dt=DT), snn.LIFBoxCell(dt=DT)),
        (1,),
        "'1/1' (LIFBoxCell) is given sequences",
    ),
    "a lifted module over time": (snn.Lift(snn.LIF(dt=DT)), (1,), "takes sequences itself"),
    "a convolution of sequences": (
        snn.SequentialState(nn.Conv1d(2, 1, 1), snn.LIF(dt=DT)),
        (2, 2),
        "Lift",
    ),
    "adaptive": (snn.LSNNCell(dt=DT), (1,), "adapts"),
    "refractory": (snn.LIFRefracCell(dt=DT), (1,), "refractory time"),
    "reflecting": (nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), (1, 3, 3), "reflect"),
    "ceil": (nn.AvgPool2d(2, ceil_mode=True), (1, 3, 3), "ceil_mode"),
    "divisor": (nn.AvgPool2d(2, divisor_override=3), (1, 4, 4), "divisor_override"),
    "uncounted padding": (
        nn.AvgPool2d(2, padding=1, count_include_pad=False),
        (1, 4, 4),
        "count_include_pad=False",
    ),
    "batch flattened": (nn.Flatten(0), (1, 2), "flattens the batch"),
    "no statistics": (
        nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1, track_running_stats=False)),
        (1,),
        "no running statistics",
    ),
    "norm of another size": (
        nn.Sequential(nn.Linear(1, 2), nn.BatchNorm1d(3)),
        (1,),
        "has 3 channels",
    ),
    "norm first": (nn.BatchNorm1d(3), (3,), "no linear layer before it"),
    "another dt": (snn.LIFCell(dt=2 * DT), (1,), "dt = 0.002"),
    "hidden": (snn.SequentialState(nn.Linear(1, 1), return_hidden=True), (1,), "hidden"),
    "shared cell": (
        snn.SequentialState(SHARED, nn.Linear(1, 1), SHARED),
        (1,),
        "same object",
    ),
    "spread": (
        snn.LIFBoxCell(snn.LIFBoxParameters(v_th=torch.ones(3)), dt=DT),
        (2,),
        "v_th has shape [3]",
    ),
    "odd reset": (
        snn.LIFBoxCell(snn.LIFBoxParameters(reset_method=lambda z, v, r, t: v), dt=DT),
        (2,),
        "reset method '<lambda>'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_by_path_and_type(case: str) -> None:
    module, shape, message = REFUSED[case]
    with pytest.raises(UnsupportedError) as caught:
        walk(snn.SequentialState(nn.Identity(), module), shape, DT)
    assert message in str(caught.value)
    assert "'1" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"), [(-100.0, "tau is -0.01"), (0.0, "tau holds"), (np.nan, "tau holds")]
)
def test_cells_whose_time_constants_make_no_sense(value: float, message: str) -> None:
    p = snn.LIFBoxParameters(tau_mem_inv=torch.tensor(value))
    with pytest.raises(InputFileError, match=message):
        graph(snn.SequentialState(snn.LIFBoxCell(p, dt=DT)), 1)


def test_a_linear_layer_of_another_size() -> None:
    with pytest.raises(InputFileError, match=r"'0' .Affine.: its input does not fit"):
        walk(snn.SequentialState(nn.Linear(3, 2)), (4,), DT)


def test_a_model_that_ends_without_neurons() -> None:
    with pytest.raises(UnsupportedError, match="without a neuron"):
        graph(snn.SequentialState(snn.IAFCell(), nn.Linear(1, 1)), 1)


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(ConfigError) as caught:
        require_torch()
    assert 'pip install "snn2chip[train]"' in caught.value.remedy


def test_modules_may_be_called_input_and_output() -> None:
    from collections import OrderedDict

    inner = nn.Sequential(OrderedDict(input=nn.Linear(2, 3), output=snn.IAFCell()))
    found = graph(inner, 2)
    assert [p.name for p in found.populations] == ["input#2", "output"]
    assert found.outputs == ("output",)
