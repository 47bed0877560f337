"""The script for py-spinnaker2 on a stand-in of its interface, and the NIR by its formulas."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from snn2chip.backends.spinnaker2 import artefacts
from snn2chip.backends.spinnaker2.arithmetic import Spinnaker2Arithmetic, arithmetic_name
from snn2chip.backends.spinnaker2.artefacts import NETWORK, NIR, SCRIPT
from snn2chip.backends.spinnaker2.nir import CONVERSION
from snn2chip.backends.spinnaker2.realise import Formats, realise
from snn2chip.core import Program
from snn2chip.engine import RunOptions, simulate
from snn2chip.frontends import load
from snn2chip.graph import Conv, Graph, Projection
from snn2chip.neurons import Input
from snn2chip.pipeline import Options, open_network
from tests.networks import chain, cuba, dense, graph, integrate, li, lif, population

from .fake_package import write_package

OWN = Formats(weight=8, delayed=5)
STEPS = 9


quick = partial(lif, tau=1.5e-3, threshold=0.4)
slow = partial(cuba, threshold=0.2)


def convolved(right: int = 1) -> Graph:
    """A strided convolution, a matrix behind it, and a readout of membranes."""
    rng = np.random.default_rng(3)
    kernel = rng.normal(0.3, 0.6, size=(3, 2, 3, 3))
    operator = Conv(kernel, (2, 6, 5), (2, 1), ((1, 1), (1, right)), (1, 1))
    shape = operator.target_shape
    populations = [
        population("input", Input(), (2, 6, 5)),
        population("conv", quick(shape), shape),
        population("out", li((4,)), (4,)),
    ]
    size = int(np.prod(shape))
    last = dense("conv", "out", rng.normal(size=(4, size)), shape, (4,), rng.normal(size=4))
    return graph(populations, [Projection("input", "conv", operator), last], readout="v_mean")


def skipping() -> Graph:
    """A projection past a layer, which needs a delay."""
    rng = np.random.default_rng(4)
    net = chain(rng, quick, (5, 4, 3), bias=True)
    past = dense("input", "out", rng.normal(size=(3, 5)), (5,), (3,))
    return graph(net.populations, [*net.projections, past])


NETWORKS = {
    "lif": lambda: chain(np.random.default_rng(0), quick, (6, 5, 3), bias=True),
    "iaf": lambda: chain(np.random.default_rng(1), integrate, (6, 5, 3), bias=True),
    "cubalif": lambda: chain(np.random.default_rng(2), slow, (6, 5, 3), bias=True),
    "conv": convolved,
    "uneven": lambda: convolved(right=2),
    "delays": skipping,
}


def by_script(program: Program, folder: Path, spikes: np.ndarray) -> np.ndarray:
    """Answers [sample, class] of the script on the stand-in; spikes [step, sample, *shape]."""
    for name, content in artefacts.artefacts(program).files.items():
        (folder / name).write_bytes(content)
    np.savez(folder / "spikes.npz", x=spikes.swapaxes(0, 1))
    path = os.pathsep.join([str(write_package(folder / "package"))])
    subprocess.run(
        [sys.executable, SCRIPT, "spikes.npz"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        check=True,
        capture_output=True,
    )
    return np.load(folder / "answers.npy")


@pytest.mark.parametrize("name", NETWORKS)
def test_the_script_builds_what_is_simulated(name: str, tmp_path: Path) -> None:
    program = realise(NETWORKS[name](), OWN, arithmetic_name("chip"))
    source = program.inputs[0]
    spikes = np.random.default_rng(7).random((STEPS, 2, *source.shape)) < 0.5
    activity, _ = simulate(program, {source.name: spikes}, Spinnaker2Arithmetic())
    found = by_script(program, tmp_path, spikes)
    scale = 1.0
    if program.readout.kind != "spike_count":
        scale = float(np.max(program.population("out").scale))
    np.testing.assert_allclose(found / scale, activity.scores, rtol=1e-6, atol=1e-6)
    assert np.abs(activity.scores).sum() > 0


def test_convolutions_stay_convolutions(tmp_path: Path) -> None:
    made = artefacts.artefacts(realise(convolved(), OWN, arithmetic_name("chip")))
    (tmp_path / NETWORK).write_bytes(made.files[NETWORK])
    with np.load(tmp_path / NETWORK, allow_pickle=False) as file:
        network = json.loads(str(file["network"]))
        assert file["0.kernel"].dtype == np.int8
    assert [p["model"] for p in network["populations"]] == [None, "lif_conv2d", "lif_no_delay"]
    assert network["projections"][0]["conv"]["stride_x"] == 2


def test_the_same_program_gives_the_same_network() -> None:
    program = realise(open_network("digits-mlp", Options()).graph, OWN, arithmetic_name("chip"))
    first, second = (artefacts.artefacts(program).files for _ in range(2))
    assert first[NETWORK] == second[NETWORK]
    assert set(first) == {SCRIPT, NETWORK, NIR}


def converted(node: Any, bias: np.ndarray) -> dict[str, Any]:
    """``s2_nir``'s formulas with its exponential integrator and weights as they are."""
    dt = CONVERSION["dt"]
    if isinstance(node, nir.IF):
        alpha = np.ones_like(node.r)
        return {"threshold": node.v_threshold / node.r, "alpha": alpha, "i_offset": bias}
    tau = node.tau if isinstance(node, nir.LIF) else node.tau_mem
    lost = 1.0 - np.exp(-dt / tau)
    scale = 1.0 / (lost * node.r)
    found = {"alpha": 1.0 - lost}
    if isinstance(node, nir.CubaLIF):
        scale = scale / ((1.0 - np.exp(-dt / node.tau_syn)) * node.w_in)
        found["decay"] = np.exp(-dt / node.tau_syn)
    return found | {
        "threshold": node.v_threshold * scale,
        "i_offset": lost * node.v_leak * scale + bias,
    }


@pytest.mark.parametrize("name", ["lif", "iaf", "cubalif", "conv"])
def test_its_converter_makes_the_same_neurons_of_the_nir(name: str, tmp_path: Path) -> None:
    program = realise(NETWORKS[name](), OWN, arithmetic_name("chip"))
    path = tmp_path / NIR
    path.write_bytes(artefacts.artefacts(program).files[NIR])
    nodes = nir.read(path).nodes
    for p in program.populations:
        if p.is_input:
            continue
        bias = sum(
            np.asarray(nodes[a].bias) if len(p.shape) == 1 else np.max(nodes[a].bias)
            for a, b in nir.read(path).edges
            if b == p.name and getattr(nodes[a], "bias", None) is not None
        )
        for key, value in converted(nodes[p.name], bias * np.ones(1)).items():
            wanted = np.broadcast_to(p.parameters[key], p.shape)
            np.testing.assert_allclose(value, wanted, rtol=1e-6, atol=1e-6, err_msg=key)
    for q in program.projections:
        held = [n for n in nodes.values() if getattr(n, "weight", None) is not None]
        assert any(np.array_equal(np.ravel(n.weight), np.ravel(q.operator.weight)) for n in held)


def test_our_own_reading_of_the_nir_spikes_alike(tmp_path: Path) -> None:
    program = realise(NETWORKS["conv"](), OWN, arithmetic_name("chip"))
    path = tmp_path / NIR
    path.write_bytes(artefacts.artefacts(program).files[NIR])
    again = realise(load(path), OWN, arithmetic_name("chip"))
    spikes = np.random.default_rng(8).random((STEPS, 3, 2, 6, 5)) < 0.5
    one, two = (
        simulate(p, {"input": spikes}, Spinnaker2Arithmetic(), RunOptions())[0]
        for p in (program, again)
    )
    np.testing.assert_array_equal(
        one.populations["conv"].spikes.unpack(), two.populations["conv"].spikes.unpack()
    )


def test_what_its_converter_would_take_for_something_else() -> None:
    made = artefacts.artefacts(realise(skipping(), OWN, arithmetic_name("chip")))
    assert set(made.files) == {SCRIPT, NETWORK}
    (reason,) = made.refused
    assert "input->out: a delay in NIR for py-spinnaker2" in str(reason)


def test_too_many_synapses_are_not_unrolled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefacts, "MOST_SYNAPSES", 10)
    made = artefacts.artefacts(realise(NETWORKS["lif"](), OWN, arithmetic_name("chip")))
    assert set(made.files) == {NIR}
    assert "synapses in run_spinnaker2.py" in str(made.refused[0])
