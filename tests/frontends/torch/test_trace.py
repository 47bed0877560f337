"""Users' own modules, followed through their forward: what becomes what, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn2chip.errors import ConfigError, DriftError, UnsupportedError
from snn2chip.frontends.nir import graph_of, read_graph
from snn2chip.frontends.nir.metadata import Metadata
from snn2chip.frontends.torch import walk
from snn2chip.frontends.torch.prove import export_module

torch = pytest.importorskip("torch", reason="the front end of PyTorch modules")
snn = pytest.importorskip("norse.torch", reason="the front end of Norse modules")
nn = torch.nn
F = nn.functional

DT = 1e-3


def spikes(*shape: int, seed: int = 0, steps: int = 60) -> np.ndarray:
    return (np.random.default_rng(seed).random((steps, 2, *shape)) < 0.5).astype(np.float64)


class Net(nn.Module):
    """Two dense layers of cells around a function of the hidden spikes."""

    def __init__(self, middle: Callable[..., Any], inputs: int = 6, hidden: int = 6) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.inward, self.outward = nn.Linear(inputs, hidden), nn.Linear(hidden, 4)
        self.first, self.last = snn.LIFBoxCell(dt=DT), snn.LIFBoxCell(dt=DT)
        self.other = nn.Linear(6, 6)
        self.norm = nn.BatchNorm1d(6)
        self.gain = nn.Parameter(torch.rand(6) + 0.5)
        self.register_buffer("mask", torch.tensor([1.0, 0, 1, 1, 0, 1]))
        self.kernel = nn.Parameter(torch.rand(2, 1, 2, 2))
        self.unregistered = [nn.Linear(6, 6)]
        self.middle = middle
        self.kept: Any = None
        with torch.no_grad():
            for layer in (self.inward, self.outward, self.other):
                layer.weight.mul_(8.0)
            self.norm.running_mean.uniform_(-0.2, 0.2)
            self.norm.running_var.uniform_(0.5, 2.0)

    def forward(self, x: Any, state: Any = None) -> Any:
        state = [None, None] if state is None else list(state)
        y, state[0] = self.first(self.inward(x), state[0])
        z, state[1] = self.last(self.outward(self.middle(self, y)), state[1])
        return z, state


KEPT: dict[str, Callable[..., Any]] = {
    "sum": lambda m, y: y + m.other(y),
    "difference": lambda m, y: torch.sub(y, m.other(y)) - y,
    "in place": lambda m, y: (lambda a: a.__iadd__(y))(m.other(y)),
    "twice the same": lambda m, y: y + y,
    "scaled by a number": lambda m, y: 0.5 * y / 0.25 - (-y) * 2,
    "scaled by parameters": lambda m, y: y * m.gain.abs() * m.mask,
    "masked weights": lambda m, y: F.linear(y, m.other.weight * m.mask, m.other.bias),
    "matrix": lambda m, y: y @ m.other.weight.T + torch.matmul(y, m.other.weight),
    "the same layer twice": lambda m, y: m.other(m.other(y)),
    "flat as it is": lambda m, y: torch.flatten(y, 1).view(y.size(0), -1).reshape(len(y), 6),
    "view of all samples": lambda m, y: y.view(-1, 6),
    "dropped": lambda m, y: F.dropout(y, 0.5, m.training).contiguous().clone(),
    "decided on the shape": lambda m, y: y.flatten(1) if y.dim() > 2 or y.shape[1] != 6 else y,
    "nothing added": lambda m, y: 0 + y,
    "norm of a shared layer": lambda m, y: (lambda a: m.norm(a) + a)(m.other(y)),
    "norm of a layer": lambda m, y: m.norm(m.other(y)),
    "norm of a layer read late": lambda m, y: (lambda a: m.norm(a.clone()) - a)(m.other(y)),
}


@pytest.mark.parametrize("case", KEPT)
def test_functions_that_a_graph_can_hold(case: str, tmp_path: Path) -> None:
    report = export_module(Net(KEPT[case]), Metadata(dt=DT), spikes(6), tmp_path / "net.nir")
    assert report.populations == ("first", "last")
    assert report.spikes > 20


IMAGES: dict[str, Callable[..., Any]] = {
    "functional": lambda m, x: F.avg_pool2d(
        F.conv2d(x, m.kernel, stride=(1, 2), padding=1), 2, stride=1
    ).flatten(1),
    "view": lambda m, x: F.conv2d(x, m.kernel).view(x.shape[0], -1),
    "two axes": lambda m, x: x.flatten(2).flatten(1),
    "padding": lambda m, x: m.pads(x).reshape(len(x), -1),
}


class Image(nn.Module):
    """A function of an image [1, 3, 4] before cells."""

    def __init__(self, inward: Callable[..., Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.kernel = nn.Parameter(torch.rand(2, 1, 2, 2))
        self.pads = nn.Sequential(nn.ZeroPad2d((1, 1, 2, 2)), nn.AdaptiveAvgPool2d((7, 3)))
        self.inward, self.cell = inward, snn.LIFBoxCell(dt=DT)

    def forward(self, x: Any, state: Any = None) -> Any:
        return self.cell(20.0 * self.inward(self, x), state)


@pytest.mark.parametrize("case", IMAGES)
def test_functions_of_images(case: str, tmp_path: Path) -> None:
    module = Image(IMAGES[case])
    report = export_module(module, Metadata(dt=DT), spikes(1, 3, 4), tmp_path / "net.nir")
    assert report.spikes > 20


def test_a_pool_of_one_axis(tmp_path: Path) -> None:
    layers = [nn.ZeroPad1d(1), nn.AvgPool1d(3, stride=2, padding=1), nn.Flatten()]
    module = snn.SequentialState(*layers, snn.IAFCell())
    report = export_module(module, Metadata(dt=DT), spikes(2, 5), tmp_path / "net.nir")
    assert report.spikes > 20


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "relu": (lambda m, y: torch.relu(y), "uses relu"),
    "maximum": (lambda m, y: F.max_pool2d(y, 2), "avg_pool2d"),
    "cat": (lambda m, y: torch.cat([y, y], 1), "W1 a + W2 b"),
    "a decision on values": (lambda m, y: y if y.sum() > 0 else m.other(y), "uses sum"),
    "a comparison": (lambda m, y: y if y > 0 else m.other(y), "uses gt"),
    "a cell twice": (lambda m, y: m.first(y)[0], "'first' (LIFBoxCell) twice in one step"),
    "one step of several": (lambda m, y: y[0], "a module that computes one step"),
    "a loop over time": (lambda m, y: m.other(next(iter(y))), "uses iter"),
    "a constant": (lambda m, y: y + m.gain, "adds a constant"),
    "a product": (lambda m, y: y * m.other(y), "multiplies two signals"),
    "a precision": (lambda m, y: y.double(), "leave it out"),
    "another reshape": (lambda m, y: y.view(len(y), 2, 3), "reshapes [samples, 6] to [3, 2, 3]"),
    "samples as neurons": (lambda m, y: y.view(6, -1), "reshapes"),
    "a module in a list": (lambda m, y: m.unregistered[0](y), "not among its modules"),
    "dropped at evaluation": (lambda m, y: F.dropout(y), "training=self.training"),
    "a membrane": (lambda m, y: m.other.weight @ y, "multiplies matrices of signals"),
    "made weights": (lambda m, y: m.other(torch.zeros(len(y), 6)) + y, "not made of the input"),
    "different shapes": (lambda m, y: y + m.outward(y), "shapes [6] and [4]"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_its_line(case: str) -> None:
    middle, message = REFUSED[case]
    module = Net(middle)
    with pytest.raises((UnsupportedError, ConfigError)) as caught:
        walk(module, (6,), DT)
    assert message in str(caught.value)
    assert "test_trace.py:" in caught.value.what
    assert caught.value.needs or caught.value.remedy


def kept_output(m: Net, y: Any) -> Any:
    found = y if m.kept is None else y + m.kept
    m.kept = y
    return found


class ByHand(nn.Module):
    """The output of the step before comes back as an argument."""

    def __init__(self, through: bool) -> None:
        super().__init__()
        self.rec, self.cell, self.through = nn.Linear(3, 3), snn.IAFCell(), through

    def forward(self, x: Any, z: Any = None, state: Any = None) -> Any:
        if z is not None:
            x = x + (self.rec(z) if self.through else z)
        z, state = self.cell(x, state)
        return z, z, state


@pytest.mark.parametrize("through", [True, False])
def test_recurrence_by_hand_is_refused_by_name(through: bool) -> None:
    with pytest.raises(UnsupportedError, match="output of the step before") as caught:
        walk(ByHand(through), (3,), DT)
    assert "recurrent cell" in caught.value.needs
    with pytest.raises(UnsupportedError, match="kept of the step before"):
        walk(Net(kept_output), (6,), DT)


class Forgetful(nn.Module):
    def __init__(self, made: bool) -> None:
        super().__init__()
        self.fc, self.cell, self.made = nn.Linear(3, 2), snn.LIFBoxCell(dt=DT), made

    def forward(self, x: Any) -> Any:
        state = snn.LIFBoxFeedForwardState(torch.zeros(len(x), 2)) if self.made else None
        return self.cell(self.fc(x), state)


@pytest.mark.parametrize("made", [True, False])
def test_a_cell_without_its_state_is_refused(made: bool) -> None:
    with pytest.raises(UnsupportedError, match="without the state of the first") as caught:
        walk(Forgetful(made), (3,), DT)
    assert "state=None" in caught.value.remedy


class Swapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = snn.IAFCell(), snn.IAFCell()

    def forward(self, x: Any, a: Any = None, b: Any = None) -> Any:
        y, a = self.a(x, a)
        z, b = self.b(y, b)
        return z, b, a


def test_a_state_of_another_cell_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"gives 'a' .IAFCell. the state of 'b'"):
        walk(Swapped(), (3,), DT)


class Membrane(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.fc = snn.LIFBoxCell(dt=DT), nn.Linear(3, 3)

    def forward(self, x: Any, state: Any = None) -> Any:
        _, state = self.cell(x, state)
        return self.fc(state.v), state


def test_a_membrane_as_a_signal_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="computes with the state of 'cell'"):
        walk(Membrane(), (3,), DT)


class TwoInputs(nn.Module):
    """Two inputs, two outputs, the second of a membrane."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.left, self.right = nn.Linear(3, 4), nn.Linear(2, 4)
        self.spiking, self.membrane = snn.LIFBoxCell(dt=DT), snn.LIBoxCell(dt=DT)

    def forward(self, a: Any, b: Any, state: Any = None, scale: float = 8.0) -> Any:
        first, second = (None, None) if state is None else state
        z, first = self.spiking(scale * (self.left(a) + self.right(b)), first)
        v, second = self.membrane(z, second)
        return z, v, (first, second)


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    samples = {"a": spikes(3), "b": spikes(2, seed=1)}
    report = export_module(TwoInputs(), Metadata(dt=DT), samples, tmp_path / "net.nir")
    assert report.spikes > 20
    graph = read_graph(tmp_path / "net.nir")
    assert [p.name for p in graph.inputs] == ["a", "b"]
    assert graph.outputs == ("spiking", "membrane")
    with pytest.raises(ConfigError, match="takes 2 inputs: a, b"):
        walk(TwoInputs(), (3,), DT)
    with pytest.raises(ConfigError, match="shapes for the inputs a, c"):
        walk(TwoInputs(), {"a": (3,), "c": (2,)}, DT)


class Broken(nn.Module):
    def __init__(self, late: bool) -> None:
        super().__init__()
        self.cell, self.late, self.calls = snn.IAFCell(), late, 0

    def forward(self, x: Any, state: Any = None) -> Any:
        self.calls += 1
        if self.calls > 5 or not self.late:
            raise ValueError("no more steps")
        return self.cell(x, state)


@pytest.mark.parametrize("late", [True, False])
def test_errors_of_the_users_own_code_say_where(late: bool, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        export_module(Broken(late), Metadata(dt=DT), spikes(3), tmp_path / "net.nir")
    assert "test_trace.py:" in caught.value.what or late
    assert "no more steps" in caught.value.has
    assert list(tmp_path.iterdir()) == []


class Derived(snn.LIFBoxCell):  # type: ignore[misc]
    pass


class Chain(snn.SequentialState):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(nn.Linear(3, 2), snn.IAFCell())


def test_classes_derived_from_the_library() -> None:
    assert dict(walk(Chain(), (3,), DT).cells) == {"1": "1"}
    with pytest.raises(UnsupportedError, match="Derived") as caught:
        walk(snn.SequentialState(Derived(dt=DT)), (3,), DT)
    assert "LIFBoxCell itself" in caught.value.remedy


def test_a_layer_derived_from_torchs_is_followed() -> None:
    class Halved(nn.Linear):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return super().forward(x) * 0.5

    layer = Halved(3, 2)
    found = walk(snn.SequentialState(layer, snn.IAFCell()), (3,), DT)
    operator = graph_of(found.nodes, "net", "norse", DT).projections[0].operator
    np.testing.assert_array_equal(operator.weight, 0.5 * layer.weight.detach().numpy())


def test_a_changed_number_is_found_by_the_proof(tmp_path: Path) -> None:
    """What no trace can see: a factor that counts the steps."""

    def drifting(m: Net, y: Any) -> Any:
        m.kept = 0 if m.kept is None else m.kept + 1
        return y if m.kept < 9 else 0.5 * y if not hasattr(y, "apply") else y

    with pytest.raises(DriftError, match="'last' differs"):
        export_module(Net(drifting), Metadata(dt=DT), spikes(6), tmp_path / "net.nir")


def test_following_leaves_torch_and_the_module_as_they_were() -> None:
    call = nn.Module.__call__
    module = Net(KEPT["sum"]).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    walk(module, (6,), DT)
    with pytest.raises(UnsupportedError):
        walk(Net(REFUSED["relu"][0]), (6,), DT)
    assert nn.Module.__call__ is call
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
