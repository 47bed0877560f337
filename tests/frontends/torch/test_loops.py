"""Modules whose forward loops over time: tutorial networks, proven as they are."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn2chip.errors import ConfigError, DriftError
from snn2chip.frontends.nir import read_graph
from snn2chip.frontends.nir.metadata import Metadata
from snn2chip.frontends.torch import walk
from snn2chip.frontends.torch.prove import ExportReport, export_module
from snn2chip.frontends.torch.stepping import TimeLoop
from snn2chip.graph.operators import Array

torch = pytest.importorskip("torch", reason="the front end of PyTorch modules")
snn = pytest.importorskip("snntorch", reason="the front end of snnTorch modules")
norse = pytest.importorskip("norse.torch", reason="the front end of Norse modules")
neuron = pytest.importorskip("spikingjelly.activation_based.neuron", reason="SpikingJelly")
layer = pytest.importorskip("spikingjelly.activation_based.layer", reason="SpikingJelly")
nn = torch.nn
F = nn.functional

from tests.examples import examples  # noqa: E402
from tests.frontends.snntorch.networks import Maker  # noqa: E402

STEPS = 100
DT = 1e-3


def spikes(*shape: int, seed: int = 0, steps: int = STEPS) -> Array:
    """[step, sample, *shape]"""
    return (np.random.default_rng(seed).random((steps, 3, *shape)) < 0.4).astype(np.float64)


def constant(*shape: int, seed: int = 0, steps: int = STEPS) -> Array:
    """Values that are the same in every step."""
    drawn = np.random.default_rng(seed).random((1, 3, *shape)) * 2.0
    return np.repeat(drawn, steps, axis=0)


def proven(module: Any, x: Array, folder: Path, dt: float = 1.0) -> ExportReport:
    return export_module(module, Metadata(dt=dt), x, folder / "net.nir")


class Tutorial(nn.Module):
    """The network of snnTorch's tutorials; ``take`` gives a step of its input."""

    def __init__(
        self,
        take: Callable[..., Any],
        count: Callable[..., int] = lambda x: STEPS,
        give: Callable[..., Any] = lambda spk, mem: (torch.stack(spk), torch.stack(mem)),
        seed: int = 0,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.fc1, self.fc2 = nn.Linear(6, 8), nn.Linear(8, 4)
        self.lif1, self.lif2 = snn.Leaky(beta=0.9), snn.Leaky(beta=torch.rand(4), threshold=0.5)
        self.take, self.count, self.give = take, count, give
        self.norm = nn.BatchNorm1d(8)
        self.norm.running_var.uniform_(0.2, 0.6)

    def forward(self, x: Any) -> Any:
        mem1 = self.lif1.init_leaky()
        mem2 = self.lif2.init_leaky()
        spk_rec, mem_rec = [], []
        for step in range(self.count(x)):
            spk1, mem1 = self.lif1(self.norm(self.fc1(self.take(x, step))), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spk_rec.append(spk2)
            mem_rec.append(mem2)
        return self.give(spk_rec, mem_rec)


LAYOUTS: dict[str, tuple[Callable[..., Any], Callable[..., int], int | None]] = {
    "x[t]": (lambda x, t: x[t], lambda x: x.size(0), 0),
    "x[t, ...]": (lambda x, t: x[t, ...], len, 0),
    "x[t] of so many": (lambda x, t: x[t], lambda x: STEPS, 0),
    "x[:, t]": (lambda x, t: x[:, t], lambda x: x.shape[1], 1),
    "x[:, t, :]": (lambda x, t: x[:, t, :], lambda x: STEPS, 1),
    "select": (lambda x, t: x.select(1, t), lambda x: x.shape[1], 1),
    "unbind": (lambda x, t: x.unbind(1)[t], lambda x: x.shape[1], 1),
    "transposed": (lambda x, t: x.transpose(0, 1)[t], lambda x: x.shape[1], 1),
    "permuted": (lambda x, t: x.permute(1, 0, 2)[t], lambda x: x.shape[1], 1),
    "x": (lambda x, t: x, lambda x: STEPS, None),
    "a view of x": (lambda x, t: 0.5 * x.view(x.size(0), -1), lambda x: STEPS, None),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_where_time_is(case: str, tmp_path: Path) -> None:
    take, count, axis = LAYOUTS[case]
    module = Tutorial(take, count)
    time = walk(module, (6,), 1.0).time
    assert time is not None
    follows = "STEPS" not in case and case not in (
        "x",
        "a view of x",
        "x[t] of so many",
        "x[:, t, :]",
    )
    assert (time.axis, time.steps) == (axis, None if follows else STEPS)
    x = constant(6) if axis is None else spikes(6)
    report = proven(module, x, tmp_path)
    assert (report.populations, report.steps) == (("lif1", "lif2"), STEPS)
    assert report.spikes > 50
    assert read_graph(tmp_path / "net.nir").outputs == ("lif2",)


GIVEN: dict[str, tuple[Callable[..., Any], str]] = {
    "a stack": (lambda spk, mem: torch.stack(spk, dim=0), "spike_count"),
    "samples first": (lambda spk, mem: torch.stack(spk, dim=1), "spike_count"),
    "lists": (lambda spk, mem: (spk, mem), "spike_count"),
    "a dictionary": (lambda spk, mem: {"spk": torch.stack(spk), "mem": mem}, "spike_count"),
    "a sum": (lambda spk, mem: torch.stack(spk).sum(0), "spike_count"),
    "Python's sum": (lambda spk, mem: sum(spk) / STEPS, "spike_count"),
    "a mean": (lambda spk, mem: torch.stack(spk, 1).mean(dim=1), "spike_count"),
    "a softmax": (lambda spk, mem: F.softmax(torch.stack(spk).sum(0), dim=1), "spike_count"),
    "the last spikes": (lambda spk, mem: spk[-1], "spike_count"),
    "the last of a stack": (lambda spk, mem: torch.stack(spk)[-1], "spike_count"),
    "permuted": (lambda spk, mem: torch.stack(spk).permute(1, 2, 0), "spike_count"),
}


@pytest.mark.parametrize("case", GIVEN)
def test_what_is_returned(case: str, tmp_path: Path) -> None:
    give, readout = GIVEN[case]
    report = proven(Tutorial(lambda x, t: x[t], give=give), spikes(6), tmp_path)
    assert report.spikes > 50
    graph = read_graph(tmp_path / "net.nir")
    assert (graph.outputs, graph.readout.kind) == (("lif2",), readout)


class Cells(nn.Module):
    """Synaptic, RLeaky and RSynaptic, whose states are more than a membrane."""

    def __init__(self, seed: int, hidden: bool) -> None:
        super().__init__()
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        reset = ("subtract", "zero", "none")[int(rng.integers(3))]
        given = {"threshold": 0.6, "reset_mechanism": reset, "init_hidden": hidden}
        self.inward, self.outward = nn.Linear(5, 6), nn.Linear(6, 4)
        self.one = snn.Synaptic(alpha=0.6, beta=0.8, **given)
        self.two = snn.RLeaky(beta=torch.rand(6), linear_features=6, **given)
        self.three = snn.RSynaptic(0.5, 0.8, linear_features=4, **given)
        self.hidden = hidden

    def forward(self, x: Any) -> Any:
        found = []
        if self.hidden:
            for one in x:
                found.append(self.three(self.outward(self.two(self.one(self.inward(one))))))
            return torch.stack(found)
        syn, mem = self.one.reset_mem()
        spk2, mem2 = self.two.init_rleaky()
        spk3, syn3, mem3 = self.three.init_rsynaptic()
        for k in range(x.shape[0]):
            spk, syn, mem = self.one(self.inward(x[k]), syn, mem)
            spk2, mem2 = self.two(spk, spk2, mem2)
            spk3, syn3, mem3 = self.three(self.outward(spk2), spk3, syn3, mem3)
            found.append(spk3)
        return torch.stack(found), mem3


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_cells_with_more_states(seed: int, hidden: bool, tmp_path: Path) -> None:
    report = proven(Cells(seed, hidden), spikes(5, seed=seed), tmp_path)
    assert report.populations == ("one", "two", "three")
    assert report.spikes > 50


class Images(nn.Module):
    """Convolutions with norms and pools; the first may be computed once for all steps."""

    def __init__(self, once: bool) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 6, 3)
        self.norm1, self.norm2 = nn.BatchNorm2d(4), nn.BatchNorm2d(6)
        for norm in (self.norm1, self.norm2):
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.02, 0.1)
        self.lif1, self.lif2 = snn.Leaky(beta=0.8), snn.Synaptic(alpha=0.4, beta=0.8)
        self.fc, self.lif3 = nn.Linear(24, 3), snn.Leaky(beta=0.95, threshold=0.4)
        self.once = once

    def inward(self, x: Any) -> Any:
        return F.avg_pool2d(self.norm1(self.conv1(x)), 2)

    def forward(self, x: Any, steps: int = 30) -> Any:
        mem1, (syn, mem2), mem3 = self.lif1.reset_mem(), self.lif2.reset_mem(), None
        total = torch.zeros(x.size(0), 3)
        ready = self.inward(x) if self.once else None
        for _ in range(steps):
            spk, mem1 = self.lif1(ready if self.once else self.inward(x), mem1)
            spk, syn, mem2 = self.lif2(self.norm2(self.conv2(spk)), syn, mem2)
            spk, mem3 = self.lif3(self.fc(spk.flatten(1)), mem3)
            total += spk
        return F.log_softmax(total, dim=-1)


@pytest.mark.parametrize("once", [False, True])
def test_images_that_every_step_sees(once: bool, tmp_path: Path) -> None:
    report = proven(Images(once), constant(1, 8, 8, steps=30), tmp_path)
    assert report.populations == ("lif1", "lif2", "lif3")
    assert report.spikes > 500
    with pytest.raises(ConfigError, match="steps differ") as caught:
        proven(Images(once), spikes(1, 8, 8, steps=30), tmp_path)
    assert "np.repeat" in caught.value.remedy
    with pytest.raises(ConfigError, match="loops over 30") as caught:
        proven(Images(once), constant(1, 8, 8, steps=29), tmp_path)
    assert caught.value.needs == "samples of 30 steps"


class NorseLoop(nn.Module):
    """Norse's tutorial on digits: a convolution, a recurrent cell and a membrane as the answer."""

    def __init__(self, give: Callable[..., Any], recurrent: bool = True) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.conv = nn.Conv2d(1, 3, 3)
        self.lif0 = norse.LIFCell(dt=DT)
        self.lif1 = norse.LIFRecurrentCell(12, 5, dt=DT)
        self.fc, self.out, self.give = nn.Linear(5, 3), norse.LICell(dt=DT), give

    def forward(self, x: Any) -> Any:
        s0 = s1 = so = None
        voltages = []
        for ts in range(x.shape[0]):
            z, s0 = self.lif0(60 * self.conv(x[ts]), s0)
            z, s1 = self.lif1(60 * F.avg_pool2d(z, 1).reshape(z.shape[0], -1), s1)
            v, so = self.out(self.fc(z), so)
            voltages.append(v)
        return self.give(voltages)


NORSE: dict[str, tuple[Callable[..., Any], str]] = {
    "max": (lambda v: F.log_softmax(torch.max(torch.stack(v), 0)[0], dim=1), "v_max"),
    "values of max": (lambda v: torch.stack(v).max(dim=0).values, "v_max"),
    "amax": (lambda v: torch.amax(torch.stack(v, 1), dim=1), "v_max"),
    "last": (lambda v: v[-1], "v_last"),
    "last of a stack": (lambda v: torch.stack(v)[-1], "v_last"),
    "mean": (lambda v: torch.stack(v).mean(0), "v_mean"),
}


@pytest.mark.parametrize("case", NORSE)
def test_a_membrane_as_the_answer(case: str, tmp_path: Path) -> None:
    give, readout = NORSE[case]
    report = proven(NorseLoop(give), spikes(1, 4, 4), tmp_path, DT)
    assert report.populations == ("lif0", "lif1", "out")
    assert report.spikes > 50
    assert read_graph(tmp_path / "net.nir").readout.kind == readout


class Chain(nn.Module):
    """A container of Norse that hands its states on, once per step."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        cells = [norse.LIFBoxCell(dt=DT) for _ in range(2)]
        self.net = norse.SequentialState(nn.Linear(4, 5), cells[0], nn.Linear(5, 3), cells[1])
        with torch.no_grad():
            for parameter in self.net.parameters():
                parameter.mul_(8.0)

    def forward(self, x: Any) -> Any:
        state, found = None, []
        for one in x.unbind(0):
            z, state = self.net(one, state)
            found.append(z)
        return torch.stack(found)


class Jelly(nn.Module):
    """SpikingJelly's tutorial: layers once, neurons that keep their states, a mean of spikes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        lif = neuron.LIFNode
        self.static = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3))
        self.static[1].running_var.uniform_(0.05, 0.1)
        self.conv = nn.Sequential(lif(2.0), layer.AvgPool2d(2, 2))
        self.fc = nn.Sequential(layer.Flatten(), layer.Linear(12, 4), lif(2.0, v_threshold=0.2))

    def forward(self, x: Any) -> Any:
        x = self.static(x)
        counter = self.fc(self.conv(x))
        for _ in range(39):
            counter += self.fc(self.conv(x))
        return counter / 40


def test_containers_and_neurons_that_keep_their_states(tmp_path: Path) -> None:
    assert proven(Chain(), spikes(4), tmp_path, DT).spikes > 50
    report = proven(Jelly(), constant(1, 6, 6, steps=40), tmp_path)
    assert report.populations == ("conv/0", "fc/2")
    assert report.spikes > 50
    assert read_graph(tmp_path / "net.nir").readout.kind == "spike_count"


class LayerByLayer(nn.Module):
    """One loop per layer, over what the one before has stacked."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc1, self.fc2 = nn.Linear(6, 8), nn.Linear(8, 4)
        self.lif1, self.lif2 = snn.Leaky(beta=0.9), snn.Leaky(beta=0.8, threshold=0.5)

    def forward(self, x: Any) -> Any:
        x = x.flatten(2)
        for fc, lif in ((self.fc1, self.lif1), (self.fc2, self.lif2)):
            current, found, mem = fc(x), [], None
            for k in range(x.size(0)):
                spk, mem = lif(current[k], mem)
                found.append(spk)
            x = torch.stack(found)
        return x


def test_a_loop_per_layer(tmp_path: Path) -> None:
    report = proven(LayerByLayer(), spikes(2, 3), tmp_path)
    assert report.populations == ("lif1", "lif2")
    assert report.spikes > 50


class Around(nn.Module):
    """A loop around any network whose cells keep their states."""

    def __init__(self, net: Any, take: Callable[..., Any], count: Callable[..., int]) -> None:
        super().__init__()
        self.net, self.take, self.count = net, take, count

    def forward(self, x: Any) -> Any:
        return torch.stack([self.net(self.take(x, t))[0] for t in range(self.count(x))])


@given(seed=st.integers(0, 2**31 - 1), case=st.sampled_from(["x[t]", "x[:, t]"]))
@settings(max_examples=examples(5), deadline=None, suppress_health_check=list(HealthCheck))
def test_random_networks(tmp_path_factory, seed: int, case: str) -> None:  # type: ignore[no-untyped-def]
    net, shape = Maker(seed).network()
    take, count, _ = LAYOUTS[case]
    x = spikes(*shape, seed=seed)
    looped = proven(Around(net, take, count), x, tmp_path_factory.mktemp("looped"))
    plain = proven(net, x, tmp_path_factory.mktemp("plain"))
    assert looped.spikes == plain.spikes
    assert looped.populations == tuple(f"net/{name}" for name in plain.populations)


def test_the_graph_is_that_of_one_step() -> None:
    """The loop's nodes and numbers are those of the same network without a loop."""
    net, shape = Maker(5).network()
    take, count, _ = LAYOUTS["x[t]"]
    looped, plain = walk(Around(net, take, count), shape, 1.0), walk(net, shape, 1.0)
    assert plain.time is None
    assert looped.time == TimeLoop(0, None)
    found = {name.removeprefix("net/"): node for name, node in looped.nodes.nodes.items()}
    assert found.keys() == plain.nodes.nodes.keys()
    for name, node in plain.nodes.nodes.items():
        assert found[name].kind == node.kind
        for key, value in node.params.items():
            np.testing.assert_array_equal(found[name].params[key], value)
    edges = {tuple(name.removeprefix("net/") for name in edge) for edge in looped.nodes.edges}
    assert edges == set(plain.nodes.edges)


def test_what_no_trace_sees_is_found_by_the_proof(tmp_path: Path) -> None:
    """A factor that differs on real tensors only."""

    def sly(x: Any, t: int) -> Any:
        return x[t] * 0.5 if isinstance(x, torch.Tensor) and t > 60 else x[t]

    with pytest.raises(DriftError, match="'lif1' differs from PyTorch at step 6"):
        proven(Tutorial(sly), spikes(6), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_errors_of_the_users_own_code_say_where() -> None:
    def broken(x: Any, t: int) -> Any:
        if t == 40:
            raise ValueError("no more steps")
        return x[t]

    with pytest.raises(ConfigError, match=r"fails when it is run, at test_loops.py:\d+") as caught:
        walk(Tutorial(broken), (6,), 1.0)
    assert "no more steps" in caught.value.has


def test_weights_are_held_once_however_many_steps_there_are() -> None:
    """Traces of 300 steps of a layer of 4 MB."""
    take, _, _ = LAYOUTS["x[t]"]
    module = Tutorial(take, lambda x: 300)
    module.fc1 = nn.Linear(2**15, 8)
    tracemalloc.start()
    try:
        walk(module, (2**15,), 1.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30 * 2**20
