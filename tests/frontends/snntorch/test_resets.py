"""Resets of snnTorch's cells: sequences computed by hand, and every combination."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir.read import graph_of
from snn2chip.frontends.snntorch import FRAMEWORK
from snn2chip.frontends.torch.walk import walk
from snn2chip.graph.oracle import run_graph

torch = pytest.importorskip("torch", reason="the front end of PyTorch modules")
snn = pytest.importorskip("snntorch", reason="the front end of snnTorch modules")
nn = torch.nn

from tests.frontends.snntorch.networks import RESETS, Maker, proven, spikes  # noqa: E402

LEAKY = [1.5, 0.5, 2.5, 0.0, 0.25]
SYNAPTIC = [1.5, 0.0, 0.0, 2.0, 0.0]
RECURRENT = [1.5, 2.0, 1.0, 1.0, 0.25]

TABLE: dict[tuple[str, str, bool], tuple[str, list[float]]] = {
    ("Leaky", "subtract", True): ("10100", [1.5, 0.25, 2.625, 0.3125, 0.40625]),
    ("Leaky", "zero", True): ("10100", [1.5, 0.5, 2.75, 0.0, 0.25]),
    ("Leaky", "none", True): ("11111", [1.5, 1.25, 3.125, 1.5625, 1.03125]),
    ("Leaky", "subtract", False): ("10100", [0.5, 0.75, 1.875, 0.9375, 0.71875]),
    ("Leaky", "zero", False): ("10100", [0.0, 0.5, 0.0, 0.0, 0.25]),
    ("Synaptic", "subtract", True): ("10011", [1.5, 0.5, 0.625, 2.5, 1.34375]),
    ("Synaptic", "zero", True): ("10010", [1.5, 0.0, 0.375, 2.375, 0.0]),
    ("Synaptic", "none", True): ("11111", [1.5, 1.5, 1.125, 2.75, 2.46875]),
    ("Synaptic", "subtract", False): ("10010", [0.5, 1.0, 0.875, 1.625, 1.90625]),
    ("Synaptic", "zero", False): ("10011", [0.0, 0.75, 0.75, 0.0, 0.0]),
    ("RLeaky", "subtract", True): ("11010", [1.5, 1.25, 0.125, 1.0625, -0.71875]),
    ("RLeaky", "zero", True): ("10010", [1.5, 0.0, 1.0, 1.5, 0.0]),
}
"""(cell, reset, delayed) -> spikes and membranes with all factors 1/2 and a threshold of 1."""


def small(kind: str, reset: str, delay: bool, **given: Any) -> Any:
    options = {"beta": 0.5, "reset_mechanism": reset, "reset_delay": delay, **given}
    if "Synaptic" in kind:
        options["alpha"] = 0.5
    if kind.startswith("R"):
        options |= {"all_to_all": False, "V": -0.5}
    return getattr(snn, kind)(**options)


def ours_and_theirs(module: Any, x: Any) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Runs of the Graph and of the module, both in float64; and the cell's name."""
    walked = walk(module, x.shape[2:], 1.0)
    graph = graph_of(walked.nodes, "model", "snntorch", 1.0, dict(walked.overrides))
    theirs = FRAMEWORK.record(FRAMEWORK.twin(module, torch.float64), walked.cells, x, torch.float64)
    return run_graph(graph, x), theirs, graph.outputs[0]


@pytest.mark.parametrize(("kind", "reset", "delay"), TABLE, ids=str)
def test_sequences_computed_by_hand(kind: str, reset: str, delay: bool) -> None:
    given = {"Leaky": LEAKY, "Synaptic": SYNAPTIC, "RLeaky": RECURRENT}[kind]
    x = np.array(given).reshape(-1, 1, 1)
    fired, membranes = TABLE[kind, reset, delay]
    for run in ours_and_theirs(small(kind, reset, delay), x)[:2]:
        assert run[kind].reshape(-1).tolist() == [float(z) for z in fired]
        assert run[f"{kind}.v"].reshape(-1).tolist() == membranes


COMBINATIONS = [
    (kind, reset, delay)
    for kind, reset, delay in product(
        ("Leaky", "Synaptic", "RLeaky", "RSynaptic"), RESETS, (True, False)
    )
    if kind != "RSynaptic" or delay
]


@pytest.mark.parametrize(("kind", "reset", "delay"), COMBINATIONS, ids=str)
def test_every_combination_with_numbers_per_neuron(
    kind: str, reset: str, delay: bool, tmp_path: Path
) -> None:
    make = Maker(7)
    options = {"reset_mechanism": reset, "reset_delay": delay, "threshold": torch.rand(6) + 0.2}
    cells = [make.cell((6,), kind, beta=torch.rand(6), **options) for _ in range(2)]
    module = nn.Sequential(nn.Linear(4, 6), cells[0], nn.Linear(6, 6), cells[1])
    report = proven(module, spikes(3, 4), tmp_path)
    assert report.spikes > 0


def test_layers_may_be_reset_differently(tmp_path: Path) -> None:
    parts: list[Any] = [nn.Linear(3, 5)]
    for k, (reset, delay) in enumerate(product(RESETS, (True, False))):
        kind = "Synaptic" if k % 2 else "Leaky"
        parts += [small(kind, reset, delay, init_hidden=True, threshold=0.3), nn.Linear(5, 5)]
    module = nn.Sequential(*parts[:-1])
    assert walk(module, (3,), 1.0).overrides == {
        "input_gain": "one",
        "synapse_gain": "one",
        "reset": "subtract",
        "5.reset": "zero",
        "7.reset": "zero",
        "9.reset": "none",
        "11.reset": "none",
        "reset_time": "fire",
        "5.reset_time": "leak",
    }
    assert proven(module, spikes(1, 3), tmp_path).spikes > 0


class GivenStates(nn.Module):
    """An RSynaptic that is given states of the right shape from the first step on."""

    def __init__(self, reset: str) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)
        options = {"linear_features": 4, "threshold": 0.3, "reset_delay": False}
        self.cell = snn.RSynaptic(0.5, 0.75, reset_mechanism=reset, **options)

    def forward(self, x: Any, spk: Any = None, syn: Any = None, mem: Any = None) -> Any:
        if spk is None:
            spk = syn = mem = torch.zeros(len(x), 4, dtype=x.dtype)
        spk, syn, mem = self.cell(self.fc(x), spk, syn, mem)
        return spk, spk, syn, mem


@pytest.mark.parametrize("reset", RESETS)
def test_an_rsynaptic_that_is_not_to_wait_waits_all_the_same(reset: str, tmp_path: Path) -> None:
    """snntorch 1.0.0 resets a variable that it drops; given its states, it runs."""
    torch.manual_seed(1)
    module = GivenStates(reset)
    found = walk(module, (3,), 1.0).overrides
    assert found.get("cuba_reset_time") == (None if reset == "none" else "fire")
    assert proven(module, spikes(2, 3), tmp_path).spikes > 0
    module.cell.reset_delay = True
    assert walk(module, (3,), 1.0).overrides == found


@pytest.mark.parametrize("holds", [True, False])
def test_an_rsynaptic_that_cannot_run_is_refused(holds: bool) -> None:
    def cell() -> Any:
        return small("RSynaptic", "zero", False, init_hidden=holds)

    with pytest.raises(TypeError, match="NoneType"):
        cell()(torch.ones(1, 2))
    for module, path in ((cell(), ""), (nn.Sequential(nn.Sequential(cell())), "0/0")):
        with pytest.raises(UnsupportedError, match=f"'{path}' .*not given its states"):
            walk(module, (2,), 1.0)


def test_an_rsynaptic_that_cannot_run_within_a_module_is_refused() -> None:
    module = GivenStates("zero")
    module.cell.init_hidden = True
    with pytest.raises(UnsupportedError, match=r"'cell' .*not given its states"):
        walk(module, (3,), 1.0)


def test_a_reset_changed_later_is_refused() -> None:
    """snnTorch itself would go on with the first where the reset is delayed."""
    cell = small("Leaky", "subtract", True)
    cell.reset_mechanism = "zero"
    with pytest.raises(UnsupportedError, match="built with reset 'subtract' and has 'zero' now"):
        walk(nn.Sequential(cell), (2,), 1.0)
    loaded = small("Leaky", "subtract", True)
    loaded.load_state_dict(small("Leaky", "none", True).state_dict())
    with pytest.raises(UnsupportedError, match="built with reset 'subtract' and has 'none' now"):
        walk(nn.Sequential(loaded), (2,), 1.0)


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("delay", [True, False])
def test_negative_thresholds(reset: str, delay: bool) -> None:
    """All of them but the reset to zero at once, where snnTorch doubles the membrane."""
    cell = small("Leaky", reset, delay, threshold=-0.125)
    x = np.array(LEAKY).reshape(-1, 1, 1) - 1.0
    if (reset, delay) == ("zero", False):
        with pytest.raises(UnsupportedError, match="negative threshold"):
            ours_and_theirs(cell, x)
        return
    ours, theirs, name = ours_and_theirs(cell, x)
    for key in (name, f"{name}.v"):
        np.testing.assert_array_equal(ours[key], theirs[key])
    assert 0 < theirs[name].sum() < len(x)
