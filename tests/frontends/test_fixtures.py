"""Networks of other projects, and what their frameworks made of them."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest

from snn2chip.frontends import load
from snn2chip.frontends.nir import read_graph, write_graph
from snn2chip.graph import Conv, Dense, differences, to_text
from snn2chip.graph.oracle import run_graph

NAMES = ["lif_norse", "two_lif_neurons", "braille_noDelay_bias_zero", "cnn_sinabs"]


def test_norses_neuron_spike_for_spike(shared_fixtures: Path) -> None:
    graph = read_graph(shared_fixtures / "nir" / "lif_norse.nir", "norse", 1e-4)
    given, v, spikes = np.loadtxt(shared_fixtures / "nir" / "lif_norse.csv", delimiter=",").T
    found = run_graph(graph, given.reshape(-1, 1, 1))
    np.testing.assert_array_equal(found["1"].reshape(-1), spikes)
    assert len(spikes) == 1000
    assert spikes.sum() == 4
    largest = np.abs(v).max()
    np.testing.assert_allclose(found["1.v"].reshape(-1), v, rtol=1e-6, atol=1e-6 * largest)


@pytest.mark.parametrize(("early_bias", "differing"), [("dropped", 0), ("kept", 23)])
def test_norses_braille_reader(shared_fixtures: Path, early_bias: str, differing: int) -> None:
    """Norse leaves the recurrent bias out at step 0; with it the raster would be another."""
    folder = shared_fixtures / "nir"
    path = folder / "braille_noDelay_bias_zero.nir"
    graph = read_graph(path, "norse", 1e-4, {"early_bias": early_bias})
    expected = np.load(folder / "norse_activity_noDelay_bias_zero.npy")
    found = run_graph(graph, np.load(folder / "braille_sample0.npy")[:, None])["lif1.lif"][:, 0]
    assert expected.sum() == 118
    assert int((found != expected).sum()) == differing


def test_a_convolutional_network_of_sinabs(shared_fixtures: Path) -> None:
    graph = read_graph(shared_fixtures / "nir" / "cnn_sinabs.nir", "norse")
    shapes = {p.name: p.shape for p in graph.populations}
    assert shapes == {
        "input": (2, 34, 34),
        "1": (16, 16, 16),
        "3": (16, 16, 16),
        "6": (8, 8, 8),
        "10": (256,),
        "12": (10,),
    }
    assert sum(p.size for p in graph.populations if not p.is_input) == 8970
    kinds = [type(p.operator) for p in graph.projections]
    assert kinds == [Conv, Conv, Conv, Dense, Dense]
    pooled = graph.incoming("6")[0].operator
    assert isinstance(pooled, Conv)
    assert (pooled.stride, pooled.padding) == ((2, 2), ((2, 2), (2, 2)))
    assert pooled.weight.shape == (8, 16, 6, 6)
    assert graph.incoming("10")[0].operator.source_shape == (8, 8, 8)


def test_the_pooled_network_equals_its_layers(shared_fixtures: Path) -> None:
    """One step of spikes through sinabs' layers one by one, in torch."""
    torch = pytest.importorskip("torch", reason="torch is the witness of the layers")
    nodes = nir.read(shared_fixtures / "nir" / "cnn_sinabs.nir").nodes
    graph = read_graph(shared_fixtures / "nir" / "cnn_sinabs.nir", "norse")
    x = np.random.default_rng(0).integers(0, 2, (4, 3, 2, 34, 34)).astype(float)
    found = run_graph(graph, x)
    functional, tensor = torch.nn.functional, torch.as_tensor

    def conv(name: str, spikes: np.ndarray) -> np.ndarray:
        node = nodes[name]
        options = (tuple(node.stride), tuple(node.padding), tuple(node.dilation))
        flat = tensor(spikes.reshape(-1, *spikes.shape[2:]))
        y = functional.conv2d(flat, tensor(node.weight).double(), None, *options)
        return y.numpy().reshape(*spikes.shape[:2], *y.shape[1:])

    def neurons(current: np.ndarray) -> np.ndarray:
        v, out = np.zeros(current.shape[1:]), []
        for step in current:
            v = v + step
            out.append((v > 1).astype(float))
            v = np.where(v > 1, 0.0, v)
        return np.stack(out)

    def pool(spikes: np.ndarray) -> np.ndarray:
        *lead, height, width = spikes.shape
        blocks = spikes.reshape(*lead, height // 2, 2, width // 2, 2)
        return blocks.sum(axis=(-3, -1))

    first = neurons(conv("0", x))
    second = neurons(conv("2", first))
    third = neurons(conv("5", pool(second)))
    flat = pool(third).reshape(4, 3, -1)
    fourth = neurons(flat @ nodes["9"].weight.T.astype(float))
    last = neurons(fourth @ nodes["11"].weight.T.astype(float))
    expected = {"1": first, "3": second, "6": third, "10": fourth, "12": last}
    for name, spikes in expected.items():
        assert spikes.sum() > 0 or name == "12"
        np.testing.assert_array_equal(found[name], spikes)


def test_a_neuron_that_fires_by_itself(shared_fixtures: Path) -> None:
    """v_leak = 1.2 above the threshold of 1, tau = 10 ms: starts above, then every 19 ms or so."""
    graph = read_graph(shared_fixtures / "nir" / "two_lif_neurons.nir", "norse", 1e-4)
    spikes = run_graph(graph, np.zeros((1000, 1, 1)))["lif1"].reshape(-1)
    times = np.flatnonzero(spikes)
    assert times[0] == 0
    interval = int(np.ceil(np.log(1.2 / 0.2) / -np.log(1 - 0.01)))
    assert set(np.diff(times)) == {interval}


@pytest.mark.parametrize("name", NAMES)
def test_they_survive_writing(tmp_path: Path, shared_fixtures: Path, name: str) -> None:
    graph = load(shared_fixtures / "nir" / f"{name}.nir", "norse", 1e-4)
    write_graph(graph, tmp_path / f"{name}.nir")
    again = load(tmp_path / f"{name}.nir")
    assert differences(graph, again) == []
    assert to_text(again) == to_text(graph)
    nir.read(tmp_path / f"{name}.nir")
