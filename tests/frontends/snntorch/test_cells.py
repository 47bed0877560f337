"""What becomes what: parameters, options, names, and what is refused by name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.errors import InputFileError, UnsupportedError
from snn2chip.frontends.nir.nodes import NirNode
from snn2chip.frontends.nir.read import graph_of
from snn2chip.frontends.snntorch import FRAMEWORK
from snn2chip.frontends.snntorch.cells import time_constant
from snn2chip.frontends.torch.framework import framework_of
from snn2chip.frontends.torch.walk import Walked, walk
from snn2chip.graph import Graph

torch = pytest.importorskip("torch", reason="the front end of PyTorch modules")
snn = pytest.importorskip("snntorch", reason="the front end of snnTorch modules")
nn = torch.nn

from tests.frontends.snntorch.networks import proven, spikes  # noqa: E402


def walked(module: Any, *shape: int, dt: float = 1.0) -> Walked:
    return walk(nn.Sequential(module), shape, dt)


def graph(module: Any, *shape: int, dt: float = 1.0) -> Graph:
    found = walked(module, *shape, dt=dt)
    return graph_of(found.nodes, "model", "snntorch", dt, dict(found.overrides))


def node(module: Any, name: str, *shape: int) -> NirNode:
    found = walked(module, *shape).nodes.nodes[name]
    assert isinstance(found, NirNode)
    return found


def values(module: Any, *shape: int, dt: float = 1.0) -> tuple[str, dict[str, Any]]:
    neuron = graph(module, *shape, dt=dt).populations[-1].neuron
    return neuron.kind, {name: array.tolist() for name, array in neuron.parameters().items()}


def test_a_leaky_is_a_lif_with_an_input_gain_of_1() -> None:
    expected = {"tau": [4.0] * 2, "r": [4.0] * 2, "v_leak": [0.0] * 2, "v_reset": [0.0] * 2}
    kind, found = values(snn.Leaky(beta=0.75, threshold=0.5), 2)
    assert (kind, found) == ("LIF", {**expected, "v_threshold": [0.5] * 2})
    _, found = values(snn.Leaky(beta=0.75, threshold=0.5), 2, dt=0.25)
    assert (found["tau"], found["r"]) == ([1.0] * 2, [4.0] * 2)


def test_a_synaptic_is_a_cubalif_with_gains_of_1() -> None:
    kind, found = values(snn.Synaptic(alpha=0.5, beta=0.75), 1)
    assert kind == "CubaLIF"
    assert found == {
        "tau_syn": [2.0],
        "tau_mem": [4.0],
        "r": [4.0],
        "w_in": [2.0],
        "v_leak": [0.0],
        "v_threshold": [1.0],
        "v_reset": [0.0],
    }


@pytest.mark.parametrize("kind", ["Leaky", "RLeaky"])
def test_without_a_leak_it_is_an_if(kind: str) -> None:
    options = {"all_to_all": False} if kind == "RLeaky" else {}
    found = values(getattr(snn, kind)(beta=1, **options), 2)
    assert found == ("IF", {"r": [1.0] * 2, "v_threshold": [1.0] * 2, "v_reset": [0.0] * 2})


def test_factors_are_kept_between_0_and_1(tmp_path: Path) -> None:
    """As snnTorch does in every step; a factor of 1 among others never forgets."""
    beta = torch.tensor([-3.0, 0.0, 0.5, 1.0, 7.0])
    kind, found = values(snn.Leaky(beta=beta), 5)
    assert (kind, found["tau"]) == ("LIF", [1.0, 1.0, 2.0, 2.0**60, 2.0**60])
    cell = snn.Synaptic(alpha=beta.flip(0), beta=beta, threshold=2.5, init_hidden=True)
    report = proven(nn.Sequential(nn.Linear(3, 5), cell), spikes(0, 3), tmp_path)
    assert report.spikes > 0


@given(st.floats(0.0, 1.0, width=32, exclude_max=True), st.sampled_from([1.0, 1e-3, 1e-4]))
def test_the_decay_is_the_factor(beta: float, dt: float) -> None:
    decay = 1.0 - dt / time_constant(np.array([beta]), dt)[0]
    assert decay == beta if beta >= 0.5 else abs(decay - beta) <= 2.0**-52


def test_a_lapicque_decays_by_its_rc(tmp_path: Path) -> None:
    cell = snn.Lapicque(R=2.0, C=4.0, time_step=2.0, reset_mechanism="zero")
    found = walked(cell, 1, dt=1.0)
    assert values(cell, 1) == (
        "LIF",
        {"tau": [4.0], "r": [2.0], "v_leak": [0.0], "v_threshold": [1.0], "v_reset": [0.0]},
    )
    assert found.overrides == {"reset_time": "fire"}
    for given_ in ({"beta": 0.8}, {"beta": 0.6, "R": 3}, {"R": 1, "C": 1.44}):
        module = nn.Sequential(nn.Linear(2, 3), snn.Lapicque(**given_, threshold=0.1))
        assert proven(module, spikes(0, 2), tmp_path).spikes > 0


def test_numbers_per_neuron_fill_images() -> None:
    cell = snn.Leaky(
        beta=torch.tensor([0.5, 0.75]).reshape(2, 1, 1), threshold=torch.rand(1, 2, 3, 3)
    )
    found = graph(cell, 2, 3, 3).populations[1].neuron.parameters()
    assert {array.shape for array in found.values()} == {(2, 3, 3)}
    assert (found["tau"][1] == 4.0).all()
    np.testing.assert_array_equal(found["v_threshold"], cell.threshold[0].double().numpy())
    with pytest.raises(UnsupportedError, match=r"beta has shape \[2\]"):
        graph(snn.Leaky(beta=torch.rand(2)), 3)


def test_learnt_numbers_are_read() -> None:
    options = {"learn_beta": True, "learn_threshold": True, "learn_alpha": True}
    cell = snn.RSynaptic(alpha=0.5, beta=0.5, linear_features=2, **options)
    with torch.no_grad():
        cell.alpha.fill_(0.75)
        cell.threshold.fill_(0.25)
    _, found = values(cell, 2)
    assert (found["tau_syn"], found["v_threshold"]) == ([4.0] * 2, [0.25] * 2)


def test_recurrent_weights_are_nodes_of_their_own() -> None:
    cell = snn.RLeaky(beta=0.5, linear_features=3)
    made = graph(cell, 3)
    loop = next(p for p in made.projections if p.source == p.target)
    assert loop.delay.largest == 1
    np.testing.assert_array_equal(loop.operator.weight, cell.recurrent.weight.detach().numpy())
    np.testing.assert_array_equal(loop.bias, cell.recurrent.bias.detach().numpy())
    image = snn.RSynaptic(0.5, 0.5, conv2d_channels=2, kernel_size=3)
    assert node(image, "0/recurrent", 2, 5, 5).kind == "Conv2d"
    single = snn.RLeaky(beta=0.5, all_to_all=False, V=torch.tensor([0.25, -1.0]))
    assert node(single, "0/recurrent", 2).kind == "Scale"
    np.testing.assert_array_equal(node(single, "0/recurrent", 2).params["scale"], [0.25, -1.0])


def test_spikes_of_another_height_are_a_scale(tmp_path: Path) -> None:
    options = {"graded_spikes_factor": torch.tensor([0.5, -2.0]), "reset_delay": False}
    cell = snn.Leaky(beta=0.9, init_hidden=True, **options)
    module = nn.Sequential(cell, nn.Linear(2, 3), snn.Leaky(beta=0.9, threshold=0.2))
    found = walk(module, (2,), 1.0)
    np.testing.assert_array_equal(
        found.nodes.nodes["0/graded_spikes_factor"].params["scale"], [0.5, -2.0]
    )
    assert proven(module, 2 * spikes(0, 2), tmp_path).spikes > 0
    loop = snn.RLeaky(beta=0.9, linear_features=3, threshold=0.3)
    loop.graded_spikes_factor = torch.tensor(3.0)  # recurrent cells see spikes of that height too
    module = nn.Sequential(nn.Linear(2, 3), loop, nn.Linear(3, 2), snn.Leaky(beta=0.9))
    assert proven(module, spikes(0, 2), tmp_path).spikes > 0
    module = nn.Sequential(cell)
    cell.graded_spikes_factor.zero_()
    with pytest.raises(UnsupportedError, match="graded_spikes_factor is 0"):
        walk(module, (2,), 1.0)


def leaky(**options: Any) -> Any:
    return snn.Leaky(beta=0.9, **options)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "inhibition": (lambda: leaky(inhibition=True), "uses inhibition"),
    "state_quant": (lambda: leaky(state_quant=lambda x: x), "uses state_quant"),
    "spike_grad": (lambda: leaky(spike_grad=torch.sigmoid), "a spike function of its own"),
    ">=": (lambda: leaky(spike_grad=lambda x: (x >= 0).float()), "a spike function of its own"),
    "Alpha": (lambda: snn.Alpha(alpha=0.9, beta=0.8), "Alpha.*use Synaptic"),
    "LeakyParallel": (lambda: snn.LeakyParallel(2, 2), "LeakyParallel.*use Leaky"),
    "StateLeaky": (lambda: snn.StateLeaky(beta=0.9, channels=2), "StateLeaky.*use Leaky"),
    "LinearLeaky": (
        lambda: snn.LinearLeaky(beta=0.9, in_features=2, out_features=2),
        "LinearLeaky.*use a Linear and a Leaky",
    ),
    "SLSTM": (lambda: snn.SLSTM(2, 2), "SLSTM.*use RSynaptic"),
    "SConv2dLSTM": (lambda: snn.SConv2dLSTM(2, 2, 3), "SConv2dLSTM.*use RSynaptic"),
    "GradedSpikes": (lambda: snn.GradedSpikes(2, 0.5), "GradedSpikes.*graded_spikes_factor"),
}


@pytest.mark.filterwarnings("ignore:Inhibition is an unstable feature")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    make, message = REFUSED[name]
    module = nn.Sequential(nn.Linear(2, 2), make(), nn.Linear(2, 2), leaky(init_hidden=True))
    with pytest.raises(UnsupportedError, match="(?s)'1'.*" + message):
        walk(module, (2,), 1.0)


def test_every_other_neuron_of_snntorch_is_refused_by_name() -> None:
    neurons = {
        name
        for name, kind in vars(snn).items()
        if isinstance(kind, type) and issubclass(kind, nn.Module)
    } - {"SpikingNeuron", "LIF"}
    assert neurons <= set(FRAMEWORK.cells) | set(FRAMEWORK.refused or {})
    assert set(FRAMEWORK.cells) <= neurons


def test_a_batch_norm_per_step_is_refused() -> None:
    norms = snn.BatchNormTT1d(2, 4)
    assert type(norms).__name__ in (FRAMEWORK.refused or {})
    with pytest.raises(UnsupportedError):
        walk(nn.Sequential(nn.Linear(2, 2), norms, leaky(init_hidden=True)), (2,), 1.0)


def test_one_cell_for_two_layers_is_refused() -> None:
    cell = leaky(init_hidden=True)
    with pytest.raises(UnsupportedError, match=r"\(Leaky\)"):
        walk(nn.Sequential(nn.Linear(2, 2), cell, nn.Linear(2, 2), cell), (2,), 1.0)


def test_recurrence_over_an_image_needs_a_convolution() -> None:
    cell = snn.RLeaky(beta=0.9, linear_features=3, init_hidden=True)
    with pytest.raises(UnsupportedError, match=r"linear_features on an input of shape \[2, 3\]"):
        graph(cell, 2, 3)


def test_a_factor_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputFileError, match="tau"):
        graph(leaky(learn_beta=True, init_hidden=True).__class__(beta=float("nan")), 2)


def test_the_library_is_found() -> None:
    assert framework_of(nn.Sequential(nn.Linear(2, 2), leaky())) is FRAMEWORK
    assert (FRAMEWORK.name, FRAMEWORK.extra, FRAMEWORK.dt) == ("snntorch", "snntorch", 1.0)


PROBE = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("snntorch", "torch"):
            raise ImportError(name + " is not there")
sys.meta_path.insert(0, Missing())
import snn2chip
from snn2chip.frontends.snntorch import FRAMEWORK
from snn2chip.frontends.torch.framework import require
from snn2chip.errors import ConfigError
try:
    require(FRAMEWORK.package, FRAMEWORK.extra)
except ConfigError as error:
    print(error.remedy)
"""


def test_nothing_imports_snntorch_and_its_absence_names_the_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == 'pip install "snn2chip[snntorch]"'
