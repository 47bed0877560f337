"""Modules of users with a ``forward`` of their own: branches, residual sums, several inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("spikingjelly", reason="the front end of SpikingJelly modules")

import torch
from spikingjelly.activation_based import layer, neuron

from snn2chip.frontends.nir import read_graph
from snn2chip.frontends.nir.metadata import Metadata
from snn2chip.frontends.spikingjelly import record, twin
from snn2chip.frontends.torch import walk
from snn2chip.frontends.torch.prove import export_module
from tests.frontends.spikingjelly.networks import NODES, in_mode, lif, spikes, strong

nn = torch.nn


class Branches(nn.Module):
    """Two branches of different neurons, and a sum of both with a skip."""

    def __init__(self, left: str, right: str) -> None:
        super().__init__()
        self.head = nn.Sequential(layer.Linear(6, 8), lif())
        self.left = nn.Sequential(layer.Linear(8, 8), layer.Dropout(), NODES[left]())
        self.right = layer.Linear(8, 8, bias=False)
        self.node = NODES[right]()
        self.last = layer.Linear(8, 4)
        self.out = neuron.LIFNode(v_threshold=0.2, v_reset=None)

    def forward(self, x: Any) -> Any:
        x = self.head(x)
        return self.out(self.last(self.left(x) + self.node(self.right(x)) + x))


class Residual(nn.Module):
    """Convolutions around which spikes go, as in SEW blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(layer.Conv2d(1, 3, 3, padding=1), layer.BatchNorm2d(3), lif())
        self.block = nn.Sequential(layer.Conv2d(3, 3, 3, padding=1), layer.BatchNorm2d(3), lif())
        self.pool, self.flat = layer.AvgPool2d(2), layer.Flatten()
        self.fc, self.out = layer.Linear(12, 4), lif(v_threshold=0.2)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        x = self.block(x) + x
        return self.out(self.fc(self.flat(self.pool(x))))


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.node = layer.Linear(3, 5), layer.Linear(2, 5), lif()

    def forward(self, sound: Any, picture: Any) -> Any:
        return self.node(self.one(sound) + self.two(picture))


class Loop(nn.Module):
    """The network of a tutorial: it runs over time itself."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(layer.Linear(2, 3), lif())

    def forward(self, x: Any) -> Any:
        total = 0.0
        for _ in range(4):
            total = total + self.net(x)
        return total / 4


@pytest.mark.parametrize("mode", ["s", "m"])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("left", "right"),
    [("if-soft", "lif"), ("plif", "cuba"), ("lif-whole-input", "if-reset"), ("cuba-soft", "plif")],
)
def test_two_branches(tmp_path: Path, left: str, right: str, seed: int, mode: str) -> None:
    net = in_mode(strong(Branches(left, right), seed), mode)
    samples = spikes(6, seed=seed)
    report = export_module(net, Metadata(dt=1.0), samples, tmp_path / "net.nir")
    assert set(report.populations) == {"head/1", "left/2", "node", "out"}
    assert report.spikes > 500
    graph = read_graph(tmp_path / "net.nir")
    assert sorted(p.source for p in graph.incoming("out")) == ["head/1", "left/2", "node"]


@pytest.mark.parametrize("mode", ["s", "m"])
def test_residual_blocks(tmp_path: Path, mode: str) -> None:
    net = in_mode(strong(Residual(), 3), mode)
    samples = spikes(1, 4, 4)
    report = export_module(net, Metadata(dt=1.0), samples, tmp_path / "net.nir")
    assert report.populations == ("stem/2", "block/2", "out")
    assert report.spikes > 500


@pytest.mark.parametrize("mode", ["s", "m"])
def test_a_run_of_several_inputs(mode: str) -> None:
    net = in_mode(strong(TwoInputs(), 0), mode)
    x = {"picture": spikes(2, seed=1, steps=20), "sound": spikes(3, seed=2, steps=20)}
    found = record(twin(net, torch.float64), {"node": "a"}, x, torch.float64)
    together = nn.Sequential(nn.Linear(5, 5), lif()).double()
    with torch.no_grad():
        together[0].weight.copy_(torch.cat([net.one.weight, net.two.weight], 1))
        together[0].bias.copy_(net.one.bias + net.two.bias)
    joined = np.concatenate([x["sound"], x["picture"]], axis=-1)
    expected = record(twin(together, torch.float64), {"1": "a"}, joined, torch.float64)
    assert found["a"].sum() > 20
    np.testing.assert_array_equal(found["a"], expected["a"])
    np.testing.assert_allclose(found["a.v"], expected["a.v"], atol=1e-6)


def test_a_loop_over_time_is_followed(tmp_path: Path) -> None:
    x = np.repeat(np.random.default_rng(0).random((1, 5, 2)) * 3, 4, axis=0)
    report = export_module(strong(Loop(), 3), Metadata(dt=1.0), x, tmp_path / "net.nir")
    assert (report.steps, report.populations) == (4, ("net/1",))
    assert report.spikes > 0


@pytest.mark.parametrize("mode", ["s", "m"])
def test_what_is_seen_of_a_sequence_and_of_a_step_is_one_network(mode: str) -> None:
    walked = walk(in_mode(Residual(), mode), (1, 4, 4), 1.0)
    flat = next(node for node in walked.nodes.nodes.values() if node.kind == "Flatten")
    assert (flat.params["start_dim"], flat.params["input_type"].tolist()) == (0, [3, 2, 2])
