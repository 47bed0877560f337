"""Random networks of every form: their exports run as Graphs without a differing spike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snn2chip.frontends.nir import read_graph
from snn2chip.frontends.nir.metadata import Metadata
from snn2chip.graph.oracle import run_graph

torch = pytest.importorskip("torch", reason="the front end of PyTorch modules")
pytest.importorskip("norse.torch", reason="the front end of Norse modules")

from snn2chip.frontends.norse import FRAMEWORK  # noqa: E402
from snn2chip.frontends.torch.borderline import teacher_forced  # noqa: E402
from snn2chip.frontends.torch.prove import export_module  # noqa: E402
from snn2chip.frontends.torch.walk import walk  # noqa: E402
from tests.frontends.norse.networks import DT, NETWORKS, Draw, spikes  # noqa: E402

SEEDS = range(2)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_no_spike_differs_in_float64(name: str, seed: int, tmp_path: Path) -> None:
    network, shape = NETWORKS[name](Draw(100 + seed))
    path = tmp_path / "net.nir"
    samples = spikes(*shape, seed=seed)
    report = export_module(network, Metadata(dt=DT), samples, path)
    assert report.spikes > 20
    assert report.largest_difference < 1e-9
    graph = read_graph(path)
    ours = run_graph(graph, samples)
    cells = walk(network, shape, DT).cells
    assert set(cells.values()) == {p.name for p in graph.populations if not p.is_input}
    theirs = FRAMEWORK.record(FRAMEWORK.twin(network, torch.float64), cells, samples, torch.float64)
    for population in cells.values():
        found = ours[population].reshape(theirs[population].shape)
        if graph.population(population).neuron.spiking:
            np.testing.assert_array_equal(found, theirs[population])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_in_float32_every_difference_is_a_borderline_one(
    name: str, seed: int, tmp_path: Path
) -> None:
    network, shape = NETWORKS[name](Draw(200 + seed, torch.float32))
    samples = spikes(*shape, seed=seed)
    export_module(network, Metadata(dt=DT), samples, tmp_path / "net.nir")
    graph = read_graph(tmp_path / "net.nir")
    cells = walk(network, shape, DT).cells
    theirs = FRAMEWORK.record(FRAMEWORK.twin(network, torch.float32), cells, samples, torch.float32)
    found = teacher_forced(graph, theirs, samples)
    assert found.explained, found
    assert found.membrane < 1e-4
    assert found.spikes > 20
