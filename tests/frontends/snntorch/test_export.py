"""Random networks of snnTorch, proven spike for spike in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn2chip.errors import DriftError, UnsupportedError
from snn2chip.frontends.nir import read_graph
from snn2chip.frontends.nir.read import graph_of
from snn2chip.frontends.snntorch import FRAMEWORK
from snn2chip.frontends.torch.prove import prove
from snn2chip.frontends.torch.walk import walk
from snn2chip.graph import Graph
from snn2chip.graph.oracle import run_graph

torch = pytest.importorskip("torch", reason="the front end of PyTorch modules")
snn = pytest.importorskip("snntorch", reason="the front end of snnTorch modules")
nn = torch.nn

from tests.examples import examples  # noqa: E402
from tests.frontends.snntorch.networks import STEPS, Maker, proven, spikes  # noqa: E402

SLOW = settings(
    deadline=None,
    max_examples=examples(12),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def graph(module: Any, *shape: int, dt: float = 1.0) -> Graph:
    walked = walk(module, shape, dt)
    return graph_of(walked.nodes, "model", "snntorch", dt, dict(walked.overrides))


@SLOW
@given(seed=st.integers(0, 2**31 - 1))
def test_random_networks(seed: int, tmp_path: Path) -> None:
    """Cells of every kind and reset mixed, dense and on images, with and without biases."""
    module, shape = Maker(seed).network()
    report = proven(module, spikes(seed, *shape), tmp_path)
    assert report.steps == STEPS
    assert report.largest_difference <= 1e-9


@pytest.mark.parametrize("kind", ["RLeaky", "RSynaptic"])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((6,), {"linear_features": 6}),
        ((6,), {"all_to_all": False, "V": -0.7}),
        ((3, 4, 5), {"conv2d_channels": 3, "kernel_size": (3, 1)}),
        ((3, 4, 5), {"conv2d_channels": 3, "kernel_size": 3}),
    ],
    ids=["linear", "one weight", "conv 3x1", "conv 3x3"],
)
def test_recurrent_cells(
    kind: str, shape: tuple[int, ...], options: dict[str, Any], tmp_path: Path
) -> None:
    torch.manual_seed(2)
    if kind == "RSynaptic":
        options = {"alpha": 0.4, **options}
    cell = getattr(snn, kind)(beta=0.7, threshold=0.4, init_hidden=True, **options)
    assert proven(nn.Sequential(cell), spikes(1, *shape, rate=0.2), tmp_path).spikes > 0


def test_weights_per_neuron_that_are_not_learnt(tmp_path: Path) -> None:
    """snnTorch holds them twice, once as a plain attribute that no ``to`` reaches."""
    weights = torch.tensor([-0.3, 0.1, 0.7])
    options = {"all_to_all": False, "V": weights, "learn_recurrent": False, "init_hidden": True}
    cell = snn.RLeaky(beta=0.9, **options)
    assert proven(nn.Sequential(nn.Linear(3, 3), cell), spikes(4, 3), tmp_path).spikes > 0
    assert FRAMEWORK.twin(cell, torch.float64).recurrent.V.dtype == torch.float64


GRID = torch.tensor([-0.5, -0.25, 0.25, 0.5, 1.0])


@pytest.mark.parametrize("dt", [1.0, 1e-4, 0.003])
def test_sums_that_are_just_the_threshold(dt: float, tmp_path: Path) -> None:
    """Weights of few bits often hit it; only the order of sums tells the two runs apart."""
    torch.manual_seed(0)
    parts: list[Any] = []
    for k, kind in enumerate(("Leaky", "Synaptic", "Leaky", "RLeaky", "Synaptic", "RSynaptic")):
        layer = nn.Linear(6, 6, bias=False)
        layer.weight.data = GRID[torch.randint(0, 5, (6, 6))]
        given: dict[str, Any] = {"beta": [0.5, 0.75, 1.0][k % 3], "init_hidden": True}
        given["reset_mechanism"] = ("subtract", "zero")[k // 3]
        if "Synaptic" in kind:
            given["alpha"] = 0.5
        if kind.startswith("R"):
            given |= {"all_to_all": False, "V": -0.5}
        parts += [layer, getattr(snn, kind)(**given)]
    report = proven(nn.Sequential(*parts), spikes(0, 6), tmp_path, dt)
    assert report.largest_difference < 1e-14
    assert report.spikes > 100


def test_an_input_as_high_as_the_threshold_is_not_above_it() -> None:
    """With gains of r dt/tau some of these neurons fire: the product is not 1 in every case."""
    beta = torch.linspace(0.5, 0.999, 500)
    module, x = nn.Sequential(snn.Leaky(beta=beta)), np.ones((1, 1, 500))
    made = graph(module, 500, dt=1e-4)
    assert run_graph(made, x)["0"].sum() == 0.0
    plain = graph_of(walk(module, (500,), 1e-4).nodes, "model", "snntorch", 1e-4, {})
    assert run_graph(plain, x)["0"].sum() > 0


def test_float32_is_reported_and_not_judged(tmp_path: Path) -> None:
    """1 + 2^-26 is above 1 in float64 only."""
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.data[:] = torch.tensor([1.0, 2.0**-26])
    cell = snn.Leaky(beta=0.0, threshold=1.0, reset_mechanism="zero", init_hidden=True)
    x = spikes(0, 2, samples=1)
    report = proven(nn.Sequential(layer, cell), x, tmp_path)
    assert report.float32_differing == report.spikes > 0


def test_trained_modules_with_states_in_their_graph(tmp_path: Path) -> None:
    """After a backward pass the states hang on it, and no copy of them can be made."""
    torch.manual_seed(1)
    module = nn.Sequential(
        nn.Linear(3, 4),
        snn.RSynaptic(alpha=0.5, beta=0.9, linear_features=4, init_hidden=True, learn_beta=True),
        nn.Linear(4, 2),
        snn.Leaky(beta=0.9, init_hidden=True, output=True, learn_threshold=True),
    )
    for _ in range(5):
        _, mem = module(torch.rand(7, 3))
    mem.sum().backward()
    held = module[1].mem.clone()
    assert proven(module, spikes(0, 3), tmp_path).spikes > 0
    assert module[1].mem.requires_grad
    assert torch.equal(module[1].mem, held)
    assert module.training


def test_every_run_begins_anew() -> None:
    """Also where the batch before had the same size."""
    module = nn.Sequential(nn.Linear(3, 4), snn.RSynaptic(0.9, 0.9, linear_features=4))
    twin, x = FRAMEWORK.twin(module, torch.float64), spikes(0, 3)
    first, second = (FRAMEWORK.record(twin, {"1": "1"}, x, torch.float64) for _ in range(2))
    assert first["1"].sum() > 0
    for name, values in first.items():
        np.testing.assert_array_equal(second[name], values)


def test_the_file_says_how_it_is_run(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(3, 4), snn.Leaky(beta=0.9), nn.Linear(4, 2))
    module.append(snn.Leaky(beta=0.8, reset_mechanism="zero"))
    proven(module, spikes(0, 3), tmp_path, dt=0.5)
    read = read_graph(tmp_path / "model.nir").discretization
    assert (read.preset, read.dt, read.initial_v, read.input_gain) == (
        "snntorch",
        0.5,
        "zero",
        "one",
    )
    assert (read.of("1").reset, read.of("1").reset_time) == ("subtract", "fire")
    assert (read.of("3").reset, read.of("3").reset_time) == ("zero", "leak")


class Branches(nn.Module):
    """Two branches, one of them around a layer, and functions of torch between the cells."""

    def __init__(self) -> None:
        super().__init__()
        held = {"init_hidden": True, "threshold": 0.3}
        self.conv, self.skip = nn.Conv2d(1, 4, 3), nn.Linear(36, 3, bias=False)
        self.left, self.right = nn.Linear(36, 5), nn.Linear(36, 5)
        self.first = snn.Leaky(beta=0.9, **held)
        self.one = snn.Leaky(beta=0.8, reset_delay=False, **held)
        self.two = snn.Synaptic(alpha=0.5, beta=0.8, reset_mechanism="zero", **held)
        self.out = nn.Linear(5, 3)
        self.last = snn.RLeaky(beta=0.7, linear_features=3, output=True, **held)

    def forward(self, x: Any) -> Any:
        x = self.first(nn.functional.avg_pool2d(self.conv(x), 2)).flatten(1)
        both = self.one(self.left(x)) + 0.5 * self.two(self.right(x))
        z, _ = self.last(self.out(both) - self.skip(x))
        return z


def test_branches(tmp_path: Path) -> None:
    torch.manual_seed(0)
    report = proven(Branches(), spikes(1, 1, 8, 8), tmp_path)
    assert report.populations == ("first", "one", "two", "last")
    assert report.spikes > 0
    made = read_graph(tmp_path / "model.nir")
    assert {p.source for p in made.incoming("last")} == {"first", "one", "two", "last"}


class WithStates(nn.Module):
    """A module of the user's own, whose forward is given the states and returns them."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 5), nn.Linear(5, 4)
        self.lif1 = snn.Leaky(beta=0.9, threshold=0.4)
        self.lif2 = snn.RSynaptic(0.5, 0.8, linear_features=4, threshold=0.3, reset_delay=False)

    def forward(self, x: Any, mem1: Any = None, spk2: Any = None, syn2: Any = None,
                mem2: Any = None) -> tuple[Any, ...]:  # fmt: skip
        if mem1 is None:
            mem1 = self.lif1.reset_mem()
            spk2 = syn2 = mem2 = torch.zeros(len(x), 4, dtype=x.dtype)
        z, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, syn2, mem2 = self.lif2(self.fc2(z), spk2, syn2, mem2)
        return spk2, mem1, spk2, syn2, mem2


class Hidden(WithStates):
    """The same with cells that hold their states."""

    def __init__(self) -> None:
        super().__init__()
        self.lif1.init_hidden = self.lif2.init_hidden = True
        self.lif2.reset_delay = True

    def forward(self, x: Any) -> Any:  # type: ignore[override]
        return self.lif2(self.fc2(self.lif1(self.fc1(x))))


@pytest.mark.parametrize("kind", [WithStates, Hidden])
def test_modules_with_a_forward_of_their_own(kind: type[Any], tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = kind()
    report = proven(module, spikes(0, 3), tmp_path)
    assert report.populations == ("lif1", "lif2")
    assert report.spikes > 0
    made = read_graph(tmp_path / "model.nir")
    with torch.no_grad():
        module.fc2.weight += 0.5
    with pytest.raises(DriftError, match="'lif2' differs"):
        prove(module, made, {"lif1": "lif1", "lif2": "lif2"}, spikes(0, 3))


def test_a_forward_over_all_steps_is_refused() -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lif = snn.Leaky(beta=0.9)

        def forward(self, x: Any, steps: int = 3) -> Any:
            mem = self.lif.reset_mem()
            for _ in range(steps):
                z, mem = self.lif(x, mem)
            return z

    x = spikes(0, 3)
    with pytest.raises(UnsupportedError, match="'lif' is called 600 times in 200 steps"):
        FRAMEWORK.record(FRAMEWORK.twin(Loop(), torch.float64), {"lif": "lif"}, x, torch.float64)
