"""Our NIR files in SpikingJelly's importer, and its exporter's files in our reader.

What SpikingJelly 2.0.0's importer refuses or gets wrong, each with a test below:

- groups other than 1 in a convolution (nir's own type check stops before it says so)
- an IF whose r is not 1/dt; a LIF whose r is neither 1 nor tau/dt, whose tau is not above dt, or
  whose v_leak is not v_reset; a CubaLIF whose r and w_in are not its time constants over dt, or
  whose v_leak is not 0; parameters that differ between neurons
- LI, CubaLI, Scale, Delay, SumPool2d, Threshold: no mapping
- a soft reset: NIR has none, so it takes it for a hard one; it exports none either
- recurrence in multi-step mode; its exporter traces no LinearRecurrentContainer
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("spikingjelly", reason="the front end of SpikingJelly modules")
pytest.importorskip("nir", reason="the exchange format's own library")
pytest.importorskip("nirtorch", reason="SpikingJelly's importer needs it")

import nir
import torch
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir, import_from_nir

from snn2chip.frontends.nir import read_graph, write_graph
from snn2chip.frontends.nir.metadata import Metadata
from snn2chip.frontends.torch.prove import export_module
from snn2chip.graph.oracle import run_graph
from tests.frontends.spikingjelly.networks import dense, in_mode, lif, spikes, strong

nn = torch.nn

CONVOLUTIONS = (
    layer.Conv2d(2, 4, 3, padding=1),
    lif(),
    layer.AvgPool2d(2),
    layer.Conv2d(4, 3, 2, bias=False),
    neuron.IFNode(0.5),
    layer.Flatten(),
    layer.Linear(27, 4),
    neuron.ParametricLIFNode(3.1, v_threshold=0.2),
)
NETWORKS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "if": (dense(neuron.IFNode(v_reset=-0.1), neuron.IFNode(0.6)), (6,)),
    "lif": (dense(lif(v_reset=0.2), lif(tau=5.3)), (6,)),
    "whole input": (dense(lif(decay_input=False, v_reset=-0.3)), (6,)),
    "plif": (dense(neuron.ParametricLIFNode(2.4, False), lif()), (6,)),
    "cuba": (dense(neuron.CUBALIFNode(0.6, 0.7, 0.4), neuron.CUBALIFNode()), (6,)),
    "convolutions": (strong(nn.Sequential(*CONVOLUTIONS), 2), (2, 8, 8)),
}
LOOP = layer.LinearRecurrentContainer(lif(), 6, 6)
RECURRENT = strong(nn.Sequential(LOOP, layer.Linear(6, 4), neuron.IFNode(0.5)), 5)


def theirs(module: Any, x: np.ndarray) -> np.ndarray:
    """Outputs of a SpikingJelly module in float64, [step, sample, ...]."""
    wide = in_mode(module, "s").double().eval()
    functional.reset_net(wide)
    with torch.no_grad():
        found = np.stack([wide(torch.as_tensor(step)).numpy() for step in x])
    functional.reset_net(wide)
    wide.float()
    return found


def imported(path: Path, dt: float, x: np.ndarray) -> np.ndarray:
    """Outputs of the network that SpikingJelly makes of a file, in float64."""
    net = import_from_nir(path, dt=dt, dtype=torch.float64).eval()
    state, found = None, []
    with torch.no_grad():
        for step in x:
            result = net(torch.as_tensor(step), state)
            output, state = result if isinstance(result, tuple) else (result, None)
            found.append(output.numpy())
    return np.stack(found)


def written(module: Any, shape: tuple[int, ...], dt: float, path: Path, by: str) -> Path:
    """A file that the export proved, or that the writer made of the graph read from it."""
    export_module(module, Metadata(dt=dt), spikes(*shape, steps=20), path)
    if by == "writer":
        write_graph(read_graph(path), path)
    return path


@pytest.mark.parametrize("by", ["export", "writer"])
@pytest.mark.parametrize("dt", [1.0, 1e-4])
@pytest.mark.parametrize("case", NETWORKS)
def test_their_importer_runs_our_files(tmp_path: Path, case: str, dt: float, by: str) -> None:
    module, shape = NETWORKS[case]
    x = spikes(*shape, seed=1)
    path = written(module, shape, dt, tmp_path / "net.nir", by)
    expected = theirs(module, x)
    assert expected.sum() > 100
    if (case, by) == ("convolutions", "writer"):
        # The graph holds a pool and the convolution behind it as one convolution.
        assert "AvgPool2d" not in {node.kind for node in read_nodes_of(path)}
    assert int((imported(path, dt, x).reshape(expected.shape) != expected).sum()) == 0


def read_nodes_of(path: Path) -> list[Any]:
    from snn2chip.frontends.nir.storage import read_nodes

    return list(read_nodes(path).nodes.values())


@pytest.mark.parametrize("case", ["if", "whole input", "cuba", "convolutions"])
def test_their_importer_runs_our_files_over_time(tmp_path: Path, case: str) -> None:
    module, shape = NETWORKS[case]
    x = spikes(*shape, seed=3)
    path = written(module, shape, 1.0, tmp_path / "net.nir", "export")
    net = import_from_nir(path, dt=1.0, dtype=torch.float64, step_mode="m").eval()
    with torch.no_grad():
        found, _ = net(torch.as_tensor(x))
    expected = theirs(module, x)
    assert int((found.numpy().reshape(expected.shape) != expected).sum()) == 0


@pytest.mark.parametrize("dt", [1.0, 1e-4])
def test_their_importer_runs_our_recurrence(tmp_path: Path, dt: float) -> None:
    x = spikes(6, seed=1)
    path = written(RECURRENT, (6,), dt, tmp_path / "net.nir", "export")
    expected = theirs(RECURRENT, x)
    assert expected.sum() > 100
    assert int((imported(path, dt, x) != expected).sum()) == 0
    with pytest.raises(NotImplementedError, match="step_mode='s'"):
        import_from_nir(path, dt=dt, step_mode="m")


@pytest.mark.parametrize("dt", [1.0, 1e-4])
@pytest.mark.parametrize("case", NETWORKS)
def test_our_reader_runs_their_files(tmp_path: Path, case: str, dt: float) -> None:
    module, shape = NETWORKS[case]
    x = spikes(*shape, seed=2)
    export_to_nir(module, torch.zeros(1, *shape), tmp_path / "theirs.nir", dt=dt)
    graph = read_graph(tmp_path / "theirs.nir", "spikingjelly", dt)
    expected = theirs(module, x)
    assert expected.sum() > 100
    (name,) = graph.outputs
    assert int((run_graph(graph, x)[name].reshape(expected.shape) != expected).sum()) == 0


def test_a_soft_reset_is_lost_on_them(tmp_path: Path) -> None:
    """Our metadata carries it; to a reader without them it is a hard reset to 0."""
    module, x = dense(lif(v_reset=None)), spikes(6, seed=1)
    path = written(module, (6,), 1.0, tmp_path / "net.nir", "export")
    expected = theirs(module, x)
    ours = run_graph(read_graph(path), x)["1"]
    assert int((ours != expected).sum()) == 0
    assert int((imported(path, 1.0, x) != expected).sum()) > 0
    hard = theirs(dense(lif()), x)
    assert int((imported(path, 1.0, x) != hard).sum()) == 0
    with pytest.raises(NotImplementedError, match="soft reset"):
        export_to_nir(module, torch.zeros(1, 6), dt=1.0)


def file(path: Path, node: Any, *shape: int) -> Path:
    nodes = {"input": nir.Input(np.array(shape)), "0": node, "output": nir.Output(np.array(shape))}
    nir.write(path, nir.NIRGraph(nodes, [("input", "0"), ("0", "output")], type_check=False))
    return path


def full(*values: float) -> list[np.ndarray]:
    return [np.full(2, value) for value in values]


FAULTS: dict[str, tuple[Any, type[Exception], str]] = {
    "if": (nir.IF(*full(2.0, 1.0)), ValueError, "r must equal 1 / dt"),
    "lif r": (nir.LIF(*full(4.0, 2.0, 0.0, 1.0)), ValueError, "r must equal 1 or tau / dt"),
    "lif tau": (nir.LIF(*full(1.0, 1.0, 0.0, 1.0)), ValueError, "greater than 1"),
    "lif leak": (nir.LIF(*full(4.0, 1.0, 0.5, 1.0)), ValueError, "v_leak must equal v_reset"),
    "cuba r": (nir.CubaLIF(*full(2.0, 4.0, 1.0, 0.0, 1.0)), ValueError, "r must equal tau_mem"),
    "cuba leak": (
        nir.CubaLIF(*full(2.0, 4.0, 4.0, 0.5, 1.0), w_in=np.full(2, 2.0)),
        ValueError,
        "v_leak must equal 0",
    ),
    "several values": (
        nir.IF(np.ones(2), np.array([1.0, 2.0])), ValueError, "must be uniform",
    ),
    "li": (nir.LI(*full(4.0, 1.0, 0.0)), ValueError, "Unknown node type"),
    "scale": (nir.Scale(np.ones(2)), ValueError, "Unknown node type"),
    "delay": (nir.Delay(np.ones(2)), ValueError, "Unknown node type"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_what_their_importer_refuses(tmp_path: Path, case: str) -> None:
    """Files that our reader takes: the difference is named in the module's docstring."""
    node, kind, message = FAULTS[case]
    path = file(tmp_path / "net.nir", node, 2)
    with pytest.raises(kind, match=message):
        import_from_nir(path, dt=1.0)
    if case not in ("scale", "delay"):
        assert read_graph(path, "spikingjelly", 1.0).populations[1].size == 2


def test_groups_are_refused_by_them_and_exported_by_us(tmp_path: Path) -> None:
    module = strong(nn.Sequential(layer.Conv2d(2, 4, 3, groups=2), neuron.IFNode()), 0)
    path = written(module, (2, 5, 5), 1.0, tmp_path / "net.nir", "export")
    with pytest.raises((ValueError, NotImplementedError)):
        import_from_nir(path, dt=1.0)
    with pytest.raises(NotImplementedError, match="Grouped"):
        export_to_nir(module, torch.zeros(1, 2, 5, 5), dt=1.0)


def test_their_exporter_traces_no_recurrent_container() -> None:
    with pytest.raises(torch.fx.proxy.TraceError):
        export_to_nir(RECURRENT, torch.zeros(1, 6), dt=1.0)


def test_a_cuba_starts_at_its_reset_away_from_its_rest(tmp_path: Path) -> None:
    """NIR has no initial membrane: the preset says that CUBALIFNode starts at v_reset."""
    module, x = dense(neuron.CUBALIFNode(0.5, 0.9, 0.6, v_reset=0.5)), spikes(6, seed=1)
    export_to_nir(module, torch.zeros(1, 6), tmp_path / "theirs.nir", dt=1.0)
    expected = theirs(module, x)
    assert expected.sum() > 0
    differing = {}
    for start in ("v_reset", "v_leak"):
        path, options = tmp_path / "theirs.nir", {"initial_v": start}
        graph = read_graph(path, "spikingjelly", 1.0, options)
        differing[start] = int((run_graph(graph, x)[graph.outputs[0]] != expected).sum())
    assert differing["v_reset"] == 0
    assert differing["v_leak"] > 0
