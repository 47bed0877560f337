"""Networks of SpikingJelly in float64 and as a Graph: not one spike differs over 200 steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("spikingjelly", reason="the front end of SpikingJelly modules")

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spikingjelly.activation_based import layer, neuron

from snn2chip.errors import DriftError
from snn2chip.frontends.nir import read_graph
from snn2chip.frontends.nir.metadata import Metadata
from snn2chip.frontends.torch.prove import ExportReport, export_module
from tests.examples import examples
from tests.frontends.spikingjelly.networks import (
    NODES,
    STEPS,
    dense,
    drawn,
    in_mode,
    lif,
    spikes,
    strong,
)

nn = torch.nn


def proven(
    net: Any, path: Path, *shape: int, dt: float = 1.0, seed: int = 0, samples: int = 2
) -> ExportReport:
    return export_module(net, Metadata(dt=dt), spikes(*shape, seed=seed, samples=samples), path)


@pytest.mark.parametrize("mode", ["s", "m"])
@pytest.mark.parametrize("kind", NODES)
def test_every_neuron_in_both_step_modes(tmp_path: Path, kind: str, mode: str) -> None:
    net = in_mode(dense(NODES[kind](), NODES[kind](), seed=3), mode)
    report = proven(net, tmp_path / "net.nir", 6)
    assert report.populations == ("1", "3")
    assert report.values == STEPS * 2 * 12
    assert report.values / 50 < report.spikes < report.values
    assert report.largest_difference < 1e-12


@settings(max_examples=examples(15), deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn(), st.integers(0, 2**31))
def test_random_networks(tmp_path_factory: Any, network: Any, seed: int) -> None:
    net, shape = network
    path = tmp_path_factory.getbasetemp() / "random.nir"
    report = proven(net, path, *shape, seed=seed, samples=1)
    assert report.largest_difference < 1e-9


@pytest.mark.parametrize("dt", [1e-4, 0.3, 7.0])
@pytest.mark.parametrize("kind", ["if-soft", "lif", "lif-whole-input", "plif", "cuba"])
def test_a_step_may_have_any_length(tmp_path: Path, kind: str, dt: float) -> None:
    report = proven(dense(NODES[kind](), NODES[kind]()), tmp_path / "net.nir", 6, dt=dt)
    assert report.spikes > 100
    assert read_graph(tmp_path / "net.nir").discretization.dt == dt


CONTAINERS: dict[str, Any] = {
    "linear": lambda: layer.LinearRecurrentContainer(lif(v_reset=None), 6, 6),
    "linear without bias": lambda: layer.LinearRecurrentContainer(lif(), 6, 6, bias=False),
    "linear around layers": lambda: layer.LinearRecurrentContainer(
        nn.Sequential(layer.Linear(6, 9), lif(), nn.Linear(9, 4), nn.Dropout(), neuron.IFNode()),
        6,
        4,
    ),
    "linear around a norm": lambda: layer.LinearRecurrentContainer(
        nn.Sequential(layer.Linear(6, 9), layer.BatchNorm1d(9), lif()), 6, 9
    ),
    "linear in linear": lambda: layer.LinearRecurrentContainer(
        layer.LinearRecurrentContainer(neuron.CUBALIFNode(), 6, 6), 6, 6
    ),
    "sum": lambda: layer.ElementWiseRecurrentContainer(lif(v_threshold=0.6), torch.add),
    "sum around layers": lambda: layer.ElementWiseRecurrentContainer(
        nn.Sequential(layer.Linear(6, 6), lif()), torch.add
    ),
}


@pytest.mark.parametrize("mode", ["s", "m"])
@pytest.mark.parametrize("case", CONTAINERS)
def test_recurrent_containers(tmp_path: Path, case: str, mode: str) -> None:
    first = strong(nn.Sequential(CONTAINERS[case]()), 5)
    first[0].step_mode = mode
    report = proven(first, tmp_path / "net.nir", 6)
    assert report.spikes > 100
    graph = read_graph(tmp_path / "net.nir")
    loops = [p for p in graph.projections if p.delay.smallest == 1]
    assert loops
    assert all("sub_module" in p.source for p in loops)


def test_the_bias_of_a_recurrent_container_is_there_at_the_first_step(tmp_path: Path) -> None:
    net = nn.Sequential(layer.LinearRecurrentContainer(neuron.IFNode(), 2, 2))
    with torch.no_grad():
        net[0].rc.weight.zero_()
        net[0].rc.bias.fill_(1.0)
    report = export_module(net, Metadata(dt=1.0), np.zeros((3, 1, 2)), tmp_path / "net.nir")
    assert report.spikes == report.values == 6


def test_containers_of_sequences(tmp_path: Path) -> None:
    net = nn.Sequential(
        layer.SeqToANNContainer(nn.Conv2d(2, 3, 3, padding="same"), nn.BatchNorm2d(3)),
        in_mode(lif(), "m"),
        layer.MultiStepContainer(nn.AvgPool2d(2), nn.Conv2d(3, 3, 2), neuron.IFNode(0.5)),
        layer.StepModeContainer(False, "m", nn.Flatten(), nn.Linear(3, 5)),
        layer.StepModeContainer(True, "m", neuron.IFNode(0.5), nn.Linear(5, 4), lif()),
    )
    report = proven(strong(net, 1), tmp_path / "net.nir", 2, 4, 4)
    assert report.populations == ("1", "2/2", "4/0", "4/2")
    assert report.spikes > 500


LAYERS: dict[str, Any] = {
    "conv1d": lambda: ([layer.Conv1d(2, 3, 2, stride=2, dilation=2), layer.BatchNorm1d(3)], (2, 9)),
    "grouped": lambda: ([layer.Conv2d(2, 4, (3, 2), padding=1, groups=2)], (2, 5, 4)),
    "pool": lambda: ([layer.AvgPool2d(3, 2, 1), layer.Conv2d(2, 3, 1)], (2, 6, 5)),
    "pool 1d": lambda: ([layer.AvgPool1d(2), layer.Conv1d(2, 3, 2)], (2, 7)),
    "adaptive pool": lambda: ([layer.AdaptiveAvgPool2d((2, 1))], (2, 6, 5)),
    "flatten": lambda: ([layer.Flatten(), layer.Linear(8, 4, bias=False)], (2, 2, 2)),
    "flatten two axes": lambda: ([layer.Flatten(2, -1), layer.Conv1d(2, 3, 2)], (2, 3, 2)),
    "standardized": lambda: ([layer.WSConv2d(2, 3, 3, padding=1)], (2, 4, 4)),
    "standardized linear": lambda: ([layer.WSLinear(5, 4, gain=False)], (5,)),
    "threshold norm": lambda: (
        [layer.Conv2d(2, 3, 2), layer.ThresholdDependentBatchNorm2d(0.7, 0.5, 3)],
        (2, 4, 4),
    ),
    "threshold norm 1d": lambda: (
        [layer.Conv1d(2, 3, 2), layer.ThresholdDependentBatchNorm1d(0.7, 0.5, 3)],
        (2, 4),
    ),
    "nothing": lambda: ([layer.Dropout(), layer.PrintShapeModule(), nn.Identity()], (4,)),
    "delay": lambda: ([layer.Delay(3), layer.Linear(4, 4), layer.Delay(0)], (4,)),
}


SEQUENCES_ONLY = ("threshold norm", "threshold norm 1d")


@pytest.mark.parametrize(
    ("case", "mode"),
    [(case, mode) for case in LAYERS for mode in "sm" if mode == "m" or case not in SEQUENCES_ONLY],
)
def test_layers(tmp_path: Path, case: str, mode: str) -> None:
    layers, shape = LAYERS[case]()
    net = in_mode(strong(nn.Sequential(*layers, lif(v_threshold=0.2)), 2), mode)
    assert proven(net, tmp_path / "net.nir", *shape).spikes > 50


@pytest.mark.parametrize("decode", [None, "max-mem", "max-abs-mem", "mean-mem", "last_mem"])
def test_a_readout_without_spikes(tmp_path: Path, decode: str | None) -> None:
    net = nn.Sequential(layer.Linear(6, 8), lif(), nn.Linear(8, 3))
    net.append(neuron.NonSpikingLIFNode(3.0, decode))
    report = proven(in_mode(strong(net, 0), "m"), tmp_path / "net.nir", 6)
    graph = read_graph(tmp_path / "net.nir")
    assert (graph.outputs, graph.population("3").neuron.kind) == (("3",), "LI")
    assert report.spikes > 100


def test_float32_differences_are_counted_and_not_judged(tmp_path: Path) -> None:
    """The weight that is nearest to 0.7 in float32 lies below 0.7, and at it in float32."""
    net = nn.Sequential(layer.Linear(1, 1, bias=False), neuron.IFNode(0.7))
    with torch.no_grad():
        net[0].weight.fill_(0.7)
    report = export_module(net, Metadata(dt=1.0), np.ones((STEPS, 1, 1)), tmp_path / "net.nir")
    assert report.largest_difference == 0.0
    assert (report.spikes, report.float32_differing) == (100, 100)


@pytest.mark.parametrize("tau", [2.0, 3.0, 49.0])
def test_a_membrane_on_the_threshold_fires(tmp_path: Path, tau: float) -> None:
    """An input of exactly the threshold fires whatever tau is, where it does not decay."""
    net = nn.Sequential(nn.Identity(), neuron.LIFNode(tau, decay_input=False))
    report = export_module(net, Metadata(dt=1.0), np.ones((4, 1, 1)), tmp_path / "net.nir")
    assert report.spikes == 4


@pytest.mark.parametrize(
    ("name", "value"), [("tau", 2.8), ("v_threshold", 0.41), ("v_reset", 0.1), ("v_reset", None)]
)
def test_a_difference_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: float | None
) -> None:
    """SpikingJelly's copy is altered behind the walk's back."""
    from dataclasses import replace

    from snn2chip.frontends import spikingjelly as front
    from snn2chip.frontends.torch import prove

    def altered(module: Any, dtype: Any) -> Any:
        made = front.twin(module, dtype)
        setattr(made[1], name, value)
        return made

    library = replace(front.FRAMEWORK, twin=altered)
    monkeypatch.setattr(prove, "framework_of", lambda module: library)
    with pytest.raises(DriftError, match="population '1' differs from PyTorch at step"):
        proven(dense(lif()), tmp_path / "net.nir", 6)
    assert list(tmp_path.iterdir()) == []
