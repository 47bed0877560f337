"""Our NIR files in Norse's own importer, in float64: not one spike differs where it can run them.

What Norse 1.1.0's importer gets wrong, each with a test below:

- v_reset is not read: neurons are reset to 0
- a LIF's or IF's r is not read (it warns)
- the current of a CubaLIF leaks to v_leak, as its membrane does
- a Flatten counts the batch as an axis, which NIR's does not: samples run one by one
- the bias of a recurrent Affine is missing at step 0, which the preset ``norse`` knows
- Conv1d, AvgPool2d, Scale, Delay, LI and CubaLI are left out without a word
- parameters are rounded to float32; here all are dyadic numbers
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("norse", reason="its importer is what is tested")
pytest.importorskip("nir", reason="Norse's importer needs it")

import nir
import norse.torch
import torch

from snn2chip.frontends.nir import read_graph, write_graph
from snn2chip.graph import Delay, Graph, Population
from snn2chip.graph.oracle import run_graph
from snn2chip.neurons import Input, from_preset
from tests import networks

pytestmark = pytest.mark.filterwarnings("ignore:nirtorch.load")
DT = 2.0**-10
NORSE = from_preset("norse", DT)
STEPS = 200


def lif(shape: Any, **values: float) -> Any:
    return networks.lif(shape, tau=4 * DT, **values)


def cuba(shape: Any, **values: float) -> Any:
    return networks.cuba(shape, tau_syn=4 * DT, tau_mem=8 * DT, **{"w_in": 2.0, **values})


def spikes(*shape: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((STEPS, 2, *shape)) < 0.4).astype(np.float64)


def chain(neuron: Any, bias: bool, seed: int) -> Graph:
    rng = np.random.default_rng(seed)
    return networks.chain(rng, neuron=neuron, sizes=(6, 12, 10, 5), bias=bias, discretization=NORSE)


def written(graph: Graph, path: Path) -> Graph:
    """The graph as the file holds it: with weights of float32."""
    write_graph(graph, path)
    return read_graph(path)


def network(path: Path) -> Any:
    """The network that Norse makes of a file, with all numbers in float64."""
    net = norse.torch.from_nir(nir.read(path), dt=DT, ignore_warnings=True).double().eval()
    for part in net.modules():
        if hasattr(part, "p") and hasattr(part.p, "_asdict"):
            values = part.p._asdict().items()
            tensors = {k: v.double() for k, v in values if isinstance(v, torch.Tensor)}
            part.p = part.p._replace(**tensors)
    return net


def imported(path: Path, x: np.ndarray) -> np.ndarray:
    """Outputs of the network that Norse makes of a file, [step, sample, neuron]."""
    net = network(path)
    with torch.no_grad():
        rows = []
        for sample in range(x.shape[1]):
            state, row = None, []
            for step in x[:, sample : sample + 1]:
                output, state = net(torch.as_tensor(step), state)
                row.append(output.reshape(-1).numpy().copy())
            rows.append(np.stack(row))
    return np.stack(rows, axis=1)


def differing(graph: Graph, path: Path, x: np.ndarray) -> int:
    expected = run_graph(graph, x)[graph.outputs[0]].reshape(*x.shape[:2], -1)
    assert expected.sum() > 20
    return int((imported(path, x) != expected).sum())


EXACT: dict[str, Any] = {
    "if": networks.integrate,
    "lif": lif,
    "lif with a leak potential": lambda shape: lif(shape, v_leak=0.25),
    "cuba": cuba,
    "mixed": lambda shape: cuba(shape) if shape == (10,) else lif(shape),
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("bias", [False, True], ids=["linear", "affine"])
@pytest.mark.parametrize("case", EXACT)
def test_norse_runs_our_files(tmp_path: Path, case: str, bias: bool, seed: int) -> None:
    path = tmp_path / "net.nir"
    graph = written(chain(EXACT[case], bias, seed), path)
    assert differing(graph, path, spikes(6, seed=seed)) == 0


FAULTS: dict[str, Any] = {
    "v_reset of a LIF": lambda shape: lif(shape, v_reset=-0.5),
    "v_reset of an IF": lambda shape: networks.integrate(shape, v_reset=-0.5),
    "v_reset of a CubaLIF": lambda shape: cuba(shape, v_reset=-0.5),
    "r of a LIF": lambda shape: lif(shape, r=2.0),
    "r of an IF": lambda shape: networks.integrate(shape, r=0.5),
    "v_leak of a CubaLIF": lambda shape: cuba(shape, v_leak=0.25),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_of_norse(tmp_path: Path, case: str) -> None:
    path = tmp_path / "net.nir"
    graph = written(chain(FAULTS[case], False, 0), path)
    assert differing(graph, path, spikes(6)) > 0


def loop(neuron: Any, bias: bool) -> Graph:
    """input -> hid <-> hid -> out."""
    rng = np.random.default_rng(4)
    populations = [
        Population("input", Input(), (6,)),
        Population("hid", neuron((8,)), (8,)),
        Population("out", neuron((4,)), (4,)),
    ]
    sizes = {"input": (6,), "hid": (8,), "out": (4,)}
    projections = [
        networks.dense(
            source,
            target,
            rng.normal(0.5, 1.0, (*sizes[target], *sizes[source])),
            sizes[source],
            sizes[target],
            bias=rng.normal(0.2, 0.2, sizes[target]) if bias and source == target else None,
            delay=Delay(np.array(int(source == target))),
        )
        for source, target in (("input", "hid"), ("hid", "hid"), ("hid", "out"))
    ]
    return networks.graph(populations, projections, discretization=NORSE)


@pytest.mark.parametrize("bias", [False, True], ids=["linear", "affine"])
@pytest.mark.parametrize("case", ["if", "lif", "cuba"])
def test_norse_runs_our_recurrence(tmp_path: Path, case: str, bias: bool) -> None:
    path = tmp_path / "net.nir"
    graph = written(loop(EXACT[case], bias), path)
    assert graph.discretization.early_bias == "dropped"
    assert differing(graph, path, spikes(6)) == 0


def test_norse_runs_our_convolutions(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    graph = written(networks.conv_net(np.random.default_rng(0), neuron=lif), path)
    graph = read_graph(path, "norse", DT)
    x = spikes(1, 6, 6)
    net = network(path)
    expected = run_graph(graph, x)["out"]
    assert expected.sum() > 20
    with torch.no_grad():
        for sample in range(2):
            state = None
            for t in range(STEPS):
                output, state = net(torch.as_tensor(x[t, sample]), state)
                np.testing.assert_array_equal(output.numpy(), expected[t, sample])


UNKNOWN: dict[str, Any] = {
    "li": nir.LI(np.full(2, 4 * DT), np.ones(2), np.zeros(2)),
    "scale": nir.Scale(np.full(2, 0.75)),
    "delay": nir.Delay(np.full(2, DT)),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_norse_leaves_out(tmp_path: Path, case: str) -> None:
    """Without a word: the network runs as if these nodes were not there."""
    ends = {"input": nir.Input(np.array([2])), "output": nir.Output(np.array([2]))}
    cell = nir.LIF(np.full(2, 4 * DT), np.ones(2), np.zeros(2), np.full(2, 0.25), np.zeros(2))
    edges = [("input", "a"), ("a", "b"), ("b", "output")]
    graph = nir.NIRGraph({**ends, "a": UNKNOWN[case], "b": cell}, edges, type_check=False)
    nir.write(tmp_path / "net.nir", graph)
    plain = nir.NIRGraph({**ends, "b": cell}, [("input", "b"), ("b", "output")], type_check=False)
    nir.write(tmp_path / "plain.nir", plain)
    x = spikes(2)
    found = imported(tmp_path / "net.nir", x)
    assert found.sum() > 20
    np.testing.assert_array_equal(found, imported(tmp_path / "plain.nir", x))
    assert differing(read_graph(tmp_path / "net.nir", "norse", DT), tmp_path / "net.nir", x) > 0
